package cursoradmin_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kreflex/kreflex/cursoradmin"
	"github.com/kreflex/kreflex/kafkacursor"
)

// One write is refused by the broker: that partition says so, the other is set all the same, and planning again finds only the first.
func TestAWriteThatFailsIsToldAndTheOthersAreMade(t *testing.T) {
	e := newEnv(t)
	e.write(0, 5)
	e.write(1, 5)
	e.put("billing", 0, "1")
	e.put("billing", 1, "1")
	plan, err := e.admin().PlanReset(e.ctx, "billing", "orders", nil, cursoradmin.ToEnd())
	require.NoError(t, err)
	require.NoError(t, plan.Err())
	fault := e.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: e.cursors, Err: kerr.TopicAuthorizationFailed})
	report, err := e.admin().Apply(e.ctx, plan)
	require.NoError(t, err)
	require.Equal(t, 1, fault.Hits())
	require.Equal(t, cursoradmin.Failed, report.Steps[0].Action)
	require.Equal(t, cursoradmin.WasSet, report.Steps[1].Action)
	require.ErrorIs(t, report.Err(), kafkacursor.ErrNotAuthorised)
	require.ErrorContains(t, report.Err(), "orders/0")
	require.Equal(t, "1", e.cursor("billing", 0))
	require.Regexp(t, `^4@`, e.cursor("billing", 1))

	plan, err = e.admin().PlanReset(e.ctx, "billing", "orders", nil, cursoradmin.ToEnd())
	require.NoError(t, err)
	require.Equal(t, []cursoradmin.Action{cursoradmin.Set, cursoradmin.Keep}, []cursoradmin.Action{plan.Steps[0].Action, plan.Steps[1].Action})
}

func TestApplyObeysItsContext(t *testing.T) {
	e := newEnv(t)
	e.write(0, 5)
	e.put("billing", 0, "1")
	plan, err := e.admin(cursoradmin.WithForce()).PlanReset(e.ctx, "billing", "orders", []int32{0}, cursoradmin.ToEnd())
	require.NoError(t, err)
	canceled, cancel := context.WithCancel(e.ctx)
	cancel()
	before := e.written()
	for _, force := range []bool{false, true} {
		plan.Force = force
		_, err = e.admin().Apply(canceled, plan)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, before, e.written())
	}
}
