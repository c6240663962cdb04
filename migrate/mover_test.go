package migrate_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/migrate"
	"github.com/kreflex/kreflex/rpatterns"
)

func openCursors(t *testing.T, broker *kafkatest.Broker, opts ...kafkacursor.Option) *kafkacursor.Store {
	t.Helper()
	store, err := kafkacursor.Open(bounded(t), broker.Opts(), "cursors", opts...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() }) // tests that care have flushed it
	return store
}

func copyAll(t *testing.T, broker *kafkatest.Broker, source *fakeSource, opts ...migrate.CopyOption) {
	t.Helper()
	_, err := migrate.Copy(bounded(t), source.stream, broker.Opts(), "orders", 0, opts...)
	require.NoError(t, err)
}

// produceForeign writes a record as a publisher would that knows nothing of a copy.
func produceForeign(t *testing.T, broker *kafkatest.Broker) {
	t.Helper()
	client, err := kgo.NewClient(broker.Opts()...)
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.ProduceSync(bounded(t), &kgo.Record{Topic: "orders", Value: []byte("foreign")}).FirstErr())
}

// offsetOf returns the offset part of a cursor, which must carry the identity of its log.
func offsetOf(t *testing.T, cursor string) string {
	t.Helper()
	if cursor == "" {
		return ""
	}
	offset, identity, found := strings.Cut(cursor, "@")
	require.True(t, found, cursor)
	require.NotEmpty(t, identity)
	return offset
}

// Events 2, 3, 5, 8 and 13 are copied in one transaction, so that they are at offsets 0 to 4.
func TestCursorsMoveThroughNumbers(t *testing.T) {
	broker := keeping(t, "orders")
	copyAll(t, broker, newFakeSource(event("2"), event("3"), event("5"), event("8"), event("13")))

	for name, tc := range map[string]struct {
		old     string
		present string
		opts    []migrate.MoveOption
		action  migrate.Action
		new     string
		err     error
	}{
		"nothing consumed":                 {old: "", action: migrate.Keep},
		"nothing to move to a running one": {old: "", present: "3", action: migrate.Keep, new: "3"},
		"start as old stores say it":       {old: "0", action: migrate.Keep},
		"before the first":                 {old: "1", action: migrate.Keep},
		"before the first, but ahead":      {old: "1", present: "0", action: migrate.Refuse, err: migrate.ErrAhead},
		"the first":                        {old: "2", action: migrate.Move, new: "0"},
		"the second":                       {old: "3", action: migrate.Move, new: "1"},
		"hidden between two":               {old: "7", action: migrate.Move, new: "2"},
		"hidden right before one":          {old: "12", action: migrate.Move, new: "3"},
		"the last":                         {old: "13", action: migrate.Move, new: "4"},
		"of a copied partition":            {old: "8@Rk3sT1x2Q9ilbZk9Pb1xGg:4", action: migrate.Move, new: "3"},
		"not copied yet":                   {old: "14", action: migrate.Refuse, err: migrate.ErrNotCopied},
		"not copied yet, repeats are fine": {old: "14", opts: []migrate.MoveOption{migrate.WithRepeats()}, action: migrate.Move, new: "4"},
		"longer than any number":           {old: "99999999999999999999999", action: migrate.Refuse, err: migrate.ErrNotCopied},
		"no number":                        {old: "yesterday", action: migrate.Refuse, err: migrate.ErrUnknownCursor},
		"no number, repeats or not":        {old: "yesterday", opts: []migrate.MoveOption{migrate.WithRepeats()}, action: migrate.Refuse, err: migrate.ErrUnknownCursor},
		"not as numbers are written":       {old: "05", action: migrate.Refuse, err: migrate.ErrUnknownCursor},
		"there already":                    {old: "5", present: "2", action: migrate.Keep, new: "2"},
		"was there before":                 {old: "8", present: "2", action: migrate.Move, new: "3"},
		"further already":                  {old: "5", present: "4", action: migrate.Refuse, err: migrate.ErrAhead},
		"further already, forced":          {old: "5", present: "4", opts: []migrate.MoveOption{migrate.WithForce()}, action: migrate.Move, new: "2"},
		"present is none":                  {old: "5", present: "x", action: migrate.Refuse, err: migrate.ErrBadCursor},
		"present is none, forced":          {old: "5", present: "x", opts: []migrate.MoveOption{migrate.WithForce()}, action: migrate.Move, new: "2"},
		"present is of another log":        {old: "5", present: "4@Rk3sT1x2Q9ilbZk9Pb1xGg", action: migrate.Refuse, err: migrate.ErrBadCursor},
	} {
		t.Run(name, func(t *testing.T) {
			target := rpatterns.MemCursorStore()
			if tc.present != "" {
				require.NoError(t, target.SetCursor(t.Context(), "billing", tc.present))
			}
			from := migrate.Map(map[string]string{"billing": tc.old})
			mover := migrate.NewMover(from, migrate.Copied(broker.Opts(), "orders", 0), migrate.Store(target), tc.opts...)
			plan, err := mover.Plan(bounded(t), "billing")
			require.NoError(t, err)
			step := plan.Steps[0]
			require.Equal(t, tc.action, step.Action, plan)
			require.ErrorIs(t, plan.Err(), tc.err)
			require.Equal(t, tc.err == nil, step.Err == nil)

			before, err := target.GetCursor(t.Context(), "billing")
			require.NoError(t, err)
			require.Equal(t, tc.present, before, "a plan changes nothing")

			report, err := mover.Apply(bounded(t), plan)
			require.NoError(t, err)
			after, err := target.GetCursor(t.Context(), "billing")
			require.NoError(t, err)
			if tc.action != migrate.Move {
				require.Equal(t, tc.present, after)
				require.Equal(t, tc.new, step.New)
				return
			}
			require.Equal(t, migrate.Moved, report.Steps[0].Action, report)
			require.Equal(t, tc.new, offsetOf(t, after))
			require.Equal(t, step.New, after)

			// What was moved is a cursor that a stream takes.
			stream, err := kafkastream.NewPartition(broker.Opts(), "orders", 0).Stream(bounded(t), after)
			require.NoError(t, err)
			closeClient(stream)
		})
	}
}

func TestCursorsMoveThroughIDsWithoutOrder(t *testing.T) {
	broker := keeping(t, "orders")
	copyAll(t, broker, newFakeSource(event("c"), event("a"), event("b")))
	from := migrate.Map(map[string]string{"on c": "c", "on a": "a", "on b": "b", "nowhere": "d", "number": "7"})
	mover := migrate.NewMover(from, migrate.Copied(broker.Opts(), "orders", 0), migrate.Store(rpatterns.MemCursorStore()), migrate.WithRepeats())
	plan, err := mover.Plan(bounded(t), "on c", "on a", "on b", "nowhere", "number")
	require.NoError(t, err)
	for i, want := range []string{"0", "1", "2"} {
		require.Equal(t, want, offsetOf(t, plan.Steps[i].New), plan)
	}
	// The last copied event may be before it: to move there could leave events out.
	require.ErrorIs(t, plan.Steps[3].Err, migrate.ErrNotCopied)
	require.ErrorIs(t, plan.Steps[4].Err, migrate.ErrUnknownCursor)
}

func TestPlanWaitsForWhatIsNotCopiedYet(t *testing.T) {
	broker := keeping(t, "orders")
	source := newFakeSource(numbered(1, 10)...)
	copyAll(t, broker, source)
	source.add(numbered(11, 20)...)

	from := migrate.Map(map[string]string{"billing": "15"})
	mapping := migrate.Copied(broker.Opts(), "orders", 0)
	short := migrate.NewMover(from, mapping, migrate.Store(rpatterns.MemCursorStore()), migrate.WithWait(10*time.Millisecond))
	plan, err := short.Plan(bounded(t), "billing")
	require.NoError(t, err)
	require.ErrorIs(t, plan.Err(), migrate.ErrNotCopied)

	patiently := migrate.NewMover(from, mapping, migrate.Store(rpatterns.MemCursorStore()), migrate.WithWait(patient))
	planned := make(chan migrate.Plan, 1)
	go func() {
		late, err := patiently.Plan(context.WithoutCancel(t.Context()), "billing")
		if err != nil {
			t.Error(err)
		}
		planned <- late
	}()
	copyAll(t, broker, source)
	plan = <-planned
	require.NoError(t, plan.Err())
	require.Equal(t, migrate.Move, plan.Steps[0].Action)

	// The wait is bounded by the context too, and says so.
	far := migrate.NewMover(migrate.Map(map[string]string{"billing": "99"}), mapping, migrate.Store(rpatterns.MemCursorStore()), migrate.WithWait(time.Hour))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = far.Plan(ctx, "billing")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// A publisher wrote in between before the copy knew: a cursor on what follows would leave its event out
// for a consumer that never saw it.
func TestMappingRefusesForeignRecordsBeforeCopies(t *testing.T) {
	broker := keeping(t, "orders", "source")
	produceForeign(t, broker)
	client, err := kgo.NewClient(broker.Opts()...)
	require.NoError(t, err)
	defer client.Close()
	copied := &kgo.Record{Topic: "orders", Headers: []kgo.RecordHeader{{Key: migrate.HeaderSourceID, Value: []byte("1")}}}
	require.NoError(t, client.ProduceSync(bounded(t), copied).FirstErr())

	mover := migrate.NewMover(migrate.Map(map[string]string{"billing": "1"}), migrate.Copied(broker.Opts(), "orders", 0), migrate.Store(rpatterns.MemCursorStore()))
	_, err = mover.Plan(bounded(t), "billing")
	require.ErrorIs(t, err, migrate.ErrForeignRecords)
}

// Publishers have moved: what they write behind the copies is nothing to the mapping.
func TestMappingToleratesPublishersBehindTheCopy(t *testing.T) {
	broker := keeping(t, "orders")
	copyAll(t, broker, newFakeSource(numbered(1, 3)...))
	produceForeign(t, broker)
	mover := migrate.NewMover(migrate.Map(map[string]string{"billing": "3"}), migrate.Copied(broker.Opts(), "orders", 0), migrate.Store(rpatterns.MemCursorStore()))
	plan, err := mover.Plan(bounded(t), "billing")
	require.NoError(t, err)
	require.Equal(t, "2", offsetOf(t, plan.Steps[0].New))
	require.EqualValues(t, 2, plan.Steps[0].Behind, "a marker and the new event")
}

// Retention has removed the first events: whether one of them was before the cursor is not known.
func TestCursorBeforeWhatRetentionLeftIsGone(t *testing.T) {
	broker := keeping(t, "orders")
	copyAll(t, broker, newFakeSource(event("2"), event("4"), event("6")))
	require.NoError(t, broker.Cluster().DeleteRecords("orders", 0, 1))
	from := migrate.Map(map[string]string{"gone": "2", "hidden": "3", "there": "4"})
	mover := migrate.NewMover(from, migrate.Copied(broker.Opts(), "orders", 0), migrate.Store(rpatterns.MemCursorStore()))
	plan, err := mover.Plan(bounded(t), "gone", "hidden", "there")
	require.NoError(t, err)
	require.ErrorIs(t, plan.Steps[0].Err, migrate.ErrGone)
	require.ErrorIs(t, plan.Steps[1].Err, migrate.ErrGone)
	require.Equal(t, "1", offsetOf(t, plan.Steps[2].New))
}

// Between plan and apply the old consumer goes on, or the new one is started: neither is overruled.
func TestApplyRefusesWhatMovedSinceThePlan(t *testing.T) {
	broker := keeping(t, "orders")
	copyAll(t, broker, newFakeSource(numbered(1, 10)...))
	for name, disturb := range map[string]func(from, to interface {
		SetCursor(ctx context.Context, name, cursor string) error
	}) error{
		"the old consumer runs": func(from, _ interface {
			SetCursor(ctx context.Context, name, cursor string) error
		},
		) error {
			return from.SetCursor(context.Background(), "billing", "6")
		},
		"the new consumer runs": func(_, to interface {
			SetCursor(ctx context.Context, name, cursor string) error
		},
		) error {
			return to.SetCursor(context.Background(), "billing", "7")
		},
	} {
		t.Run(name, func(t *testing.T) {
			from := rpatterns.MemCursorStore(rpatterns.WithMemCursor("billing", "5"), rpatterns.WithMemCursor("shipping", "3"))
			to := rpatterns.MemCursorStore()
			mover := migrate.NewMover(migrate.Store(from), migrate.Copied(broker.Opts(), "orders", 0), migrate.Store(to))
			plan, err := mover.Plan(bounded(t), "billing", "shipping")
			require.NoError(t, err)
			require.NoError(t, disturb(from, to))
			want, _ := to.GetCursor(t.Context(), "billing")

			report, err := mover.Apply(bounded(t), plan)
			require.NoError(t, err)
			require.ErrorIs(t, report.Err(), migrate.ErrMoved)
			require.Equal(t, migrate.Refuse, report.Steps[0].Action)
			require.Equal(t, migrate.Moved, report.Steps[1].Action, "one does not keep the others")
			got, _ := to.GetCursor(t.Context(), "billing")
			require.Equal(t, want, got)
		})
	}
}

// A dry run on a topic of cursors must not take the consumer from whoever runs it: a store that writes
// afterwards is neither superseded nor, where each owner fences the one before, fenced. Applying is what
// takes it over.
func TestPlanTakesNobodyOverButApplyDoes(t *testing.T) {
	for name, opts := range map[string][]kafkacursor.Option{
		"plain": nil, "fenced": {kafkacursor.WithFencing("test-")},
	} {
		t.Run(name, func(t *testing.T) {
			broker := keeping(t, "orders")
			copyAll(t, broker, newFakeSource(numbered(1, 10)...))
			running, moving := openCursors(t, broker, opts...), openCursors(t, broker, opts...)
			log := kafkastream.NewPartition(broker.Opts(), "orders", 0)
			consumer := running.For(log)
			_, err := consumer.GetCursor(bounded(t), "billing")
			require.NoError(t, err)
			require.NoError(t, consumer.SetCursor(bounded(t), "billing", "2"))
			require.NoError(t, consumer.Flush(bounded(t)))

			mover := migrate.NewMover(migrate.Map(map[string]string{"billing": "5"}), migrate.Copied(broker.Opts(), "orders", 0), migrate.Topic(moving, "orders", 0))
			plan, err := mover.Plan(bounded(t), "billing")
			require.NoError(t, err)
			require.Equal(t, "2", plan.Steps[0].Present)
			require.NoError(t, consumer.SetCursor(bounded(t), "billing", "3"))
			require.NoError(t, consumer.Flush(bounded(t)))

			plan, err = mover.Plan(bounded(t), "billing")
			require.NoError(t, err)
			report, err := mover.Apply(bounded(t), plan)
			require.NoError(t, err)
			require.NoError(t, report.Err())
			require.Eventually(t, func() bool {
				return errors.Is(consumer.SetCursor(bounded(t), "billing", "6"), kafkacursor.ErrSuperseded)
			}, patient, time.Millisecond)
			cursor, err := moving.For(log).GetCursor(bounded(t), "billing")
			require.NoError(t, err)
			require.Equal(t, "4", offsetOf(t, cursor))
		})
	}
}

func TestPlanIsReadableAndPlainData(t *testing.T) {
	broker := keeping(t, "orders")
	copyAll(t, broker, newFakeSource(numbered(1, 4)...))
	from := migrate.Map(map[string]string{"billing": "3", "shipping": "9"})
	mover := migrate.NewMover(from, migrate.Copied(broker.Opts(), "orders", 0), migrate.Store(rpatterns.MemCursorStore()))
	plan, err := mover.Plan(bounded(t), "billing", "mail", "shipping")
	require.NoError(t, err)
	plan.Steps[0].New = "2" // the identity of the log differs from run to run
	require.Equal(t, strings.TrimPrefix(`
CONSUMER  OLD  PRESENT  NEW  BEHIND  ACTION  WHY
billing   3    -        2    2       move
mail      -    -        -    5       keep    it has no cursor to move
shipping  9    -        -    -       refuse  event of the cursor is not copied yet (orders/0): asked for the copy of event "9": found copied events up to "4": let the copy go on, then try again, or wait for it
orders/0, offsets 0 to 5: 1 move, 1 keep, 1 refuse
`, "\n"), plan.String())

	text, err := json.Marshal(plan)
	require.NoError(t, err)
	var back migrate.Plan
	require.NoError(t, json.Unmarshal(text, &back))
	require.ErrorContains(t, back.Err(), "not copied yet")
	plan.Steps[2].Err = nil
	require.Equal(t, plan, back)
}
