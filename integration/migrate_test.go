package integration_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/integration/kafkaharness"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/migrate"
	"github.com/kreflex/kreflex/reflex"
)

// sourceOf returns a stream of events with the IDs from 1 to last.
func sourceOf(last int) reflex.StreamFunc {
	events := make([]*reflex.Event, last)
	for i := range events {
		n := strconv.Itoa(i + 1)
		events[i] = &reflex.Event{ID: n, ForeignID: n, MetaData: []byte(n), Type: eventType(1), Timestamp: time.UnixMilli(1_600_000_000_000)}
	}
	return reflex.NewMockStream(events, reflex.ErrHeadReached)
}

// copiedIDs returns the source IDs that readers of committed events see.
func copiedIDs(t *testing.T, cluster *kafkaharness.Cluster, topic string) []string {
	t.Helper()
	var ids []string
	p := kafkastream.NewPartition(cluster.Opts(), topic, 0, kafkastream.WithDecoder(func(r *kgo.Record, _ *reflex.Event) error {
		id, _ := migrate.SourceID(r)
		ids = append(ids, id)
		return nil
	}))
	stream, err := p.Stream(t.Context(), "", reflex.WithStreamToHead())
	require.NoError(t, err)
	for {
		if _, err := stream.Recv(); err != nil {
			require.True(t, reflex.IsHeadReachedErr(err), err)
			return ids
		}
	}
}

// Copies are interrupted at any moment, and taken over while they are at work: the target has each event
// once, in order. Kafka writes markers after it has answered a commit, which the embedded broker doesn't.
func TestCopyIsExactOnKafka(t *testing.T) {
	for _, k := range kafkas() {
		t.Run(k.name, func(t *testing.T) {
			cluster := k.cluster(t)
			topic := kafkaharness.Name(t)
			t.Cleanup(func() { cluster.DeleteTopic(t, topic) })
			const events = 10_000
			source := sourceOf(events)
			options := []migrate.CopyOption{migrate.WithCreateTopic(-1), migrate.WithBatchEvents(100)}

			var group sync.WaitGroup
			for i := range 4 {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				moved := make(chan struct{}, events)
				ended := make(chan struct{})
				group.Go(func() {
					defer close(ended)
					// However it ends: what matters is what the target has.
					_, err := migrate.Copy(ctx, source, cluster.Opts(), topic, 0, append(options, migrate.WithProgress(func(migrate.Progress) { moved <- struct{}{} }))...)
					t.Log("interrupted or taken over:", err)
				})
				for range 3 {
					select {
					case <-moved:
					case <-ended:
					}
				}
				if i%2 == 0 {
					time.AfterFunc(10*time.Millisecond, cancel) // the next one begins before it is gone, or fences it
				}
			}
			progress, err := migrate.Copy(t.Context(), source, cluster.Opts(), topic, 0, options...)
			require.NoError(t, err)
			require.Equal(t, strconv.Itoa(events), progress.LastID)
			group.Wait()

			var want []string
			for i := range events {
				want = append(want, strconv.Itoa(i+1))
			}
			require.Equal(t, want, copiedIDs(t, cluster, topic))

			mapping := migrate.Copied(cluster.Opts(), topic, 0)
			store, _ := openStore(t, cluster)
			mover := migrate.NewMover(migrate.Map(map[string]string{"billing": "5000"}), mapping, migrate.Topic(store, topic, 0))
			plan, err := mover.Plan(t.Context(), "billing")
			require.NoError(t, err)
			report, err := mover.Apply(t.Context(), plan)
			require.NoError(t, err)
			require.NoError(t, report.Err())
			stream, err := kafkastream.NewPartition(cluster.Opts(), topic, 0).Stream(t.Context(), report.Steps[0].New, reflex.WithStreamToHead())
			require.NoError(t, err)
			e, err := stream.Recv()
			require.NoError(t, err)
			require.Equal(t, "5001", e.ForeignID)
		})
	}
}

// A real group consumes and commits, of either protocol; its offset becomes a cursor, a consumer goes on from
// there, and its cursor becomes the group's offset again.
func TestGroupsMoveOnKafka(t *testing.T) {
	for _, k := range kafkas() {
		t.Run(k.name, func(t *testing.T) {
			cluster := k.cluster(t)
			testGroupMoves(t, cluster)
		})
	}
	t.Run("of the newer protocol", func(t *testing.T) {
		testGroupMoves(t, oneBroker(t), kgo.ServerSideBalancer())
	})
}

func testGroupMoves(t *testing.T, cluster *kafkaharness.Cluster, opts ...kgo.Opt) {
	t.Helper()
	topic, group := cluster.Topic(t, 1), kafkaharness.Name(t)
	publish(t, cluster, topic, 0, 9)
	store, _ := openStore(t, cluster)

	member, err := kgo.NewClient(append(append(cluster.Opts(), kgo.ClientID("old-billing"), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic),
		kgo.DisableAutoCommit(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())), opts...)...)
	require.NoError(t, err)
	defer member.Close()
	var consumed []*kgo.Record
	for len(consumed) < 10 {
		fetches := member.PollFetches(t.Context())
		require.NoError(t, fetches.Err())
		consumed = append(consumed, fetches.Records()...)
	}
	require.NoError(t, member.CommitRecords(t.Context(), consumed[:4]...)) // offsets 0 to 3

	same := migrate.Same(cluster.Opts(), topic, 0)
	ofGroup, ofTopic := migrate.Group(cluster.Opts(), group, topic, 0), migrate.Topic(store, topic, 0)
	forth, back := migrate.NewMover(ofGroup, same, ofTopic), migrate.NewMover(ofTopic, same, ofGroup)
	plan, err := forth.Plan(t.Context(), "billing")
	require.NoError(t, err)
	require.ErrorIs(t, plan.Err(), migrate.ErrGroupActive)
	require.ErrorContains(t, plan.Err(), "old-billing at ")
	require.ErrorIs(t, ofGroup.MoveCursor(t.Context(), "billing", "5"), migrate.ErrGroupActive)
	member.Close()

	apply := func(mover *migrate.Mover) migrate.Step {
		plan, err := mover.Plan(t.Context(), "billing")
		require.NoError(t, err)
		report, err := mover.Apply(t.Context(), plan)
		require.NoError(t, err)
		require.NoError(t, report.Err())
		return report.Steps[0]
	}
	require.Equal(t, migrate.Moved, apply(forth).Action)

	log := kafkastream.NewPartition(cluster.Opts(), topic, 0)
	var seen []string
	billing := reflex.NewConsumer("billing", func(_ context.Context, e *reflex.Event) error {
		seen = append(seen, e.ID)
		return nil
	})
	err = reflex.Run(t.Context(), reflex.NewSpec(log.Stream, store.For(log), billing, reflex.WithStreamToHead()))
	require.True(t, reflex.IsHeadReachedErr(err), err)
	require.Equal(t, []string{"4", "5", "6", "7", "8", "9"}, seen)

	require.Equal(t, migrate.Moved, apply(back).Action)
	committed, err := cluster.Admin(t).FetchOffsets(t.Context(), group)
	require.NoError(t, err)
	offset, _ := committed.Lookup(topic, 0)
	require.Equal(t, kadm.OffsetResponse{Offset: offset.Offset}, offset)
	require.EqualValues(t, 10, offset.At)
	require.Equal(t, consumed[9].LeaderEpoch, offset.LeaderEpoch)
}
