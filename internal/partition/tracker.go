package partition

import (
	"context"
	"time"

	"github.com/kreflex/kreflex/internal/kafka"
)

// tracker follows a partition's leader: it holds what is known of the log and how
// long it has been in trouble.
type tracker struct {
	cl       *kafka.Client
	log      Log
	count    int           // of the topic's partitions, as it was located last
	patience time.Duration // for topics that seem to be missing

	backoff kafka.Backoff
	doubt   doubt
	last    error // what was in the way most recently
}

// doubt is what metadata said that would be the end if it stays like that.
type doubt struct {
	kind  Kind
	since time.Time
	count int
}

// locate finds the leader by fresh metadata, however often it must ask.
func (t *tracker) locate(ctx context.Context) error {
	for {
		seen := see(ctx, t.cl, t.log.Topic, t.log.Partition)
		if err := ctx.Err(); err != nil {
			return gaveUp(err, t.last) // what was seen now is that ctx is done
		}
		v := judgeSighting(t.log, seen)
		switch v.do {
		case proceed:
			t.doubt, t.count = doubt{}, seen.partitions
			t.log.TopicID, t.log.Leader, t.log.LeaderEpoch = seen.topicID, seen.leader, seen.leaderEpoch
			return nil
		case fail:
			return t.fault(v, seen)
		case suspect:
			if t.doubt.kind != v.kind {
				t.doubt = doubt{kind: v.kind, since: time.Now()}
			}
			t.doubt.count++
			if convinced(t.doubt, time.Now(), t.patience) {
				return t.fault(v, seen)
			}
		default:
			t.doubt = doubt{}
		}
		if err := t.wait(ctx, v.cause); err != nil {
			return err
		}
	}
}

// wait pauses before another attempt, as the one before met cause.
func (t *tracker) wait(ctx context.Context, cause error) error {
	t.last = cause
	if err := t.backoff.Wait(ctx); err != nil {
		return gaveUp(err, cause)
	}
	return nil
}

// measure asks the leader for the range of the log. The order of the questions keeps
// start <= last stable offset <= high watermark, whatever happens in between.
func (t *tracker) measure(ctx context.Context) (err error) {
	log := t.log
	if log.Start, err = list(ctx, t.cl, log, listStart, readUncommitted); err != nil {
		return err
	}
	if log.LastStable, err = list(ctx, t.cl, log, listEnd, readCommitted); err != nil {
		return err
	}
	if log.HighWatermark, err = list(ctx, t.cl, log, listEnd, readUncommitted); err != nil {
		return err
	}
	t.log = log
	return nil
}

// pause waits before the next attempt, or returns the fault that err is.
func (t *tracker) pause(ctx context.Context, position int64, err error) error {
	if ctxErr := ctx.Err(); ctxErr != nil {
		return gaveUp(ctxErr, t.last)
	}
	if kind := permanentKind(kafka.Classify(err)); kind != 0 {
		return t.log.fault(kind, position, err)
	}
	return t.wait(ctx, err)
}

func (t *tracker) judgeEpoch(epoch int32, end epochEnd, position int64) error {
	if !truncated(t.log.LeaderEpoch, epoch, end, position) {
		return nil
	}
	fault := t.log.fault(Truncated, position, nil)
	if fault.End = end.end; end.end < 0 {
		fault.End = -1
	}
	return fault
}

// fault is the fault that metadata has shown.
func (t *tracker) fault(v verdict, seen sighting) *Fault {
	fault := t.log.fault(v.kind, -1, v.cause)
	fault.Start, fault.End = -1, -1
	fault.Partitions = seen.partitions
	fault.WasID, fault.IsID = t.log.TopicID, seen.topicID
	return fault
}
