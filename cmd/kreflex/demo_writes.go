package main

import (
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/internal/tally"
)

// writeWatch sees the writes of a topic, as a hook of its clients: when each began,
// and when it was acknowledged. That decides how much a crash may repeat.
type writeWatch struct {
	topic string
	// seen is called when a write begins, and again with its end.
	seen func(tally.Write)

	mu    sync.Mutex
	began map[*kgo.Record]time.Time
}

var (
	_ kgo.HookProduceRecordBuffered   = (*writeWatch)(nil)
	_ kgo.HookProduceRecordUnbuffered = (*writeWatch)(nil)
)

func newWriteWatch(topic string, seen func(tally.Write)) *writeWatch {
	return &writeWatch{topic: topic, seen: seen, began: make(map[*kgo.Record]time.Time)}
}

// OnProduceRecordBuffered is called when a record is produced.
func (w *writeWatch) OnProduceRecordBuffered(r *kgo.Record) {
	if r.Topic != w.topic {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.began[r] = now
	w.seen(tally.Write{Began: now})
}

// OnProduceRecordUnbuffered is called when it was acknowledged or failed.
func (w *writeWatch) OnProduceRecordUnbuffered(r *kgo.Record, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	began, watched := w.began[r]
	delete(w.began, r)
	if watched && err == nil {
		w.seen(tally.Write{Began: began, Ended: time.Now()})
	}
}

// writeLog keeps writes for a life in this process.
type writeLog struct {
	mu     sync.Mutex
	writes []tally.Write
}

func (l *writeLog) add(w tally.Write) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writes = tally.AddWrite(l.writes, w)
}

func (l *writeLog) all() []tally.Write {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.writes)
}
