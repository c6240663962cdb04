package kafkastream

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kreflex/kreflex/kafkatest"
)

func TestOffsetsOfATimeAreThoseOfTheFirstRecordOfThenOrLater(t *testing.T) {
	s := newSource(t, kafkatest.WithTopic("wide", 3))
	began := time.UnixMilli(1_700_000_000_000)
	for i := range 4 {
		at := began.Add(time.Duration(i) * time.Minute)
		require.NoError(t, s.writer.ProduceSync(s.ctx, &kgo.Record{Value: []byte("x"), Timestamp: at}).FirstErr())
	}
	topic := NewTopic(s.broker.Opts(), orders)
	for at, want := range map[time.Time]int64{
		began.Add(-time.Hour): 0, began: 0, began.Add(time.Millisecond - 1): 0, began.Add(time.Millisecond): 1, began.Add(time.Minute): 1, began.Add(3 * time.Minute): 3,
		began.Add(time.Hour): 4, // the end
		{}:                   0,
	} {
		offsets, err := topic.OffsetsAt(s.ctx, at)
		require.NoError(t, err)
		require.Equal(t, []int64{want}, offsets, at)
	}
	offsets, err := NewTopic(s.broker.Opts(), "wide").OffsetsAt(s.ctx, began)
	require.NoError(t, err)
	require.Equal(t, []int64{0, 0, 0}, offsets)
}

// What a transaction holds back is not there yet, so the end is where it begins.
func TestOffsetsOfATimeEndAtTheLastStableOffset(t *testing.T) {
	s := newSource(t)
	s.write(0, 2)
	client, err := kgo.NewClient(append(s.broker.Opts(), kgo.TransactionalID("open"))...)
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.BeginTransaction())
	future := time.Now().Add(time.Hour)
	for _, at := range []time.Time{time.Now(), future} {
		require.NoError(t, client.ProduceSync(s.ctx, &kgo.Record{Topic: orders, Value: []byte("x"), Timestamp: at}).FirstErr())
	}
	offsets, err := NewTopic(s.broker.Opts(), orders).OffsetsAt(s.ctx, future)
	require.NoError(t, err)
	require.Equal(t, []int64{2}, offsets)
	require.NoError(t, client.EndTransaction(s.ctx, kgo.TryAbort))
}

func TestOffsetsOfATimeSurviveWhatPasses(t *testing.T) {
	s := newSource(t, kafkatest.WithTopic("wide", 3))
	fault := s.broker.Cluster().Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.ListOffsets}, Topic: "wide", Partitions: []int32{1}, Err: kerr.NotLeaderForPartition, Count: 2,
		When: func(req kmsg.Request) bool {
			return req.(*kmsg.ListOffsetsRequest).Topics[0].Partitions[0].Timestamp > 0
		},
	})
	offsets, err := NewTopic(s.broker.Opts(), "wide").OffsetsAt(s.ctx, time.Now())
	require.NoError(t, err)
	require.Len(t, offsets, 3)
	require.Equal(t, 2, fault.Hits())
}

func TestOffsetsOfATimeSayWhatIsWrong(t *testing.T) {
	s := newSource(t)
	_, err := NewTopic(s.broker.Opts(), "odrers").OffsetsAt(s.ctx, time.Now())
	require.ErrorIs(t, err, ErrUnknownTopic)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = NewTopic(s.broker.Opts(), orders).OffsetsAt(ctx, time.Now())
	require.ErrorIs(t, err, context.Canceled)
	_, err = NewTopic(blackHole(t), orders, WithOpenTimeout(50*time.Millisecond)).OffsetsAt(s.ctx, time.Now())
	require.ErrorIs(t, err, ErrUnreachable)
}
