package kafka

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// dialTimeout is half of kgo's default: a broker that does not answer a
	// dial within it is not the one to wait for.
	dialTimeout = 5 * time.Second

	// metadataMinAge bounds how soon kgo looks for a leader that moved. Its
	// default of 5 s is the time that every retry would take.
	metadataMinAge = 200 * time.Millisecond
)

// ErrClosed is returned by Do once the client is closed.
var ErrClosed = errors.New("kafka client is closed", j.C("ERR_5f0b3c7e2a91d684"))

// Client is a kgo.Client whose hanging requests end with it.
type Client struct {
	*kgo.Client

	ctx    context.Context // done with Close
	cancel context.CancelFunc

	mu     sync.Mutex // orders running.Add before running.Wait
	closed bool

	running sync.WaitGroup
}

// NewClient makes a client of the user's options and ours, which win. It
// contacts nobody.
//
// Options of the user that would make the client consume, join a group or own a
// transactional ID are an *OptionError. What kgo itself finds wrong with the
// options is an error that wraps ErrOption too.
func NewClient(user []kgo.Opt, ours ...kgo.Opt) (*Client, error) {
	if err := checkOptions(user); err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(slices.Concat(defaults(), user, forced(), ours)...)
	if err != nil {
		return nil, &OptionError{Cause: err}
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Client{Client: client, ctx: ctx, cancel: cancel}, nil
}

// defaults are options that the user's replace.
func defaults() []kgo.Opt {
	return []kgo.Opt{kgo.DialTimeout(dialTimeout), kgo.MetadataMinAge(metadataMinAge)}
}

// forced are options that the user's don't replace: the last push of client
// metrics would hold up Close for up to a second.
func forced() []kgo.Opt { return []kgo.Opt{kgo.DisableClientMetrics()} }

// Close ends all requests and returns when they are gone. It is prompt, also
// while a broker hangs. Closing again does nothing.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()

	c.cancel()
	c.Client.Close()
	c.running.Wait()
}

// begin reports whether the client is open, and if so keeps Close waiting until
// running.Done.
func (c *Client) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.running.Add(1)
	return true
}

// Go calls fn in a goroutine of its own, with a context that Close ends, and has Close wait
// for it. It reports whether it did, which it doesn't when the client is closed.
func (c *Client) Go(fn func(context.Context)) bool {
	if !c.begin() {
		return false
	}
	go func() {
		defer c.running.Done()
		fn(c.ctx)
	}()
	return true
}

// Do calls fn and returns what it returned, or, as soon as ctx is done, the
// error of ctx. In that case fn goes on by itself, with its context cancelled, and
// Close waits for it: fn must use nothing that the caller owns.
//
// It returns ErrClosed when the client is closed before fn has returned.
func Do[T any](ctx context.Context, c *Client, fn func(context.Context) (T, error)) (T, error) {
	var zero T
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	if !c.begin() {
		return zero, ErrClosed
	}
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1) // nobody may be there to take it
	fnCtx, cancel := context.WithCancel(ctx)
	go func() {
		defer c.running.Done()
		defer cancel()
		value, err := fn(fnCtx)
		done <- result{value, err}
	}()
	select {
	case res := <-done:
		if res.err != nil && ctx.Err() == nil && c.ctx.Err() != nil {
			return zero, ErrClosed
		}
		return res.value, res.err
	case <-ctx.Done():
		return zero, ctx.Err()
	case <-c.ctx.Done():
		cancel()
		return zero, ErrClosed
	}
}
