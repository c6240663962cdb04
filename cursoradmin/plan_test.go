package cursoradmin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"github.com/kreflex/kreflex/cursoradmin"
	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
)

// Whatever the log is like and wherever a consumer is, after a reset it has exactly the events that the plan says come again, and
// lacks exactly those that it says are skipped.
func TestWhatThePlanSaysTheConsumerSees(t *testing.T) {
	e := newEnv(t)
	e.write(0, 5)
	e.transact(0, 3, kgo.TryCommit)
	e.transact(0, 2, kgo.TryAbort)
	e.write(0, 4)
	e.cut(0, 2)
	end := e.broker.Cluster().PartitionInfo("orders", 0).LastStableOffset
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		before, after := fmt.Sprintf("before-%d", run), fmt.Sprintf("after-%d", run)
		old := kafkastream.Cursor{Offset: rapid.Int64Range(1, end-1).Draw(t, "old"), LeaderEpoch: -1}.String()
		e.put(before, 0, old)
		e.put(after, 0, old)
		e.put("other", 0, kafkastream.Cursor{Offset: rapid.Int64Range(1, end-1).Draw(t, "other"), LeaderEpoch: -1}.String())
		target := rapid.SampledFrom([]cursoradmin.Target{
			cursoradmin.ToStart(), cursoradmin.ToEnd(), cursoradmin.Like("other"),
			cursoradmin.ToOffset(rapid.Int64Range(2, end).Draw(t, "offset")),
		}).Draw(t, "target")
		plan, err := e.admin(cursoradmin.WithForce()).PlanReset(e.ctx, after, "orders", []int32{0}, target)
		require.NoError(t, err)
		require.NoError(t, plan.Err())
		report, err := e.admin().Apply(e.ctx, plan)
		require.NoError(t, err)
		require.NoError(t, report.Err())

		without, with := e.consume(before, 0), e.consume(after, 0)
		s := plan.Steps[0]
		if s.Action != cursoradmin.Keep {
			require.True(t, s.Exact)
		}
		require.Equal(t, s.ComeAgain-s.Skipped, int64(len(with)-len(without)), "%+v", s)
		require.True(t, s.ComeAgain == 0 || s.Skipped == 0)
		shorter, longer := with, without
		if len(shorter) > len(longer) {
			shorter, longer = longer, shorter
		}
		require.True(t, slices.Equal(longer[len(longer)-len(shorter):], shorter), "%v is not the end of %v", shorter, longer)
	})
}

func TestADryRunChangesNothingAndApplyDoesWhatItSaid(t *testing.T) {
	e := newEnv(t)
	e.write(0, 10)
	e.write(1, 4)
	require.Len(t, e.consume("billing", 0), 10)
	require.Len(t, e.consume("billing", 1), 4)
	before := e.written()
	plan, err := e.admin().PlanReset(e.ctx, "billing", "orders", nil, cursoradmin.ToOffset(3))
	require.NoError(t, err)
	require.NoError(t, plan.Err())
	require.Equal(t, before, e.written())
	require.Equal(t, []int64{7, 1}, []int64{plan.Steps[0].ComeAgain, plan.Steps[1].ComeAgain})

	text, err := json.Marshal(plan)
	require.NoError(t, err)
	var read cursoradmin.Plan
	require.NoError(t, json.Unmarshal(text, &read))
	require.Equal(t, plan, read, "it is plain data")

	report, err := e.admin().Apply(e.ctx, read)
	require.NoError(t, err)
	require.NoError(t, report.Err())
	require.Equal(t, before+2, e.written())
	for i := range report.Steps {
		require.Equal(t, cursoradmin.WasSet, report.Steps[i].Action)
		report.Steps[i].Action = cursoradmin.Set
	}
	require.Equal(t, plan, cursoradmin.Plan(report), "done is what was planned")
	require.Regexp(t, `^2@[\w-]{22}$`, e.cursor("billing", 0))
	require.Equal(t, []string{"3", "4", "5", "6", "7", "8", "9"}, e.consume("billing", 0))
	require.Equal(t, []string{"3"}, e.consume("billing", 1))
}

// One partition is in the way: the other is left alone too.
func TestNothingIsDoneOfAPlanThatIsRefusedInPart(t *testing.T) {
	e := newEnv(t)
	e.write(0, 10)
	e.write(1, 4)
	e.put("billing", 0, "5")
	e.put("billing", 1, "2")
	before := e.written()
	plan, err := e.admin().PlanReset(e.ctx, "billing", "orders", nil, cursoradmin.ToOffset(7))
	require.NoError(t, err)
	require.ErrorIs(t, plan.Err(), cursoradmin.ErrOutOfRange)
	require.ErrorContains(t, plan.Err(), "asked for offset 7 to be next: found offsets 0 to 4")
	require.Equal(t, cursoradmin.Set, plan.Steps[0].Action)
	require.Contains(t, plan.String(), "SKIPS 1 EVENT")
	for _, force := range []bool{false, true} {
		plan.Force = force
		report, err := e.admin().Apply(e.ctx, plan)
		require.NoError(t, err)
		require.ErrorIs(t, report.Err(), cursoradmin.ErrOutOfRange)
		require.False(t, report.Tried())
		require.Equal(t, before, e.written())
	}

	for _, offset := range []int64{-1, 1<<63 - 1} {
		plan, err = e.admin().PlanReset(e.ctx, "billing", "orders", nil, cursoradmin.ToOffset(offset))
		require.NoError(t, err)
		require.ErrorIs(t, plan.Err(), cursoradmin.ErrOutOfRange)
	}
}

// A cursor that moves between plan and apply keeps the whole plan from being done.
func TestAPlanIsNotDoneOnceACursorHasChanged(t *testing.T) {
	e := newEnv(t)
	e.write(0, 10)
	e.write(1, 10)
	e.put("billing", 0, "5")
	e.put("billing", 1, "5")
	plan, err := e.admin().PlanReset(e.ctx, "billing", "orders", nil, cursoradmin.ToStart())
	require.NoError(t, err)
	require.NoError(t, plan.Err())
	e.put("billing", 1, "6")
	before := e.written()
	report, err := e.admin().Apply(e.ctx, plan)
	require.NoError(t, err)
	require.ErrorIs(t, report.Err(), cursoradmin.ErrChanged)
	require.Equal(t, before, e.written())
	require.Equal(t, "5", e.cursor("billing", 0))
}

func TestToTime(t *testing.T) {
	e := newEnv(t)
	began := time.UnixMilli(1_700_000_000_000)
	for i := range 5 {
		e.write(0, 1, began.Add(time.Duration(i)*time.Minute))
	}
	e.write(1, 1, began.Add(time.Hour))
	e.put("billing", 0, "3")
	e.put("billing", 1, "0")
	for name, c := range map[string]struct {
		at   time.Time
		next [2]int64
	}{
		"before the first":        {time.Unix(0, 0), [2]int64{0, 0}},
		"before there were times": {time.Unix(-9, 0), [2]int64{0, 0}},
		"exactly":                 {began.Add(2 * time.Minute), [2]int64{2, 0}},
		"less than a millisecond": {began.Add(2*time.Minute + time.Nanosecond), [2]int64{2, 0}},
		"a millisecond":           {began.Add(2*time.Minute + time.Millisecond), [2]int64{3, 0}},
		"between":                 {began.Add(150 * time.Second), [2]int64{3, 0}},
		"after the last of one":   {began.Add(30 * time.Minute), [2]int64{5, 0}},
		"after all":               {began.Add(2 * time.Hour), [2]int64{5, 1}},
	} {
		plan, err := e.admin().PlanReset(e.ctx, "billing", "orders", nil, cursoradmin.ToTime(c.at))
		require.NoError(t, err)
		require.NoError(t, plan.Err())
		got := [2]int64{plan.Steps[0].NewNext, plan.Steps[1].NewNext}
		require.Equal(t, c.next, got, name)
	}
	e.cut(0, 3)
	plan, err := e.admin().PlanReset(e.ctx, "billing", "orders", []int32{0}, cursoradmin.ToTime(began))
	require.NoError(t, err)
	require.Equal(t, int64(3), plan.Steps[0].NewNext, "what is left of it")
}

func TestCopyAndLike(t *testing.T) {
	e := newEnv(t)
	e.write(0, 10)
	require.Len(t, e.consume("billing", 0), 10)
	report := e.apply(e.admin().PlanCopy(e.ctx, "billing", "invoicing", "orders"))
	require.Equal(t, cursoradmin.WasSet, report.Steps[0].Action)
	require.Equal(t, cursoradmin.Keep, report.Steps[1].Action, "neither has a cursor")
	require.Equal(t, e.cursor("billing", 0), e.cursor("invoicing", 0), "with the epoch of the log")
	require.Empty(t, e.consume("invoicing", 0))

	_, err := e.admin().PlanCopy(e.ctx, "biling", "invoicing", "orders")
	require.ErrorIs(t, err, cursoradmin.ErrUnknownConsumer)

	e.put("lost", 0, "99")
	plan, err := e.admin().PlanReset(e.ctx, "billing", "orders", nil, cursoradmin.Like("lost"))
	require.NoError(t, err)
	require.ErrorIs(t, plan.Err(), cursoradmin.ErrUnusableCursor)
	require.ErrorContains(t, plan.Err(), "beyond end")
}

func TestSavedCursorsAreRestored(t *testing.T) {
	e := newEnv(t)
	e.write(0, 10)
	e.write(1, 10)
	e.put("billing", 0, "4")
	e.put("billing", 1, "")
	e.put("shipping", 0, "9")
	saved, err := e.admin().List(e.ctx, cursoradmin.Filter{})
	require.NoError(t, err)
	e.apply(e.admin().PlanReset(e.ctx, "billing", "orders", nil, cursoradmin.ToEnd()))
	e.apply(e.admin().PlanReset(e.ctx, "billing", "orders", nil, cursoradmin.ToSaved(saved)))
	require.Equal(t, "4", e.cursor("billing", 0))
	require.Empty(t, e.cursor("billing", 1))

	_, err = e.admin(cursoradmin.WithNewConsumer()).PlanReset(e.ctx, "invoicing", "orders", nil, cursoradmin.ToSaved(saved))
	require.ErrorIs(t, err, cursoradmin.ErrBadFile)
	require.ErrorContains(t, err, "billing, shipping")
	plan, err := e.admin().PlanReset(e.ctx, "shipping", "orders", []int32{0, 1}, cursoradmin.ToSaved(saved))
	require.NoError(t, err)
	require.ErrorIs(t, plan.Err(), cursoradmin.ErrBadFile, "partition 1 was asked for")
	plan, err = e.admin().PlanReset(e.ctx, "shipping", "orders", nil, cursoradmin.ToSaved(saved))
	require.NoError(t, err)
	require.Len(t, plan.Steps, 1)
}

// The cursors of a topic that is created again are noticed, but for the start, which is wherever the log begins.
func TestACursorThatWasSetIsOfItsTopic(t *testing.T) {
	e := newEnv(t)
	e.write(0, 3)
	e.put("at-end", 0, "1")
	e.put("at-start", 0, "1")
	e.apply(e.admin().PlanReset(e.ctx, "at-end", "orders", []int32{0}, cursoradmin.ToEnd()))
	e.apply(e.admin().PlanReset(e.ctx, "at-start", "orders", []int32{0}, cursoradmin.ToStart()))
	saved, err := e.admin().List(e.ctx, cursoradmin.Filter{})
	require.NoError(t, err)
	require.NoError(t, e.broker.Cluster().DeleteTopic("orders"))
	require.NoError(t, e.broker.CreateTopic("orders", 2, nil))
	e.connect() // a client remembers the topic's ID
	e.write(0, 4)

	_, err = e.log(0).Stream(e.ctx, e.cursor("at-end", 0))
	require.ErrorIs(t, err, kafkastream.ErrTopicRecreated)
	require.Equal(t, []string{"0", "1", "2", "3"}, e.consume("at-start", 0))
	standings, err := e.admin().List(e.ctx, cursoradmin.Filter{Consumers: []string{"at-end"}})
	require.NoError(t, err)
	require.Equal(t, cursoradmin.Recreated, standings[0].State)

	plan, err := e.admin().PlanReset(e.ctx, "at-end", "orders", []int32{0}, cursoradmin.ToSaved(saved))
	require.NoError(t, err)
	require.ErrorIs(t, plan.Err(), cursoradmin.ErrUnusableCursor)
	plan, err = e.admin().PlanReset(e.ctx, "at-end", "orders", []int32{0}, cursoradmin.ToOffset(3))
	require.NoError(t, err)
	require.Equal(t, int64(3), plan.Steps[0].Skipped, "it has had nothing of this topic")
}

func TestAnEmptyLogHasAnEnd(t *testing.T) {
	e := newEnv(t)
	e.apply(e.admin(cursoradmin.WithNewConsumer()).PlanReset(e.ctx, "billing", "orders", []int32{0}, cursoradmin.ToEnd()))
	require.Regexp(t, `^-1@`, e.cursor("billing", 0))
	e.write(0, 2)
	require.Equal(t, []string{"0", "1"}, e.consume("billing", 0))
}

func TestDelete(t *testing.T) {
	e := newEnv(t)
	e.write(0, 3)
	e.put("billing", 0, "1")
	e.put("billing", 1, "1")
	require.NoError(t, e.store.Reset(e.ctx, kafkacursor.Key{Consumer: "billing"}, "text"))
	require.NoError(t, e.store.Reset(e.ctx, kafkacursor.Key{Consumer: "billing", Topic: "gone"}, "1"))
	e.put("shipping", 0, "1")

	plan, err := e.admin().PlanDelete(e.ctx, "billing", "orders", []int32{0})
	require.NoError(t, err)
	require.Len(t, plan.Steps, 1)
	require.Equal(t, int64(2), plan.Steps[0].ComeAgain)
	require.Equal(t, "1", e.cursor("billing", 0))
	report := e.apply(plan, nil)
	require.Equal(t, cursoradmin.Deleted, report.Steps[0].Action)
	require.Len(t, e.consume("billing", 0), 3)

	report = e.apply(e.admin().PlanDelete(e.ctx, "billing", "", nil))
	require.Len(t, report.Steps, 4)
	_, err = e.admin().PlanDelete(e.ctx, "billing", "", nil)
	require.ErrorIs(t, err, cursoradmin.ErrUnknownConsumer)
	require.ErrorContains(t, err, "consumers with cursors: shipping")
	_, err = e.admin().PlanDelete(e.ctx, "shipping", "orders", []int32{1})
	require.ErrorIs(t, err, cursoradmin.ErrUnknownConsumer)
}

func TestWhatIsCorruptCanBeSet(t *testing.T) {
	e := newEnv(t)
	e.write(0, 3)
	require.NoError(t, e.client.ProduceSync(e.ctx,
		&kgo.Record{Topic: e.cursors, Key: []byte("billing/orders/0"), Value: []byte("1"), Headers: []kgo.RecordHeader{{Key: "epoch", Value: []byte("x")}}}).FirstErr())
	report := e.apply(e.admin().PlanReset(e.ctx, "billing", "orders", []int32{0}, cursoradmin.ToOffset(2)))
	require.Equal(t, int64(-1), report.Steps[0].Skipped)
	require.Contains(t, report.String(), "not known")
	require.Equal(t, []string{"2"}, e.consume("billing", 0))
}

func TestWhatIsNotThereIsNamedWithWhatIs(t *testing.T) {
	e := newEnv(t)
	e.put("billing", 0, "")
	_, err := e.admin().PlanReset(e.ctx, "billing", "odrers", nil, cursoradmin.ToStart())
	require.ErrorIs(t, err, kafkastream.ErrUnknownTopic)
	require.ErrorContains(t, err, "topics with cursors: orders")
	_, err = e.admin().PlanReset(e.ctx, "biling", "orders", nil, cursoradmin.ToStart())
	require.ErrorIs(t, err, cursoradmin.ErrUnknownConsumer)
	require.ErrorContains(t, err, "consumers with cursors: billing")
	_, err = e.admin().PlanReset(e.ctx, "billing", "orders", []int32{0, 2}, cursoradmin.ToStart())
	require.ErrorIs(t, err, kafkastream.ErrUnknownPartition)
	_, err = e.admin().PlanReset(e.ctx, "billing", "orders", nil, cursoradmin.Target{})
	require.ErrorIs(t, err, cursoradmin.ErrInvalidOption)
	canceled, cancel := context.WithCancel(e.ctx)
	cancel()
	_, err = e.admin().PlanReset(canceled, "billing", "orders", nil, cursoradmin.ToStart())
	require.ErrorIs(t, err, context.Canceled)
}

// Where counting would be too much, the number is one of offsets, and says so.
func TestManyEventsAreNotCounted(t *testing.T) {
	e := newEnv(t)
	e.transact(0, 3, kgo.TryCommit)
	e.put("billing", 0, "")
	plan, err := e.admin(cursoradmin.WithCountLimit(3)).PlanReset(e.ctx, "billing", "orders", []int32{0}, cursoradmin.ToEnd())
	require.NoError(t, err)
	require.Equal(t, int64(4), plan.Steps[0].Skipped)
	require.False(t, plan.Steps[0].Exact)
	require.Contains(t, plan.String(), "SKIPS AT MOST 4 EVENTS: the consumer will never have them.")
	plan, err = e.admin(cursoradmin.WithCountLimit(4)).PlanReset(e.ctx, "billing", "orders", []int32{0}, cursoradmin.ToEnd())
	require.NoError(t, err)
	require.Equal(t, int64(3), plan.Steps[0].Skipped)
}
