package kafkastream

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/internal/kafka"
)

// delivery is one Publish on its way. Its outcomes come in from kgo's
// goroutine, maybe long after the caller gave up.
type delivery struct {
	all chan struct{} // closed when left is 0

	mu       sync.Mutex
	outcomes []Outcome
	left     int // events without outcome
}

// errPending is the outcome of an event before it has one.
var errPending = errors.New("event was not acknowledged yet", j.C("ERR_f3708d21ab95c64e"))

func newDelivery(events int) *delivery {
	d := &delivery{all: make(chan struct{}), outcomes: make([]Outcome, events), left: events}
	for i := range d.outcomes {
		d.outcomes[i] = Outcome{Err: errPending, MayBeWritten: true}
	}
	if events == 0 {
		close(d.all)
	}
	return d
}

// settle records what became of event i.
func (d *delivery) settle(i int, at Position, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		d.outcomes[i] = Outcome{Position: at}
	} else {
		d.outcomes[i] = Outcome{Err: err, MayBeWritten: mayBeWritten(err)}
	}
	d.done(1)
}

// unsent records that the events from i on were never handed over.
func (d *delivery) unsent(i int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for k := i; k < len(d.outcomes); k++ {
		d.outcomes[k] = Outcome{Err: err}
	}
	d.done(len(d.outcomes) - i)
}

func (d *delivery) done(n int) {
	d.left -= n
	if d.left == 0 {
		close(d.all)
	}
}

// wait returns the positions when all events are acknowledged, or a
// PublishError when that can't be, when ctx is done, or when nothing moved for stall.
func (d *delivery) wait(ctx context.Context, topic string, stall time.Duration) ([]Position, error) {
	timer := time.NewTimer(stall)
	defer timer.Stop()
	before := d.pending()
	for {
		select {
		case <-d.all:
			return d.result(topic, nil)
		case <-ctx.Done():
			return d.result(topic, context.Cause(ctx))
		case <-timer.C:
			now := d.pending()
			if now == before {
				return d.result(topic, ErrDeliveryTimeout)
			}
			before = now
			timer.Reset(stall)
		}
	}
}

func (d *delivery) pending() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.left
}

// result copies the outcomes, as the rest may come in while the caller reads
// them. Events without one get the reason for not waiting.
func (d *delivery) result(topic string, gaveUp error) ([]Position, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	failed := false
	for _, o := range d.outcomes {
		failed = failed || o.Err != nil
	}
	if !failed {
		positions := make([]Position, len(d.outcomes))
		for i, o := range d.outcomes {
			positions[i] = o.Position
		}
		return positions, nil
	}
	outcomes := slices.Clone(d.outcomes)
	for i := range outcomes {
		if gaveUp != nil && errors.Is(outcomes[i].Err, errPending) {
			outcomes[i].Err = gaveUp
		}
	}
	return nil, &PublishError{Topic: topic, Outcomes: outcomes}
}

// deliveryError says in our terms why kgo failed a record.
func (p *Publisher) deliveryError(r *kgo.Record, err error) error {
	if err == nil {
		return nil
	}
	at := j.MKV{"topic": p.topic, "partition": r.Partition}
	if p.config.partition != byForeignID {
		if count, lacks := p.partitions.lacks(p.config.partition); lacks {
			return &Error{
				Kind: ErrUnknownPartition, Topic: p.topic, Partition: p.config.partition, Offset: unknown, Start: unknown, End: unknown,
				Asked: fmt.Sprintf("partition %d", p.config.partition), Found: fmt.Sprintf("%d partitions", count),
				Do: "ask for one from 0 on, or add partitions to the topic",
			}
		}
	}
	switch {
	case errors.Is(err, kerr.MessageTooLarge):
		tooLarge := &EventTooLargeError{Topic: p.topic, Size: batchSize(r)}
		if tooLarge.Size+versionSlack > p.sizeLimit {
			tooLarge.Limit = p.sizeLimit
		}
		return tooLarge
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.UnknownTopicID), errors.Is(err, kerr.InvalidTopicException):
		return &Error{
			Kind: ErrUnknownTopic, Topic: p.topic, Partition: r.Partition, Offset: unknown, Start: unknown, End: unknown, Cause: err,
			Asked: fmt.Sprintf("topic %q", p.topic), Do: "create the topic, or correct its name",
		}
	case errors.Is(err, kerr.InvalidRecord) && r.Key == nil:
		return wrapCause(ErrForeignIDRequired, err, "publish", at)
	case kafka.Classify(err) == kafka.Unauthorised:
		return &Error{
			Kind: ErrNotAuthorised, Topic: p.topic, Partition: r.Partition, Offset: unknown, Start: unknown, End: unknown, Cause: err,
			Do: "check the credentials and certificates, and that WRITE and DESCRIBE of the topic are allowed",
		}
	case errors.Is(err, kgo.ErrClientClosed), errors.Is(err, context.Canceled):
		return wrapCause(ErrPublisherClosed, err, "publish", at)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, kgo.ErrRecordTimeout):
		return wrapCause(ErrDeliveryTimeout, err, "publish", at)
	case p.config.transactional && isFenced(err):
		p.transactions.fenced.Store(true)
		return wrapCause(ErrPublisherFenced, err, "publish", at)
	default:
		return errors.Wrap(err, "publish", at)
	}
}

// mayBeWritten reports whether the event of a failed attempt can be in the log. A
// refusal for what the event is rules it out; with anything else an earlier
// attempt may have succeeded with its answer lost.
func mayBeWritten(err error) bool {
	return !errors.IsAny(err, ErrEventTooLarge, ErrUnknownTopic, ErrUnknownPartition, ErrNotAuthorised, ErrForeignIDRequired, kerr.InvalidRecord)
}
