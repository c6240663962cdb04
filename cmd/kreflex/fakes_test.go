package main

import (
	"context"
	"slices"
	"strconv"
	"sync"

	"github.com/kreflex/kreflex/reflex"
)

// fakeStream hands out events with growing IDs as a test feeds them.
type fakeStream struct {
	ctx   context.Context //nolint:containedctx // Recv has none
	after string
	feed  chan error // nil is an event
	id    int

	mu     sync.Mutex
	closed chan struct{}
}

func newFakeStream() *fakeStream {
	return &fakeStream{feed: make(chan error), closed: make(chan struct{})}
}

func (f *fakeStream) open(ctx context.Context, after string, _ ...reflex.StreamOption) (reflex.StreamClient, error) {
	f.ctx, f.after = ctx, after
	return f, nil
}

func (f *fakeStream) Recv() (*reflex.Event, error) {
	select {
	case err := <-f.feed:
		if err != nil {
			return nil, err
		}
		f.id++
		return &reflex.Event{ID: strconv.Itoa(f.id), Type: kind(1), ForeignID: "a"}, nil
	case <-f.ctx.Done():
		return nil, f.ctx.Err()
	case <-f.closed:
		return nil, context.Canceled
	}
}

func (f *fakeStream) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.closed:
	default:
		close(f.closed)
	}
	return nil
}

// fakeSink remembers the IDs of each batch.
type fakeSink struct {
	mu      sync.Mutex
	batches [][]string
	err     error
}

func (f *fakeSink) take(_ context.Context, events []*reflex.Event) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	var ids []string
	for _, e := range events {
		ids = append(ids, e.ID)
	}
	f.batches = append(f.batches, ids)
	return nil
}

func (f *fakeSink) taken() [][]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.batches)
}

func (f *fakeSink) refuse(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}
