package migrate_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/migrate"
	"github.com/kreflex/kreflex/rpatterns"
)

// groupMember joins the group and returns once it has got a record.
func groupMember(ctx context.Context, t *testing.T, broker *kafkatest.Broker) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(broker.Opts(), kgo.ClientID("old billing"), kgo.ConsumerGroup("billing-group"),
		kgo.ConsumeTopics("orders"), kgo.DisableAutoCommit(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	require.NoError(t, err)
	for client.PollFetches(ctx).Empty() {
		require.NoError(t, ctx.Err())
	}
	return client
}

func commit(t *testing.T, broker *kafkatest.Broker, offset int64, metadata string) {
	t.Helper()
	client, err := kgo.NewClient(broker.Opts()...)
	require.NoError(t, err)
	defer client.Close()
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: "orders", At: offset, LeaderEpoch: 0, Metadata: metadata})
	require.NoError(t, kadm.NewClient(client).CommitAllOffsets(bounded(t), "billing-group", offsets))
}

func committed(t *testing.T, broker *kafkatest.Broker) kadm.Offset {
	t.Helper()
	client, err := kgo.NewClient(broker.Opts()...)
	require.NoError(t, err)
	defer client.Close()
	offsets, err := kadm.NewClient(client).FetchOffsets(bounded(t), "billing-group")
	require.NoError(t, err)
	offset, ok := offsets.Lookup("orders", 0)
	require.True(t, ok)
	require.NoError(t, offset.Err)
	return offset.Offset
}

func TestGroupsAndCursorsAreOneApart(t *testing.T) {
	broker := keeping(t, "orders")
	copyAll(t, broker, newFakeSource(numbered(1, 10)...)) // offsets 0 to 9, and a marker at 10
	same := migrate.Same(broker.Opts(), "orders", 0)
	group := migrate.Group(broker.Opts(), "billing-group", "orders", 0)
	plan := func(t *testing.T) migrate.Step {
		t.Helper()
		plan, err := migrate.NewMover(group, same, migrate.Store(rpatterns.MemCursorStore())).Plan(bounded(t), "billing")
		require.NoError(t, err)
		return plan.Steps[0]
	}

	require.Equal(t, migrate.Keep, plan(t).Action, "a group that never was")
	for _, tc := range []struct {
		committed int64
		action    migrate.Action
		cursor    string
		err       error
	}{
		{committed: 0, action: migrate.Keep},
		{committed: 1, action: migrate.Move, cursor: "0"},
		{committed: 10, action: migrate.Move, cursor: "9"},
		{committed: 11, action: migrate.Move, cursor: "10"}, // behind the marker
		{committed: 12, action: migrate.Refuse, err: kafkastream.ErrBeyondEnd},
	} {
		commit(t, broker, tc.committed, "")
		step := plan(t)
		require.Equal(t, tc.action, step.Action, "%d: %s", tc.committed, step.Why)
		require.ErrorIs(t, step.Err, tc.err)
		require.Equal(t, tc.cursor, offsetOf(t, step.New))
		if tc.cursor != "" {
			require.Regexp(t, `@.+:0$`, step.New, "the leader epoch that was committed")
		}
	}

	require.NoError(t, broker.Cluster().DeleteRecords("orders", 0, 5))
	commit(t, broker, 4, "")
	require.ErrorIs(t, plan(t).Err, kafkastream.ErrExpired)
	commit(t, broker, 5, "")
	require.Equal(t, "4", offsetOf(t, plan(t).New))
}

func TestGroupMovesToTheTopicOfCursorsAndBack(t *testing.T) {
	broker := keeping(t, "orders")
	copyAll(t, broker, newFakeSource(numbered(1, 10)...))
	store := openCursors(t, broker)
	same := migrate.Same(broker.Opts(), "orders", 0)
	group, topic := migrate.Group(broker.Opts(), "billing-group", "orders", 0), migrate.Topic(store, "orders", 0)
	commit(t, broker, 4, "by hand")

	forth := migrate.NewMover(group, same, topic)
	plan, err := forth.Plan(bounded(t), "billing")
	require.NoError(t, err)
	report, err := forth.Apply(bounded(t), plan)
	require.NoError(t, err)
	require.NoError(t, report.Err())

	log := kafkastream.NewPartition(broker.Opts(), "orders", 0)
	cursors := store.For(log)
	cursor, err := cursors.GetCursor(bounded(t), "billing")
	require.NoError(t, err)
	require.Equal(t, "3", offsetOf(t, cursor))
	require.NoError(t, cursors.SetCursor(bounded(t), "billing", "7"))
	require.NoError(t, cursors.Flush(bounded(t)))

	back := migrate.NewMover(topic, same, group)
	plan, err = back.Plan(bounded(t), "billing")
	require.NoError(t, err)
	require.Equal(t, migrate.Move, plan.Steps[0].Action)
	require.EqualValues(t, 4, committed(t, broker).At, "a plan changes nothing")
	report, err = back.Apply(bounded(t), plan)
	require.NoError(t, err)
	require.NoError(t, report.Err())
	require.EqualValues(t, 8, committed(t, broker).At)
	require.Equal(t, "by hand", committed(t, broker).Metadata)
}

// A member that runs would go on committing, and Kafka refuses the commits of others: both ways the
// answer names it, and nothing is changed.
func TestGroupWithMembersIsNotMoved(t *testing.T) {
	broker := keeping(t, "orders")
	copyAll(t, broker, newFakeSource(numbered(1, 10)...))
	commit(t, broker, 4, "")
	same := migrate.Same(broker.Opts(), "orders", 0)
	group := migrate.Group(broker.Opts(), "billing-group", "orders", 0)
	target := rpatterns.MemCursorStore()
	forth := migrate.NewMover(group, same, migrate.Store(target))
	back := migrate.NewMover(migrate.Map(map[string]string{"billing": "8"}), same, group)
	plans := make(map[*migrate.Mover]migrate.Plan)
	for _, mover := range []*migrate.Mover{forth, back} {
		plan, err := mover.Plan(bounded(t), "billing")
		require.NoError(t, err)
		require.Equal(t, migrate.Move, plan.Steps[0].Action)
		plans[mover] = plan
	}

	member := groupMember(bounded(t), t, broker)
	for mover, plan := range plans {
		busy, err := mover.Plan(bounded(t), "billing")
		require.NoError(t, err)
		require.ErrorIs(t, busy.Err(), migrate.ErrGroupActive)
		require.ErrorContains(t, busy.Err(), "old billing at ")
		// It came between the plan and now.
		report, err := mover.Apply(bounded(t), plan)
		require.NoError(t, err)
		require.ErrorIs(t, report.Err(), migrate.ErrGroupActive)
	}
	require.ErrorIs(t, group.MoveCursor(bounded(t), "billing", "8"), migrate.ErrGroupActive)
	cursor, err := target.GetCursor(bounded(t), "billing")
	require.NoError(t, err)
	require.Empty(t, cursor)
	require.EqualValues(t, 4, committed(t, broker).At)

	member.Close()                                        // it leaves
	for _, mover := range []*migrate.Mover{forth, back} { // the latter changes what the former planned with
		report, err := mover.Apply(bounded(t), plans[mover])
		require.NoError(t, err)
		require.NoError(t, report.Err())
	}
	require.EqualValues(t, 9, committed(t, broker).At)
}

// A broker before KIP-848 doesn't know the question about groups of the newer protocol, which then can't be there.
func TestGroupsOfAnOldBrokerMoveToo(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1), kafkatest.WithKfake(kfake.MaxVersions(kversion.V2_8_0())))
	copyAll(t, broker, newFakeSource(numbered(1, 10)...), migrate.WithFiniteRetention())
	commit(t, broker, 4, "")
	group := migrate.Group(broker.Opts(), "billing-group", "orders", 0)
	mover := migrate.NewMover(group, migrate.Same(broker.Opts(), "orders", 0), migrate.Store(rpatterns.MemCursorStore()))
	plan, err := mover.Plan(bounded(t), "billing")
	require.NoError(t, err)
	require.NoError(t, plan.Err())
	require.NoError(t, group.MoveCursor(bounded(t), "billing", "8"))
	require.EqualValues(t, 9, committed(t, broker).At)
}
