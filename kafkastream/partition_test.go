package kafkastream

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
)

// source is a broker with one topic of one partition.
type source struct {
	*testing.T
	ctx    context.Context
	broker *kafkatest.Broker
	writer *kgo.Client
	*Partition
}

const orders = "orders"

func newSource(t *testing.T, opts ...kafkatest.Option) *source {
	t.Helper()
	broker := kafkatest.Start(t, append([]kafkatest.Option{kafkatest.WithTopic(orders, 1)}, opts...)...)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	writer, err := kgo.NewClient(append(broker.Opts(), kgo.DefaultProduceTopic(orders))...)
	require.NoError(t, err)
	t.Cleanup(writer.Close)
	return &source{T: t, ctx: ctx, broker: broker, writer: writer, Partition: NewPartition(broker.Opts(), orders, 0)}
}

// write appends n events whose metadata is "event <offset>" if nothing else writes.
func (s *source) write(from, n int) {
	s.Helper()
	records := make([]*kgo.Record, n)
	for i := range records {
		records[i] = &kgo.Record{Key: []byte("key"), Value: fmt.Appendf(nil, "event %d", from+i)}
	}
	require.NoError(s, s.writer.ProduceSync(s.ctx, records...).FirstErr())
}

// open opens a stream that is closed at the end of the test.
func (s *source) open(after string, opts ...reflex.StreamOption) reflex.StreamClient {
	s.Helper()
	client, err := s.Stream(s.ctx, after, opts...)
	require.NoError(s, err)
	s.Cleanup(func() { require.NoError(s, client.(io.Closer).Close()) })
	return client
}

// take returns the IDs of the next n events.
func (s *source) take(client reflex.StreamClient, n int) []string {
	s.Helper()
	var ids []string
	for range n {
		e, err := client.Recv()
		require.NoError(s, err)
		require.Equal(s, "event "+e.ID, string(e.MetaData))
		ids = append(ids, e.ID)
	}
	return ids
}

// toHead returns the IDs up to head.
func (s *source) toHead(after string, opts ...reflex.StreamOption) []string {
	s.Helper()
	client := s.open(after, append(opts, reflex.WithStreamToHead())...)
	var ids []string
	for {
		e, err := client.Recv()
		if reflex.IsHeadReachedErr(err) {
			return ids
		}
		require.NoError(s, err)
		ids = append(ids, e.ID)
	}
}

func TestStreamDeliversWhatFollowsTheCursor(t *testing.T) {
	s := newSource(t)
	s.write(0, 5)
	require.Equal(t, []string{"0", "1", "2", "3", "4"}, s.toHead(""))
	require.Equal(t, []string{"1", "2", "3", "4"}, s.toHead("0"))
	require.Empty(t, s.toHead("4"))
	require.Equal(t, []string{"3", "4"}, s.toHead(s.Stamp()("2")))

	live := s.open("3")
	require.Equal(t, []string{"4"}, s.take(live, 1))
	s.write(5, 2)
	require.Equal(t, []string{"5", "6"}, s.take(live, 2))
}
