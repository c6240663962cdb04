package rpatterns

import (
	"context"
	"sync"
	"time"

	"github.com/luno/fate"
	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"

	"github.com/kreflex/kreflex/internal/logic"
	"github.com/kreflex/kreflex/reflex"
)

// The codes are those of luno/reflex where it has the same error.
var (
	// ErrBatchState ends a run whose batch failed when its period was over, together with why it did. It is
	// also returned by Consume of a BatchConsumer that is stopped, or was never reset.
	ErrBatchState = errors.New(batchStateText, j.C(batchStateCode))

	// ErrInvalidBatchConfig is returned by the first Consume of a BatchConsumer that has neither
	// a period nor a length, or a negative one.
	ErrInvalidBatchConfig = errors.New("batchPeriod or batchLen must be non-zero", j.C("ERR_f4a2c8e7b1d53f90"))

	// ErrBatchStuck is returned by Stop and Reset, and is the error of closing a run's stream, when the batch
	// function has not returned 8 seconds after it was to end. It must obey its context. Until it has
	// returned the consumer can't run again: a second batch function beside it would handle the same events.
	ErrBatchStuck = errors.New("batch function has not returned within 8s of being told to", j.C("ERR_2fa94c6d0e7b8135"))
)

const (
	batchStateText = "batch error state"
	batchStateCode = "ERR_b3053f5f1a3ecd23"
)

const (
	// What ends a batch of a consumer without a length before its period is over, so that memory is
	// bounded. They are part of NewBatchConsumer's documentation.
	maxBatchLen   = 10_000
	maxBatchBytes = 32 << 20

	// batchStop is how long a batch function may take to return. It is a part of ErrBatchStuck's text, and
	// below the 10 seconds that Run gives Close.
	batchStop = 8 * time.Second
	// batchFinish is how much of that it may go on with its work, if a run ends for another reason than
	// its context: what is finished need not be done again.
	batchFinish = batchStop / 2
)

// Batch is events in the order of the stream.
type Batch []*reflex.Event

// BatchConsumeFn is the business logic of a BatchConsumer.
type BatchConsumeFn func(ctx context.Context, batch Batch) error

// BatchConsumer is a consumer that collects events and handles them together. Run it with NewBatchSpec.
type BatchConsumer struct {
	*AckConsumer

	logic  func(context.Context, fate.Fate, Batch) error
	period time.Duration
	length int

	mu     sync.Mutex
	latest *batchRun // nil before the first Reset
}

var (
	_ reflex.Consumer    = (*BatchConsumer)(nil)
	_ reflex.ResetterCtx = (*BatchConsumer)(nil)
	_ reflex.Stopper     = (*BatchConsumer)(nil)
)

// NewBatchConsumer returns a consumer that calls consume with a batch of events once there are batchLen of
// them, or when batchPeriod has gone by since the first of them arrived, whichever is earlier. Afterwards the
// cursor moves to the last one, and is durable before the next batch is handled. Either may be 0 to
// do without; both are ErrInvalidBatchConfig. Without batchLen a batch also ends at 10,000
// events, or 32 MiB of their metadata.
//
// A batch that fails, or panics, ends the run, and its events come again in the next run. If it was its period that
// ended it, the run ends at once with ErrBatchState and the cause, whether another event comes or not.
//
// Events are collected while Run has nothing else to wait for; the one that arrives while a batch is
// handled waits for it. What is not yet handled when a run ends is dropped and comes again. A batch in hand when a run
// ends has 4 seconds to finish if it is not the context that ended the run, and is told to stop by its context
// then; when it is finished it is acknowledged, also if the context is done. See ErrBatchStuck for one that does not stop.
//
// The context of consume is that of the run, with the log keys consumer, batch_len, batch_first_id and
// batch_last_id. It has the trace of the events if all have the same; otherwise there is no one trace, and
// reflex.DecodeTrace of each event is what to link to.
//
// The latency of the consumer is that of the Consume which completed a batch, or of the batch that its period
// ended. reflex_rpatterns_batch_consumer_buffer_length is how many events are collected.
func NewBatchConsumer[L BatchLogic](
	name string, cstore reflex.CursorStore, consume L, batchPeriod time.Duration, batchLen int, opts ...reflex.ConsumerOption,
) *BatchConsumer {
	c := &BatchConsumer{logic: logic.Tempted[Batch](consume), period: batchPeriod, length: batchLen}
	c.AckConsumer = newAckConsumer(name, cstore, c.collect, opts)
	return c
}

// Reset prepares for a run, which ends with ctx. What is left of the run before is ended, and waited for as
// ctx and ErrBatchStuck allow.
func (c *BatchConsumer) Reset(ctx context.Context) error { return c.reset(ctx, nil) }

// Stop ends the run. It may be called at any time and again, and returns nil or, within 8 seconds, ErrBatchStuck.
func (c *BatchConsumer) Stop() error {
	return c.run().end(context.Background(), 0)
}

func (c *BatchConsumer) reset(ctx context.Context, meter patternMeter) error {
	if err := c.run().end(ctx, 0); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.latest = startBatchRun(ctx, c, meter)
	return nil
}

// run returns the latest run, nil if there was none.
func (c *BatchConsumer) run() *batchRun {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.latest
}

// collect is the logic of the AckConsumer.
func (c *BatchConsumer) collect(ctx context.Context, f fate.Fate, e *AckEvent) error {
	if c.period < 0 || c.length < 0 || c.period == 0 && c.length == 0 {
		return errors.Wrap(ErrInvalidBatchConfig, "", j.MKV{"batch_period": c.period, "batch_len": c.length})
	}
	run := c.run()
	if run == nil {
		return errors.Wrap(ErrBatchState, "consumer was not reset")
	}
	return run.add(ctx, f, e)
}

// complete reports whether a batch has all that goes into it.
func (c *BatchConsumer) complete(length, bytes int) bool {
	if c.length > 0 {
		return length >= c.length
	}
	return length >= maxBatchLen || bytes >= maxBatchBytes
}

// patternMeter is what a consumer made by reflex.NewConsumer has for patterns.
type patternMeter interface {
	// ShowBuffer reports the length at each scrape until hide is called.
	ShowBuffer(length func() int) (hide func())
	// Worked counts work done outside of Consume.
	Worked(took time.Duration, err error)
}

// buffered returns how many events are collected.
func (c *BatchConsumer) buffered() int {
	run := c.run()
	if run == nil {
		return 0
	}
	return int(run.buffered.Load())
}
