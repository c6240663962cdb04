package partition

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/kafkatest"
)

const (
	topic   = "orders"
	patient = 20 * time.Second
)

// env is a broker with one topic of one partition, and a client.
type env struct {
	*testing.T
	broker *kafkatest.Broker
	cl     *kafka.Client
	ctx    context.Context
}

func newEnv(t *testing.T, opts ...kafkatest.Option) *env {
	t.Helper()
	broker := kafkatest.Start(t, append([]kafkatest.Option{kafkatest.WithTopic(topic, 1)}, opts...)...)
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	t.Cleanup(cancel)
	return &env{T: t, broker: broker, cl: newClient(t, broker.Opts()...), ctx: ctx}
}

func newClient(t *testing.T, opts ...kgo.Opt) *kafka.Client {
	t.Helper()
	cl, err := kafka.NewClient(opts)
	require.NoError(t, err)
	t.Cleanup(cl.Close)
	return cl
}

// produce writes a record per value.
func (e *env) produce(values ...string) {
	e.Helper()
	for _, value := range values {
		rec := &kgo.Record{Topic: topic, Value: []byte(value)}
		require.NoError(e, e.cl.ProduceSync(e.ctx, rec).FirstErr())
	}
}

func (e *env) produceN(n int) {
	e.Helper()
	records := make([]*kgo.Record, n)
	for i := range records {
		records[i] = &kgo.Record{Topic: topic, Value: []byte(strconv.Itoa(i))}
	}
	require.NoError(e, e.cl.ProduceSync(e.ctx, records...).FirstErr())
}

func (e *env) describe() Log {
	e.Helper()
	log, err := Describe(e.ctx, e.cl, topic, 0)
	require.NoError(e, err)
	return log
}

// reader returns one from an offset on, with a client of its own.
func (e *env) reader(next int64, cfg Config) *Reader {
	e.Helper()
	return NewReader(newClient(e.T, e.broker.Opts()...), e.describe(), next, cfg)
}

// read fetches until there are n records.
func (e *env) read(r *Reader, n int) []string {
	e.Helper()
	var values []string
	for len(values) < n {
		answer, err := r.Fetch(e.ctx)
		require.NoError(e, err)
		for _, rec := range answer.Records {
			values = append(values, string(rec.Value))
		}
	}
	return values
}

// toHead fetches until head and returns the values and the position.
func (e *env) toHead(r *Reader) (values []string, next int64) {
	e.Helper()
	for {
		answer, err := r.Fetch(e.ctx)
		require.NoError(e, err)
		if answer.AtHead() {
			return values, answer.Next
		}
		for _, rec := range answer.Records {
			values = append(values, string(rec.Value))
		}
	}
}
