package kafkastream

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
)

func TestTopicTellsItsShapeAndRanges(t *testing.T) {
	s := newSource(t, kafkatest.WithBrokers(2), kafkatest.WithTopic("wide", 3))
	topic := NewTopic(s.broker.Opts(), "wide")
	shape, err := topic.Shape(t.Context())
	require.NoError(t, err)
	require.Equal(t, int32(3), shape.Partitions)
	require.NotZero(t, shape.ID)

	offsets, err := topic.Offsets(t.Context())
	require.NoError(t, err)
	require.Equal(t, []Offsets{{}, {}, {}}, offsets)

	s.write(0, 2)
	offsets, err = NewTopic(s.broker.Opts(), orders).Offsets(t.Context())
	require.NoError(t, err)
	require.Equal(t, []Offsets{{LastStable: 2, HighWatermark: 2}}, offsets)

	first := topic.Partition(1)
	require.Same(t, first, topic.Partition(1), "it remembers which log was read")
	require.Equal(t, "wide", topic.Name())
}

// A leader moves between the look at metadata and the question for offsets: what it answers for is kept, the rest is
// asked for again.
func TestTopicOffsetsSurviveWhatPasses(t *testing.T) {
	s := newSource(t, kafkatest.WithTopic("wide", 3))
	fault := s.broker.Cluster().Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.ListOffsets}, Topic: "wide", Partitions: []int32{1}, Err: kerr.NotLeaderForPartition, Count: 2,
	})
	offsets, err := NewTopic(s.broker.Opts(), "wide").Offsets(s.ctx)
	require.NoError(t, err)
	require.Len(t, offsets, 3)
	require.Equal(t, 2, fault.Hits())
}

func TestTopicSaysWhatIsWrongWithIt(t *testing.T) {
	s := newSource(t)
	for name, ask := range map[string]func(context.Context, *Topic) error{
		"shape":   func(ctx context.Context, topic *Topic) error { _, err := topic.Shape(ctx); return err },
		"offsets": func(ctx context.Context, topic *Topic) error { _, err := topic.Offsets(ctx); return err },
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, ask(s.ctx, NewTopic(s.broker.Opts(), "odrers")), ErrUnknownTopic)
			require.ErrorIs(t, ask(s.ctx, NewTopic(s.broker.Opts(), "")), ErrInvalidOption)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			require.ErrorIs(t, ask(ctx, NewTopic(s.broker.Opts(), orders)), context.Canceled)
			deaf := NewTopic(blackHole(t), orders, WithOpenTimeout(50*time.Millisecond))
			require.ErrorIs(t, ask(s.ctx, deaf), ErrUnreachable)
		})
	}
}

// A consumer that is done with the last event of a log is done with the marker behind it as well: a lag
// counted from the event alone would never be 0.
func TestProgressPassesWhatIsNoEvent(t *testing.T) {
	s := newSource(t)
	p := newPublisher(t, s.broker.Opts(), WithTransactionalID("tx"))
	require.NoError(t, p.Transact(t.Context(), func(tx *Tx) error {
		return tx.Publish(t.Context(), event("a", "event 0"), event("b", "event 1"))
	}))
	progress := func(client reflex.StreamClient) Progress {
		return client.(Progresser).Progress()
	}
	client := s.open("")
	s.take(client, 2)
	require.Eventually(t, func() bool { return progress(client).Next == 3 }, 10*time.Second, time.Millisecond)
	require.Equal(t, int64(1), progress(client).Event)
	require.Equal(t, Offsets{LastStable: 3, HighWatermark: 3}, progress(client).Offsets)
	require.WithinDuration(t, time.Now(), progress(client).At, time.Minute)

	require.Equal(t, int64(1), progress(s.open("1")).Event, "before the first it is that of the cursor")
}
