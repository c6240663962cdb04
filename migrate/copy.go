package migrate

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

// Progress is how far a copy is.
type Progress struct {
	// Copied is the number of events that this call has copied.
	Copied int64 `json:"copied"`
	// After is the source ID that this call went on after, or "" for a target that was empty.
	After string `json:"after"`
	// LastID is the source ID copied last, by this call or one before, or "" if there is none.
	LastID string `json:"last_id"`
	// LastOffset is where that event is in the target, or -1 if there is none.
	LastOffset int64 `json:"last_offset"`
	// LastTime is the timestamp of that event.
	LastTime time.Time `json:"last_time"`
	// Lag is how old the event copied last was when it was there, or 0 if this call has copied
	// none. While there is a backlog it tells how much is left.
	Lag time.Duration `json:"lag_ns"`
	// AtHead says that the source had no more.
	AtHead bool `json:"at_head"`
}

// Copy copies the events of a stream into a partition, in their order, each exactly once, and
// returns how far it came.
//
// It finds in the target itself where it has to go on: however a call ended, kill -9 included,
// the next one neither repeats nor leaves out an event. Each transaction holds a batch of
// events, so readers of committed events see a prefix of the source at any time. A later
// call takes the writing over from an earlier one, which then returns ErrFenced.
//
// Without WithFollow it returns nil at the head of the source, which must understand
// WithStreamToHead. Otherwise the error is that of ctx, of the source, or an *Error:
// ErrInvalidOption, ErrTargetSettings, ErrForeignRecords, ErrSourceMismatch, ErrSourceOrder,
// ErrFenced, ErrInterrupted, or a kind of kafkastream such as ErrUnknownTopic,
// ErrInvalidEvent or ErrEventTooLarge. Like reflex.Run it tries once: call it in a loop to outlive the source
// and the brokers, as long as IsPermanent is false.
//
// What is wrong with the target or the source is found out before anything is changed, another
// copy's right to write included. When ctx is done, a transaction in hand may take a second
// to end. The source must obey its context, or its Close.
func Copy(ctx context.Context, source reflex.StreamFunc, kafkaOpts []kgo.Opt, topic string, partition int32, opts ...CopyOption) (Progress, error) {
	c, err := newCopier(ctx, source, kafkaOpts, topic, partition, opts)
	if err != nil {
		return c.progress, err
	}
	defer c.client.Close()
	err = c.run(ctx)
	return c.progress, err
}

// PlanCopy says after which event Copy would go on, and returns what Copy would find wrong with the
// target and the source. It changes nothing: no topic is created, and no other copy is fenced.
func PlanCopy(ctx context.Context, source reflex.StreamFunc, kafkaOpts []kgo.Opt, topic string, partition int32, opts ...CopyOption) (Progress, error) {
	c, err := newCopier(ctx, source, kafkaOpts, topic, partition, opts)
	if err != nil {
		return c.progress, err
	}
	defer c.client.Close()
	err = c.validateTopic(ctx)
	if c.config.createReplicas != 0 && errors.Is(err, kafkastream.ErrUnknownTopic) {
		return c.progress, nil // it would be created
	}
	if err != nil {
		return c.progress, err
	}
	t, err := readTail(ctx, c.target)
	if err != nil {
		return c.progress, err
	}
	if err := c.verify(ctx, t); err != nil {
		return c.progress, err
	}
	c.begin(t)
	return c.progress, nil
}

// copier is one call of Copy.
type copier struct {
	source    reflex.StreamFunc
	kafka     []kgo.Opt
	topic     string
	partition int32
	config    copyConfig

	client   *kafka.Client // for questions
	target   *kafkastream.Partition
	progress Progress
}

// newCopier always returns one, with a client unless there is an error.
func newCopier(ctx context.Context, source reflex.StreamFunc, kafkaOpts []kgo.Opt, topic string, partition int32, opts []CopyOption) (*copier, error) {
	c := &copier{source: source, kafka: slices.Clone(kafkaOpts), topic: topic, partition: partition, progress: Progress{LastOffset: -1}}
	var err error
	if c.config, err = resolveCopy(topic, partition, source != nil, opts); err != nil {
		return c, err
	}
	if err := ctx.Err(); err != nil {
		return c, err
	}
	c.target = newTarget(kafkaOpts, topic, partition)
	c.client, err = newClient(kafkaOpts, topic, partition)
	return c, err
}

func (c *copier) run(ctx context.Context) error {
	if c.config.createReplicas != 0 {
		if err := c.createTopic(ctx); err != nil {
			return err
		}
	}
	if err := c.validateTopic(ctx); err != nil {
		return err
	}
	before, err := readTail(ctx, c.target)
	if err != nil {
		return err
	}
	if err := c.verify(ctx, before); err != nil {
		return err
	}

	w, err := c.newWriter()
	if err != nil {
		return err
	}
	defer w.close()
	if err := w.takeOver(ctx); err != nil {
		return err
	}
	// Only now nobody else can move the end.
	now, err := settledTail(ctx, c.target, c.topic, c.partition, c.config.timeout)
	if err != nil {
		return err
	}
	if now.lastID() != before.lastID() || now.last == nil || now.last.offset != before.last.offset {
		if err := c.verify(ctx, now); err != nil {
			return err
		}
	}
	w.next = now.offsets.HighWatermark
	c.begin(now)
	return c.pump(ctx, w)
}

func (c *copier) begin(t tail) {
	if t.last == nil {
		return
	}
	c.progress.After, c.progress.LastID = t.last.sourceID, t.last.sourceID
	c.progress.LastOffset, c.progress.LastTime = t.last.offset, t.last.event.Timestamp
}

// pump copies until the source ends. The goroutine that reads is gone when it returns.
func (c *copier) pump(ctx context.Context, w *writer) error {
	reading, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	var options []reflex.StreamOption
	if !c.config.follow {
		options = append(options, reflex.WithStreamToHead())
	}
	stream, err := c.source(reading, c.progress.After, options...)
	if err != nil {
		return c.sourceError(ctx, err)
	}
	defer func() {
		cancel()
		_ = closeStream(stream) // what it has to say of its end changes nothing
	}()
	f := newFeed(c.topic, c.partition, c.progress.After, c.config.batchEvents)
	running.Go(func() { f.run(reading, stream) })

	for {
		b, err := f.collect(ctx, c.config.batchEvents, !c.config.follow)
		if err != nil {
			return err
		}
		if len(b.items) > 0 {
			offset, err := w.append(ctx, b.records())
			if err != nil {
				return err
			}
			f.room.Release(b.weight)
			c.copied(b, offset)
			c.config.progress(c.progress)
		}
		if b.end != nil {
			return c.ended(ctx, b.end)
		}
	}
}

func (c *copier) copied(b batch, offset int64) {
	last := b.items[len(b.items)-1]
	c.progress.Copied += int64(len(b.items))
	c.progress.LastID, c.progress.LastOffset, c.progress.LastTime = last.sourceID, offset, last.timestamp
	c.progress.Lag = 0
	if !last.timestamp.IsZero() {
		c.progress.Lag = max(time.Since(last.timestamp), 0)
	}
}

func (c *copier) ended(ctx context.Context, err error) error {
	if !c.config.follow && reflex.IsHeadReachedErr(err) {
		c.progress.AtHead = true
		c.config.progress(c.progress)
		return nil
	}
	var known *Error
	if errors.As(err, &known) || errors.Is(err, kafkastream.ErrInvalidEvent) {
		return err
	}
	return c.sourceError(ctx, err)
}

// sourceError is the error of the source, or that of ctx if it is the reason.
func (c *copier) sourceError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.Wrap(err, fmt.Sprintf("source of %s/%d", c.topic, c.partition), j.KV("last_id", c.progress.LastID))
}
