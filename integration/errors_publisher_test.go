package integration_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/integration/kafkaharness"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

// publisherErrors are those of publishing.
func publisherErrors() []provocation {
	publishTo := func(event *reflex.Event, configs ...string) func(*testing.T) (time.Duration, error) {
		return func(t *testing.T) (time.Duration, error) {
			t.Helper()
			cluster := lab.Cluster(t, 1)
			opts := append(cluster.Opts(), kgo.ProducerBatchCompression(kgo.NoCompression()))
			p := newPublisher(t, opts, cluster.Topic(t, 1, configs...))
			return timed(func() error { _, err := p.Publish(t.Context(), event); return err })
		}
	}
	small := &reflex.Event{ForeignID: "1", Type: eventType(1), MetaData: []byte("{}")}
	large := &reflex.Event{ForeignID: "1", Type: eventType(1), MetaData: []byte(strings.Repeat("x", 5_000))}
	noID := &reflex.Event{Type: eventType(1), MetaData: []byte("{}")}
	return []provocation{
		{"publisher: event too large", kafkastream.ErrEventTooLarge, atOnce, publishTo(large, "max.message.bytes", "1000")},
		{"publisher: foreign id required", kafkastream.ErrForeignIDRequired, atOnce, publishTo(noID, "cleanup.policy", "compact")},
		{"publisher: no acknowledgement", kafkastream.ErrDeliveryTimeout, 15 * time.Second, func(t *testing.T) (time.Duration, error) {
			t.Helper()
			cluster := lab.Cluster(t, 1)
			line := &line{}
			p := newPublisher(t, append(cluster.Opts(), kgo.Dialer(line.dial)), cluster.Topic(t, 1), kafkastream.WithDeliveryTimeout(2*time.Second))
			_, err := p.Publish(t.Context(), small)
			require.NoError(t, err)
			defer line.stall()()
			return timed(func() error { _, err := p.Publish(t.Context(), small); return err })
		}},
		{"publisher: unknown topic", kafkastream.ErrUnknownTopic, 15 * time.Second, func(t *testing.T) (time.Duration, error) {
			t.Helper()
			p := newPublisher(t, lab.Cluster(t, 1).Opts(), "no-such-topic")
			return timed(func() error { _, err := p.Publish(t.Context(), small); return err })
		}},
		{"publisher: unknown partition", kafkastream.ErrUnknownPartition, 15 * time.Second, func(t *testing.T) (time.Duration, error) {
			t.Helper()
			cluster := lab.Cluster(t, 1)
			p := newPublisher(t, cluster.Opts(), cluster.Topic(t, 1), kafkastream.WithPartition(7))
			return timed(func() error { _, err := p.Publish(t.Context(), small); return err })
		}},
		{"publisher: not authorised", kafkastream.ErrNotAuthorised, atOnce, func(t *testing.T) (time.Duration, error) {
			t.Helper()
			cluster := secured(t)
			p := newPublisher(t, cluster.OptsAs(kafkaharness.Nobody, ""), cluster.Topic(t, 1))
			return timed(func() error { _, err := p.Publish(t.Context(), small); return err })
		}},
		{"publisher: fenced", kafkastream.ErrPublisherFenced, 10 * time.Second, func(t *testing.T) (time.Duration, error) {
			t.Helper()
			cluster := lab.Cluster(t, 1)
			topic, id := cluster.Topic(t, 1), kafkastream.WithTransactionalID(kafkaharness.Name(t))
			first, second := newPublisher(t, cluster.Opts(), topic, id), newPublisher(t, cluster.Opts(), topic, id)
			transact := func(p *kafkastream.Publisher) error {
				return p.Transact(t.Context(), func(tx *kafkastream.Tx) error { return tx.Publish(t.Context(), small) })
			}
			require.NoError(t, transact(first))
			require.NoError(t, transact(second))
			return timed(func() error { return transact(first) })
		}},
		{"publisher: invalid event", kafkastream.ErrInvalidEvent, atOnce, publishTo(nil)},
		{"publisher: outside of Transact", kafkastream.ErrTransactional, atOnce, func(t *testing.T) (time.Duration, error) {
			t.Helper()
			cluster := lab.Cluster(t, 1)
			p := newPublisher(t, cluster.Opts(), cluster.Topic(t, 1), kafkastream.WithTransactionalID(kafkaharness.Name(t)))
			return timed(func() error { _, err := p.Publish(t.Context(), small); return err })
		}},
		{"publisher: closed", kafkastream.ErrPublisherClosed, atOnce, func(t *testing.T) (time.Duration, error) {
			t.Helper()
			cluster := lab.Cluster(t, 1)
			p := newPublisher(t, cluster.Opts(), cluster.Topic(t, 1))
			require.NoError(t, p.Close())
			return timed(func() error { _, err := p.Publish(t.Context(), small); return err })
		}},
	}
}

func newPublisher(t *testing.T, kafka []kgo.Opt, topic string, opts ...kafkastream.PublisherOption) *kafkastream.Publisher {
	t.Helper()
	p, err := kafkastream.NewPublisher(kafka, topic, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return p
}
