package partition

import (
	"context"
	"time"

	"github.com/kreflex/kreflex/internal/kafka"
)

// missingAtOpen is how long brokers must agree that something doesn't exist
// before Describe believes it: those that have not heard of a new topic yet say so too.
const missingAtOpen = 500 * time.Millisecond

// Describe asks for the partition's metadata and offsets, of the leader and
// under one leader epoch. The last stable offset and the high watermark are at least
// what they were when Describe was called.
//
// It retries faults that pass until ctx is done. It returns a *Fault, a *GaveUp or
// the error of ctx.
func Describe(ctx context.Context, cl *kafka.Client, topic string, partition int32) (Log, error) {
	tr := tracker{cl: cl, log: Log{Topic: topic, Partition: partition, Leader: -1, LeaderEpoch: -1}, patience: missingAtOpen}
	for {
		if err := tr.locate(ctx); err != nil {
			return Log{}, err
		}
		err := tr.measure(ctx)
		if err == nil {
			return tr.log, nil
		}
		if err := tr.pause(ctx, -1, err); err != nil {
			return Log{}, err
		}
	}
}

// VerifyEpoch checks that the log still holds what led up to the position,
// which was read under a leader epoch: that it was not truncated and written
// anew since. It returns a *Fault of kind Truncated if not, and otherwise what
// Describe returns. Where the leader can't tell there is nothing to
// find fault with.
func VerifyEpoch(ctx context.Context, cl *kafka.Client, log Log, epoch int32, position int64) error {
	tr := tracker{cl: cl, log: log, patience: missingAtOpen}
	for {
		end, err := endOfEpoch(ctx, cl, tr.log, epoch)
		if err == nil {
			return tr.judgeEpoch(epoch, end, position)
		}
		if err := tr.pause(ctx, position, err); err != nil {
			return err
		}
		if err := tr.locate(ctx); err != nil {
			return err
		}
	}
}

// VerifyRange returns a *Fault if the position is not in the range of the log
// that Describe returned, or right behind it.
func VerifyRange(log Log, position int64) error {
	if v := judgeRange(position, log); v.do == fail {
		return log.fault(v.kind, position, nil)
	}
	return nil
}
