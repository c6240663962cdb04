package cursoradmin

import (
	"context"
	"io"
	"strconv"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

// count returns how many events a stream delivers from one offset up to before another, both in the range of the log. Where
// that would be too much to read, it is how many offsets there are.
func (a *Admin) count(ctx context.Context, topic string, partition int32, from, to int64) (n int64, exact bool, err error) {
	if from >= to {
		return 0, true, nil
	}
	if to-from > a.config.countLimit {
		return to - from, false, nil
	}
	bounded, cancel := context.WithTimeout(ctx, a.config.timeout)
	defer cancel()
	n, err = countEvents(bounded, a.topic(topic).Partition(partition), from, to)
	if err != nil {
		if ctx.Err() != nil {
			return 0, false, ctx.Err()
		}
		if errors.Is(err, context.DeadlineExceeded) || kafkastream.IsPermanent(err) {
			// It is slow, or something in between can't be read: the plan is good without.
			return to - from, false, nil
		}
		return 0, false, err
	}
	return n, true, nil
}

func countEvents(ctx context.Context, log *kafkastream.Partition, from, to int64) (n int64, err error) {
	stream, err := log.Stream(ctx, strconv.FormatInt(from-1, 10), reflex.WithStreamToHead())
	if err != nil {
		return 0, err
	}
	defer func() {
		if closer, ok := stream.(io.Closer); ok {
			_ = closer.Close() // what was read was read
		}
	}()
	for {
		e, err := stream.Recv()
		if reflex.IsHeadReachedErr(err) {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
		if e.IDInt() >= to {
			return n, nil
		}
		n++
	}
}
