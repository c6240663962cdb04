package main

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/kreflex/kreflex/reflex"
)

// tailLines prints the events of several partitions, up to a limit. It is safe for concurrent use.
type tailLines struct {
	mu      sync.Mutex
	out     io.Writer
	topic   string
	left    int
	limited bool
	enough  context.CancelFunc // called at the limit
}

// take prints an event and reports whether there may be more.
func (l *tailLines) take(partition int32, e *reflex.Event) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.limited && l.left == 0 {
		return false, nil
	}
	text, err := linesOf([]*reflex.Event{e}, l.topic, partition)
	if err == nil {
		_, err = l.out.Write(text)
	}
	if err != nil {
		return false, fmt.Errorf("%w: print event %s of partition %d: %w", errCommand, e.ID, partition, err)
	}
	if l.limited {
		l.left--
		if l.left == 0 {
			l.enough()
			return false, nil
		}
	}
	return true, nil
}

// done reports whether the limit was reached.
func (l *tailLines) done() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.limited && l.left == 0
}
