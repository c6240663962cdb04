package cursoradmin_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/cursoradmin"
	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/reflex"
)

// running is a consumer at work.
type running struct {
	seen  chan string
	ended chan error
}

func (e *env) run(consumer string) *running {
	e.Helper()
	store, log := e.open(), e.log(0)
	ctx, cancel := context.WithCancel(e.ctx)
	r := &running{seen: make(chan string, 1000), ended: make(chan error, 1)}
	spec := reflex.NewSpec(log.Stream, store.For(log), reflex.NewConsumer(consumer, func(_ context.Context, ev *reflex.Event) error {
		r.seen <- ev.ID
		return nil
	}))
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.ended <- reflex.Run(ctx, spec)
	}()
	e.Cleanup(func() { cancel(); <-done })
	return r
}

// busy writes events until the test ends or stop is called.
func (e *env) busy() (stop func()) {
	ctx, cancel := context.WithCancel(e.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				e.client.Produce(ctx, &kgo.Record{Topic: "orders", Value: []byte("busy")}, nil)
			}
		}
	}()
	stop = func() { cancel(); <-done }
	e.Cleanup(stop)
	return stop
}

func (e *env) await(r *running, n int) {
	e.Helper()
	for range n {
		select {
		case <-r.seen:
		case <-e.ctx.Done():
			e.Fatal("no event")
		}
	}
}

func TestAConsumerAtWorkIsNotMoved(t *testing.T) {
	e := newEnv(t)
	e.write(0, 5)
	e.put("billing", 0, "3")
	r := e.run("billing")
	e.busy()
	e.await(r, 3)
	plan, err := e.admin().PlanReset(e.ctx, "billing", "orders", []int32{0}, cursoradmin.ToStart())
	require.NoError(t, err)
	require.ErrorIs(t, plan.Err(), cursoradmin.ErrAtWork)
	report, err := e.admin().Apply(e.ctx, plan)
	require.NoError(t, err)
	require.ErrorIs(t, report.Err(), cursoradmin.ErrAtWork)
	plan, err = e.admin().PlanDelete(e.ctx, "billing", "", nil)
	require.NoError(t, err)
	require.ErrorIs(t, plan.Err(), cursoradmin.ErrAtWork)
	select {
	case err := <-r.ended:
		t.Fatal("it goes on: ", err)
	default:
	}
}

// Forced, the run under it ends, with nothing stored behind the new cursor, and the next one goes on from there.
func TestForceEndsTheRunAndTheNextGoesOnFromThere(t *testing.T) {
	e := newEnv(t)
	e.write(0, 5)
	e.put("billing", 0, "3")
	r := e.run("billing")
	stop := e.busy()
	e.await(r, 3)
	plan, err := e.admin(cursoradmin.WithForce()).PlanReset(e.ctx, "billing", "orders", []int32{0}, cursoradmin.ToOffset(1))
	require.NoError(t, err)
	require.NoError(t, plan.Err())
	report, err := e.admin().Apply(e.ctx, plan)
	require.NoError(t, err)
	require.NoError(t, report.Err())
	require.ErrorIs(t, <-r.ended, kafkacursor.ErrSuperseded)
	stop()
	require.NoError(t, e.client.Flush(e.ctx))
	require.Regexp(t, `^0@`, e.cursor("billing", 0))
	seen := e.consume("billing", 0)
	require.Equal(t, []string{"1", "2", "3", "4"}, seen[:4])
}

// An owner without events is not seen. It is told with its next cursor, and nothing is lost.
func TestAnIdleOwnerIsOverruledAndLosesNothing(t *testing.T) {
	e := newEnv(t)
	e.write(0, 5)
	r := e.run("billing")
	e.await(r, 5)
	require.Eventually(t, func() bool { return e.cursor("billing", 0) != "" }, patient, time.Millisecond)
	e.apply(e.admin().PlanReset(e.ctx, "billing", "orders", []int32{0}, cursoradmin.ToOffset(2)))
	e.write(0, 1)
	require.ErrorIs(t, <-r.ended, kafkacursor.ErrSuperseded)
	require.Equal(t, []string{"2", "3", "4", "5"}, e.consume("billing", 0))
}

func TestAGroupWithMembersIsAtWork(t *testing.T) {
	e := newEnv(t)
	e.write(0, 5)
	e.put("billing", 0, "3")
	for _, group := range []string{"billing", "scheduler"} {
		member, err := kgo.NewClient(append(e.broker.Opts(), kgo.ClientID("worker"), kgo.ConsumerGroup(group), kgo.ConsumeTopics("orders"), kgo.DisableAutoCommit())...)
		require.NoError(t, err)
		joined := e.admin(cursoradmin.WithGroup(group))
		require.Eventually(t, func() bool {
			described, err := e.kadm.DescribeGroups(e.ctx, group)
			return err == nil && len(described[group].Members) > 0
		}, patient, 10*time.Millisecond)
		plan, err := joined.PlanReset(e.ctx, "billing", "orders", []int32{0}, cursoradmin.ToStart())
		require.NoError(t, err)
		require.ErrorIs(t, plan.Err(), cursoradmin.ErrAtWork)
		require.ErrorContains(t, plan.Err(), "worker at ")

		forced, err := e.admin(cursoradmin.WithGroup(group), cursoradmin.WithForce()).PlanReset(e.ctx, "billing", "orders", []int32{0}, cursoradmin.ToStart())
		require.NoError(t, err)
		require.NoError(t, forced.Err())
		forced.Force = false // it joined after the plan
		report, err := joined.Apply(e.ctx, forced)
		require.NoError(t, err)
		require.ErrorIs(t, report.Err(), cursoradmin.ErrAtWork)
		member.CloseAllowingRebalance()
		plan, err = joined.PlanReset(e.ctx, "billing", "orders", []int32{0}, cursoradmin.ToStart())
		require.NoError(t, err)
		require.NoError(t, plan.Err())
	}
}
