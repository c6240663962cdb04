package migrate_test

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/migrate"
	"github.com/kreflex/kreflex/reflex"
)

// patient is generous: it only ends what would hang.
const patient = 30 * time.Second

func bounded(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	tb.Cleanup(cancel)
	return ctx
}

// fakeType is the type of an event.
type fakeType int

func (f fakeType) ReflexType() int { return int(f) }

// fakeSource is a stream in memory, whose IDs are whatever its events have.
type fakeSource struct {
	mu      sync.Mutex
	events  []*reflex.Event
	changed chan struct{}
	opened  []string // the cursors that streams were opened after
	failAt  string   // ID of the event before which Recv fails
	failure error
}

func newFakeSource(events ...*reflex.Event) *fakeSource {
	return &fakeSource{events: events, changed: make(chan struct{})}
}

// numbered returns events with IDs from first to last, all that an event has filled.
func numbered(first, last int) []*reflex.Event {
	var events []*reflex.Event
	for i := first; i <= last; i++ {
		events = append(events, event(strconv.Itoa(i)))
	}
	return events
}

func event(id string) *reflex.Event {
	return &reflex.Event{
		ID: id, Type: fakeType(1 + len(id)%3), ForeignID: "order-" + id, MetaData: []byte("metadata of " + id),
		Timestamp: time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

func (f *fakeSource) add(events ...*reflex.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events = append(f.events, events...)
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *fakeSource) ids() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ids []string
	for _, e := range f.events {
		ids = append(ids, e.ID)
	}
	return ids
}

func (f *fakeSource) stream(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opened = append(f.opened, after)
	c := &fakeClient{ctx: ctx, source: f, toHead: reflex.ResolveOptions(opts...).StreamToHead}
	if after != "" {
		c.next = 1 + slices.IndexFunc(f.events, func(e *reflex.Event) bool { return e.ID == after })
		if c.next == 0 {
			c.next = len(f.events)
		}
	}
	return c, nil
}

type fakeClient struct {
	ctx    context.Context //nolint:containedctx // Recv has none
	source *fakeSource
	next   int
	toHead bool
}

func (c *fakeClient) Recv() (*reflex.Event, error) {
	for {
		if err := c.ctx.Err(); err != nil {
			return nil, err
		}
		c.source.mu.Lock()
		changed := c.source.changed
		var e *reflex.Event
		if c.next < len(c.source.events) {
			e = c.source.events[c.next]
		}
		failAt, failure := c.source.failAt, c.source.failure
		c.source.mu.Unlock()
		switch {
		case e != nil && failure != nil && e.ID == failAt:
			return nil, failure
		case e != nil:
			c.next++
			return e, nil
		case c.toHead:
			return nil, reflex.ErrHeadReached
		}
		select {
		case <-changed:
		case <-c.ctx.Done():
		}
	}
}

// keeping starts a broker with a topic that keeps its events for ever.
func keeping(tb testing.TB, topics ...string) *kafkatest.Broker {
	tb.Helper()
	broker, err := kafkatest.New()
	require.NoError(tb, err)
	tb.Cleanup(broker.Close)
	for _, topic := range topics {
		require.NoError(tb, broker.CreateTopic(topic, 1, map[string]string{"retention.ms": "-1", "retention.bytes": "-1"}))
	}
	return broker
}

// copies returns the source IDs and the events that readers of the topic see, by the envelope.
func copies(tb testing.TB, kafka []kgo.Opt, topic string) (ids []string, events []*reflex.Event) {
	tb.Helper()
	plain := migrate.Decoder(nil)
	p := kafkastream.NewPartition(kafka, topic, 0, kafkastream.WithDecoder(func(r *kgo.Record, e *reflex.Event) error {
		id, _ := migrate.SourceID(r)
		ids = append(ids, id)
		return plain(r, e)
	}))
	stream, err := p.Stream(bounded(tb), "", reflex.WithStreamToHead())
	require.NoError(tb, err)
	defer closeClient(stream)
	for {
		e, err := stream.Recv()
		if reflex.IsHeadReachedErr(err) {
			return ids, events
		}
		require.NoError(tb, err)
		events = append(events, e)
	}
}

func closeClient(client reflex.StreamClient) {
	if c, ok := client.(interface{ Close() error }); ok {
		_ = c.Close()
	}
}
