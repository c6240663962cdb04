package kafkastream

import (
	"context"
	"strconv"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/internal/partition"
)

// fetcher is the goroutine of a stream. It owns the stream's client.
type fetcher struct {
	stream *stream
	client *kafka.Client
	inc    *incarnation
	log    partition.Log
	from   start

	reader  *partition.Reader
	decoder *batchDecoder
	begun   bool // whether anything was read
}

// run reads until the stream ends. At most one batch waits to be taken, and one answer
// to be decoded: a consumer that is stuck costs no more memory.
func (f *fetcher) run() {
	s := f.stream
	defer close(s.done)
	defer s.partition.release(f.inc)

	last := f.read(s.ctx)
	// Before the last batch is taken, so that a stream that has failed holds no
	// connection while it waits for Recv.
	f.client.Close()
	if last != nil {
		f.hand(s.ctx, *last)
	}
}

// first returns the offset to begin with.
func (f *fetcher) first() int64 {
	switch {
	case f.from.options.StreamFromHead:
		return max(f.log.LastStable, f.log.Start)
	case f.from.cursor == nil:
		return f.log.Start
	default:
		return f.from.cursor.Offset + 1
	}
}

// position returns the cursor after which the stream begins, or an empty one if it begins at the start.
func (f *fetcher) position() string {
	if !f.from.options.StreamFromHead && f.from.cursor == nil {
		return ""
	}
	offset := f.first() - 1
	if f.from.options.StreamFromHead {
		f.inc.noteHead(offset, f.log.LeaderEpoch)
	}
	return strconv.FormatInt(offset, 10)
}

func (f *fetcher) seek(offset int64) {
	f.noteOpen(offset)
	config := partition.Config{
		MaxBytes:    f.stream.partition.config.fetchBytes,
		MaxWait:     maxWait,
		TargetBytes: batchBytes,
		Reuse:       true, // all is decoded before the next fetch
		Ahead:       true,
	}
	if f.stream.options.StreamToHead {
		config.MaxWait = 0
	}
	f.reader = partition.NewReader(f.client, f.log, offset, config)
}

// read hands over batch by batch, and returns the last one, or nil if
// the context is done.
func (f *fetcher) read(ctx context.Context) *batch {
	demanded := false
	for {
		answer, err := f.reader.Fetch(ctx)
		switch {
		case err != nil && ctx.Err() != nil:
			return nil
		case err != nil && f.restart(err):
			continue
		case err != nil:
			return &batch{err: fromFault(err)}
		}
		f.note(answer)
		if len(answer.Records) > 0 {
			f.begun = true
			b := f.decoder.events(answer.Records)
			if b.err != nil {
				return &b
			}
			if !f.hand(ctx, b) {
				return nil
			}
			demanded = false
			continue
		}
		if !f.stream.options.StreamToHead || !answer.AtHead() {
			continue
		}
		if demanded {
			// That fetch began after Recv did. An earlier one says nothing of what
			// was acknowledged between it and Recv.
			return &batch{head: true}
		}
		select {
		case <-f.stream.demand:
			demanded = true
		case <-ctx.Done():
			return nil
		}
	}
}

// restart begins again if retention moved the start of the log before anything
// was read of it: the stream was to begin at the start, wherever that is.
func (f *fetcher) restart(err error) bool {
	var fault *partition.Fault
	if f.begun || f.from.cursor != nil || f.from.options.StreamFromHead ||
		!errors.As(err, &fault) || fault.Kind != partition.Expired || fault.Start <= f.log.Start {
		return false
	}
	f.log.Start = fault.Start
	f.seek(fault.Start)
	return true
}

// hand gives a batch to Recv and reports whether it was taken.
func (f *fetcher) hand(ctx context.Context, b batch) bool {
	select {
	case f.stream.batches <- b:
		return true
	case <-ctx.Done():
		return false
	}
}
