package rpatterns

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"

	"github.com/kreflex/kreflex/reflex"
)

var (
	// ErrInvalidLimit is returned by Reset and Consume, and so by Run, of a ConcurrentConsumer or KeyedConsumer
	// that may have no event in flight, or has a window that is less than its events in flight.
	ErrInvalidLimit = errors.New("limit of concurrency is invalid", j.C("ERR_4b9e07d3c8f15a62"))
	// ErrInFlight says that events of a run are still with handlers, or its cursor with the store, after 9
	// seconds of waiting. Run has it in its *reflex.CleanupError, and the next Run returns it
	// instead of beginning, as it would handle the same events at the same time. A
	// handler must return soon after its context is done, which at the latest happens when Run returns.
	ErrInFlight = errors.New("events are still in flight", j.C("ERR_a85c2e60f7914bd3"))
)

const (
	// inFlightTimeout bounds waiting for what is in flight: at the end of a run, where Run
	// waits for 10 seconds, and before the next one. It is a part of ErrInFlight's documentation.
	inFlightTimeout = 9 * time.Second

	// A window is windowFactor times what may be in flight, so one event may take that
	// many times as long as the others before they wait for it.
	windowFactor = 64
	// maxWindow bounds windows that nobody asked for.
	maxWindow = 1 << 16
)

// limits of a run, in events.
type limits struct {
	inFlight int // with handlers
	window   int // from the first that is not done to the newest
}

func defaultLimits(inFlight int) limits {
	if inFlight >= maxWindow/windowFactor {
		return limits{inFlight: inFlight, window: max(inFlight, maxWindow)}
	}
	return limits{inFlight: inFlight, window: inFlight * windowFactor}
}

func (l limits) check(consumer string) error {
	keys := j.MKV{"consumer": consumer, "max_in_flight": l.inFlight, "window": l.window}
	switch {
	case l.inFlight <= 0:
		return errors.Wrap(ErrInvalidLimit, fmt.Sprintf("consumer %q: maxInFlight is %d, and must be 1 at least", consumer, l.inFlight), keys)
	case l.window < l.inFlight:
		return errors.Wrap(ErrInvalidLimit, fmt.Sprintf("consumer %q: window is %d, and must be maxInFlight, %d, at least", consumer, l.window, l.inFlight), keys)
	default:
		return nil
	}
}

// concurrency is what consumers that handle events concurrently have in common. It sees to it that
// there is one run at a time.
type concurrency struct {
	store    reflex.CursorStore
	consumer reflex.Consumer
	key      func(*reflex.Event) string
	limits   limits

	mu  sync.Mutex
	run *inflight // that of the latest Reset
}

func newConcurrency(store reflex.CursorStore, consumer reflex.Consumer, key func(*reflex.Event) string, limits limits) *concurrency {
	c := &concurrency{store: store, consumer: consumer, key: key, limits: limits}
	c.run = c.newRun(context.Background())
	return c
}

func (c *concurrency) newRun(ctx context.Context) *inflight {
	return newInflight(ctx, c.store, c.consumer, c.key, c.limits)
}

func (c *concurrency) current() *inflight {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.run
}

// reset waits for what is in flight, and begins a run.
func (c *concurrency) reset(ctx context.Context) error {
	if err := c.limits.check(c.consumer.Name()); err != nil {
		return err
	}
	former := c.current()
	if err := former.settle(ctx); err != nil {
		return err
	}
	if err := resetInner(ctx, c.consumer); err != nil {
		return err
	}
	r := c.newRun(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.run != former {
		return errRunTwice(c.consumer.Name()) // It may be open by now, and would go on beside r.
	}
	c.run = r
	return nil
}

func (c *concurrency) consume(ctx context.Context, e *reflex.Event) error {
	if c.limits.inFlight <= 0 || c.limits.window < c.limits.inFlight {
		return c.limits.check(c.consumer.Name())
	}
	return c.current().add(ctx, e)
}

// stop ends the run, and waits for what is in flight, so that its cursor is set.
func (c *concurrency) stop() error {
	return c.current().end(context.Background())
}

// spec returns a spec of the consumer, which is c to Run.
func (c *concurrency) spec(stream reflex.StreamFunc, consumer reflex.Consumer, opts []reflex.StreamOption) reflex.Spec {
	return reflex.NewSpec(c.stream(stream), &markStore{CursorStore: c.store, concurrency: c}, consumer, opts...)
}

// stream returns stream with clients that end with the run, and the run with them.
func (c *concurrency) stream(stream reflex.StreamFunc) reflex.StreamFunc {
	return func(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
		r := c.current()
		if err := r.open(); err != nil {
			return nil, err
		}
		watched := endOnFailure(drainAtHead(stream, r), func() *failure { return &r.failure }, r.close)
		client, err := watched(ctx, after, opts...)
		if err != nil {
			r.stop() // there is nothing to close
			return nil, err
		}
		return client, nil
	}
}

// markStore is the store for Run, which would set the cursor to the event that was handed over last. The
// mark is set by the run's cursorWriter.
type markStore struct {
	reflex.CursorStore
	concurrency *concurrency
}

func (s *markStore) GetCursor(ctx context.Context, consumerName string) (string, error) {
	// Here, as Run gets the cursor before it resets the consumer.
	if err := s.concurrency.current().settle(ctx); err != nil {
		return "", err
	}
	return s.CursorStore.GetCursor(ctx, consumerName)
}

func (*markStore) SetCursor(context.Context, string, string) error { return nil }

// drainAtHead returns stream with clients that report the head when all that they delivered is done. A run
// to the head that ended before would end well although its last events are not done, or fail.
func drainAtHead(stream reflex.StreamFunc, r *inflight) reflex.StreamFunc {
	return func(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
		client, err := stream(ctx, after, opts...)
		if err != nil {
			return nil, err
		}
		return &drainingClient{StreamClient: client, ctx: ctx, run: r}, nil
	}
}

type drainingClient struct {
	reflex.StreamClient
	ctx context.Context
	run *inflight
}

var _ io.Closer = (*drainingClient)(nil)

func (c *drainingClient) Recv() (*reflex.Event, error) {
	e, err := c.StreamClient.Recv()
	if reflex.IsHeadReachedErr(err) {
		c.run.drain(c.ctx)
		if ctxErr := c.ctx.Err(); ctxErr != nil {
			return nil, ctxErr
		}
	}
	return e, err
}

func (c *drainingClient) Close() error {
	if closer, ok := c.StreamClient.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}
