package kafkarun

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

func TestRunnerConsumesAllPartitionsInOrderAndResumes(t *testing.T) {
	e := newEnv(t, 4)
	store := e.store()
	e.publish(50, upTo(4)...)
	run := e.start(e.runner(store))
	e.await()
	require.ErrorIs(t, run.stop(), context.Canceled)

	e.publish(50, upTo(4)...)
	again := e.start(e.runner(store))
	e.await()
	require.ErrorIs(t, again.stop(), context.Canceled)
	e.requireOnce() // a clean stop repeats nothing
}

// The same cursors serve a Runner and a plain Run over one partition.
func TestRunnerAndOnePartitionShareCursors(t *testing.T) {
	e := newEnv(t, 2)
	store := e.store()
	e.publish(10, upTo(2)...)
	run := e.start(e.runner(store))
	e.await()
	require.ErrorIs(t, run.stop(), context.Canceled)

	e.publish(5, 1)
	p := kafkastream.NewPartition(e.broker.Opts(), topic, 1)
	err := reflex.Run(e.ctx, reflex.NewSpec(p.Stream, store.For(p), reflex.NewConsumer(consumer, e.consume), reflex.WithStreamToHead()))
	require.ErrorIs(t, err, reflex.ErrHeadReached)

	e.publish(5, 0, 1)
	run = e.start(e.runner(store))
	e.await()
	require.ErrorIs(t, run.stop(), context.Canceled)
	e.requireOnce()
}

var errLogic = errors.New("logic failed")

func TestAFailingPartitionIsRetriedAlone(t *testing.T) {
	e := newEnv(t, 3)
	mend := make(chan struct{})
	e.setLogic(func(_ context.Context, p int32, ev *reflex.Event) error {
		select {
		case <-mend:
			return nil
		default:
		}
		if p == 1 && ev.ID == "3" {
			return errLogic
		}
		return nil
	})
	e.publish(10, upTo(3)...)
	r := e.runner(e.store(), WithStuckAfter(time.Minute))
	run := e.start(r)
	e.eventually(func() bool {
		p := partitions(r)[1]
		return p.Failures >= 3 && p.LastError != nil && p.Condition == Failing && p.Next == 3 && p.Lag == 7
	}, "the failure is seen")
	require.ErrorIs(t, partitions(r)[1].LastError.Err, errLogic)
	e.publish(10, 0, 2)
	e.eventually(func() bool {
		p := partitions(r)
		return p[0].Next == 20 && p[2].Next == 20 && p[0].Condition == OK && p[2].Condition == OK
	}, "the others go on")

	close(mend)
	e.await()
	e.eventually(func() bool { p := partitions(r)[1]; return p.LastError == nil && p.Condition == OK && p.Lag == 0 }, "it recovers")
	require.ErrorIs(t, run.stop(), context.Canceled)
	e.requireOnce()
}

// Retention passes the cursor of one partition while nobody runs; the operator then says where to go on.
func TestAPartitionThatNeedsAnOperatorIsParked(t *testing.T) {
	e := newEnv(t, 2)
	store := e.store()
	e.publish(10, 0, 1)
	run := e.start(e.runner(store))
	e.await()
	require.ErrorIs(t, run.stop(), context.Canceled)
	e.publish(10, 0, 1)
	require.NoError(t, e.broker.Cluster().DeleteRecords(topic, 1, 15))

	r := e.runner(store)
	run = e.start(r)
	e.eventually(func() bool {
		p := partitions(r)
		return p[1].State == Parked && p[1].Condition == NeedsOperator && p[0].Next == 20 && p[0].Condition == OK
	}, "it is parked, and the other goes on")
	require.ErrorIs(t, partitions(r)[1].LastError.Err, kafkastream.ErrExpired)
	require.Equal(t, http.StatusServiceUnavailable, health(r).Code)

	require.NoError(t, store.Reset(e.ctx, kafkacursor.Key{Consumer: consumer, Topic: topic, Partition: 1}, "14"))
	e.eventually(func() bool { return partitions(r)[1].Next == 20 }, "it goes on without a restart")
	require.ErrorIs(t, run.stop(), context.Canceled)
}

func health(r *Runner) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	r.Health().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", nil))
	return rec
}

// Logic hangs in one partition of three. That one is named, with lag that grows; nobody else is touched.
func TestAStuckPartitionIsNamed(t *testing.T) {
	e := newEnv(t, 3)
	release := make(chan struct{})
	e.setLogic(func(ctx context.Context, p int32, ev *reflex.Event) error {
		if p == 2 && ev.ID == "4" {
			select {
			case <-release:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	e.publish(5, upTo(3)...)
	r := e.runner(e.store(), WithStuckAfter(1500*time.Millisecond))
	run := e.start(r)
	e.eventually(func() bool { return partitions(r)[2].InHand == 4 }, "it hangs")
	require.Equal(t, http.StatusOK, health(r).Code, "not at once")

	e.publish(20, upTo(3)...)
	e.eventually(func() bool { p := partitions(r)[2]; return p.Condition == Stuck && p.Lag == 21 && p.Next == 4 }, "it is stuck, with true lag")
	rec := health(r)
	require.Equal(t, http.StatusServiceUnavailable, rec.Code)
	var st Status
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &st))
	require.Equal(t, Stuck, st.Condition)
	require.Equal(t, []Condition{OK, OK, Stuck}, []Condition{st.Partitions[0].Condition, st.Partitions[1].Condition, st.Partitions[2].Condition})
	require.Greater(t, st.Partitions[2].LagTime, time.Second)

	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(r)
	require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP kreflex_partition_condition 1 for the condition that the partition is in
# TYPE kreflex_partition_condition gauge
kreflex_partition_condition{condition="ok",consumer_name="billing",partition="0",topic="orders"} 1
kreflex_partition_condition{condition="ok",consumer_name="billing",partition="1",topic="orders"} 1
kreflex_partition_condition{condition="stuck",consumer_name="billing",partition="2",topic="orders"} 1
# HELP kreflex_partition_lag_events Offsets from the next one to consume to the last stable offset
# TYPE kreflex_partition_lag_events gauge
kreflex_partition_lag_events{consumer_name="billing",partition="0",topic="orders"} 0
kreflex_partition_lag_events{consumer_name="billing",partition="1",topic="orders"} 0
kreflex_partition_lag_events{consumer_name="billing",partition="2",topic="orders"} 21
`), "kreflex_partition_condition", "kreflex_partition_lag_events"))

	close(release)
	e.await()
	e.eventually(func() bool { return health(r).Code == http.StatusOK }, "it is well again")
	require.ErrorIs(t, run.stop(), context.Canceled)
	require.Equal(t, http.StatusServiceUnavailable, health(r).Code, "nobody runs it")
	e.requireOnce()
}

// The event in hand when Run is to end is finished, with a live context, and its cursor is stored.
func TestStoppingFinishesTheEventInHand(t *testing.T) {
	e := newEnv(t, 1)
	inHand, finish := make(chan struct{}), make(chan struct{})
	e.setLogic(func(ctx context.Context, _ int32, ev *reflex.Event) error {
		if ev.ID != "1" {
			return nil
		}
		close(inHand)
		<-finish
		return ctx.Err()
	})
	store := e.store()
	e.publish(5, 0)
	r := e.runner(store)
	run := e.start(r)
	<-inHand
	run.cancel()
	e.eventually(func() bool { return partitions(r)[0].State == Draining }, "it drains")
	close(finish)
	require.ErrorIs(t, run.stop(), context.Canceled)

	entry, found, err := store.Peek(e.ctx, kafkacursor.Key{Consumer: consumer, Topic: topic})
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, "1", strings.Split(entry.Cursor, "@")[0])
	require.Equal(t, []string{"0", "1"}, e.seen[0])
}

// Logic that does not return in time has its context cancelled, and its cursor stays.
func TestDrainTimeIsBounded(t *testing.T) {
	e := newEnv(t, 1)
	inHand := make(chan struct{})
	e.setLogic(func(ctx context.Context, _ int32, _ *reflex.Event) error {
		close(inHand)
		<-ctx.Done()
		return ctx.Err()
	})
	e.publish(1, 0)
	run := e.start(e.runner(e.store(), WithDrainTime(50*time.Millisecond)))
	<-inHand
	begin := time.Now()
	require.ErrorIs(t, run.stop(), context.Canceled)
	require.Less(t, time.Since(begin), cancelGrace)
	require.Empty(t, e.seen[0])
}

func TestNewPartitionsBeginAtTheirStart(t *testing.T) {
	e := newEnv(t, 1)
	e.publish(3, 0)
	run := e.start(e.runner(e.store()))
	e.await()
	e.grow(3)
	e.publish(3, 1, 2)
	e.await()
	require.ErrorIs(t, run.stop(), context.Canceled)
	e.requireOnce()
}

func TestRunnerSaysWhatIsWrong(t *testing.T) {
	e := newEnv(t, 1)
	store := e.store()
	for name, opts := range map[string][]Option{
		"nil":               {nil},
		"both":              {WithGroup("g"), WithPartitions(0)},
		"negative":          {WithPartitions(-1)},
		"two groups":        {WithGroup("g"), WithMirrorGroup("m")},
		"no pause":          {WithRetry(0, time.Second)},
		"negative drain":    {WithDrainTime(-1)},
		"no look":           {WithLookInterval(0)},
		"no refresh":        {WithRefreshInterval(0)},
		"no parked retry":   {WithParkedRetry(0)},
		"negative commit":   {WithCommitInterval(-1)},
		"nothing is stuck":  {WithStuckAfter(0)},
		"everything's slow": {WithSlowAfter(-time.Second)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(e.broker.Opts(), topic, store, e.spec, opts...)
			require.ErrorIs(t, err, ErrInvalidOption)
		})
	}
	_, err := New(e.broker.Opts(), topic, store, nil)
	require.ErrorIs(t, err, ErrInvalidOption)
	_, err = New(e.broker.Opts(), "", store, e.spec)
	require.ErrorIs(t, err, ErrInvalidOption)

	r, err := New(e.broker.Opts(), "odrers", store, e.spec)
	require.NoError(t, err)
	require.ErrorIs(t, r.Run(e.ctx), kafkastream.ErrUnknownTopic)

	r = e.runner(store)
	run := e.start(r)
	e.eventually(func() bool { return len(partitions(r)) == 1 }, "it runs")
	require.ErrorIs(t, r.Run(e.ctx), ErrRunning)
	require.ErrorIs(t, run.stop(), context.Canceled)
	require.ErrorIs(t, r.Run(func() context.Context { ctx, cancel := context.WithCancel(e.ctx); cancel(); return ctx }()), context.Canceled)
}

// An operator sends a consumer back that has nothing to do. It must not take another event for it to notice.
func TestAResetReachesAnIdleConsumer(t *testing.T) {
	e := newEnv(t, 2)
	store := e.store()
	e.publish(3, 0, 1)
	r := e.runner(store)
	run := e.start(r)
	e.await()
	require.NoError(t, store.Reset(e.ctx, kafkacursor.Key{Consumer: consumer, Topic: topic, Partition: 1}, "0"))
	e.eventually(func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return len(e.seen[1]) == 5
	}, "it consumes them again")
	require.ErrorIs(t, run.stop(), context.Canceled)
	require.Equal(t, []string{"0", "1", "2", "1", "2"}, e.seen[1])
	require.Equal(t, []string{"0", "1", "2"}, e.seen[0])
}

// A mistake in the user's function must not take the program down, and is seen.
func TestASpecThatPanicsIsAFailureOfItsPartition(t *testing.T) {
	e := newEnv(t, 2)
	e.publish(1, 0, 1)
	mend := make(chan struct{})
	r, err := New(e.broker.Opts(), topic, e.store(), func(p Part) reflex.Spec {
		select {
		case <-mend:
		default:
			if p.Partition == 1 {
				panic("no spec today")
			}
		}
		return e.spec(p)
	}, WithRetry(10*time.Millisecond, 10*time.Millisecond))
	require.NoError(t, err)
	run := e.start(r)
	e.eventually(func() bool { p := partitions(r); return p[0].Next == 1 && p[1].LastError != nil }, "it is seen")
	require.ErrorContains(t, partitions(r)[1].LastError.Err, "no spec today")
	close(mend)
	e.await()
	require.ErrorIs(t, run.stop(), context.Canceled)
}
