package reflex_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
)

var (
	errEnd  = errors.New("end")
	errDone = errors.New("done")
)

type testType int

func (t testType) ReflexType() int { return int(t) }

// event returns an event with the ID, and a foreign ID and timestamp derived from nothing.
func event(id int) *reflex.Event {
	return &reflex.Event{
		ID:        strconv.Itoa(id),
		Type:      testType(1),
		ForeignID: "f" + strconv.Itoa(id),
		Timestamp: time.Now(),
	}
}

func events(n int) []*reflex.Event {
	res := make([]*reflex.Event, n)
	for i := range res {
		res[i] = event(i + 1)
	}
	return res
}

// journal notes calls in their order.
type journal struct {
	mu    sync.Mutex
	calls []string
}

func (j *journal) note(call string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.calls = append(j.calls, call)
}

func (j *journal) list() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string(nil), j.calls...)
}

// fakeStore is a cursor store in memory. The zero value works.
type fakeStore struct {
	mu      sync.Mutex
	journal *journal
	cursors map[string]string
	get     func(ctx context.Context) error
	set     func(ctx context.Context, cursor string) error
	flush   func(ctx context.Context) error
	flushes int
}

var _ reflex.CursorStore = (*fakeStore)(nil)

func (s *fakeStore) note(call string) {
	if s.journal != nil {
		s.journal.note(call)
	}
}

func (s *fakeStore) GetCursor(ctx context.Context, name string) (string, error) {
	s.note("get " + name)
	if s.get != nil {
		if err := s.get(ctx); err != nil {
			return "", err
		}
	}
	return s.cursor(name), nil
}

func (s *fakeStore) SetCursor(ctx context.Context, name, cursor string) error {
	s.note("set " + name + " " + cursor)
	if s.set != nil {
		if err := s.set(ctx, cursor); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cursors == nil {
		s.cursors = make(map[string]string)
	}
	s.cursors[name] = cursor
	return nil
}

func (s *fakeStore) Flush(ctx context.Context) error {
	s.note("flush")
	s.mu.Lock()
	s.flushes++
	s.mu.Unlock()
	if s.flush != nil {
		return s.flush(ctx)
	}
	return nil
}

func (s *fakeStore) cursor(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursors[name]
}

// fakeClient is a stream of functions.
type fakeClient struct {
	recv  func() (*reflex.Event, error)
	close func() error
}

func (c *fakeClient) Recv() (*reflex.Event, error) { return c.recv() }

func (c *fakeClient) Close() error {
	if c.close == nil {
		return nil
	}
	return c.close()
}

// streamOf returns a StreamFunc that opens the client.
func streamOf(client reflex.StreamClient) reflex.StreamFunc {
	return func(context.Context, string, ...reflex.StreamOption) (reflex.StreamClient, error) {
		return client, nil
	}
}

// fakeConsumer is a consumer that is not NewConsumer's.
type fakeConsumer struct {
	name    string
	consume reflex.ConsumerFunc
}

var _ reflex.Consumer = fakeConsumer{}

func (c fakeConsumer) Name() string { return c.name }

func (c fakeConsumer) Consume(ctx context.Context, e *reflex.Event) error {
	if c.consume == nil {
		return nil
	}
	return c.consume(ctx, e)
}

func consumerOf(fn reflex.ConsumerFunc) reflex.Consumer {
	return fakeConsumer{name: "consumer", consume: fn}
}

// newConsumer returns a consumer called "test" on a registry of its own.
func newConsumer(tb testing.TB, fn reflex.ConsumerFunc, opts ...reflex.ConsumerOption) (reflex.Consumer, *prometheus.Registry) {
	tb.Helper()
	registry := prometheus.NewPedanticRegistry()
	opts = append([]reflex.ConsumerOption{reflex.WithConsumerRegisterer(registry)}, opts...)
	return reflex.NewConsumer("test", fn, opts...), registry
}

func noop(context.Context, *reflex.Event) error { return nil }

// values returns the value of each series of the metric by consumer name. Of a
// histogram it is the count.
func values(tb testing.TB, g prometheus.Gatherer, metric string) map[string]float64 {
	tb.Helper()
	families, err := g.Gather()
	require.NoError(tb, err)
	res := make(map[string]float64)
	for _, family := range families {
		if family.GetName() != metric {
			continue
		}
		for _, m := range family.GetMetric() {
			var name string
			for _, label := range m.GetLabel() {
				if label.GetName() == "consumer_name" {
					name = label.GetValue()
				}
			}
			switch {
			case m.GetGauge() != nil:
				res[name] = m.GetGauge().GetValue()
			case m.GetCounter() != nil:
				res[name] = m.GetCounter().GetValue()
			default:
				res[name] = float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return res
}

// pass lets time go by, which is virtual time in the tests that use it.
func pass(d time.Duration) { <-time.After(d) }
