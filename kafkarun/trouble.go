package kafkarun

import (
	"sync"
	"time"
)

// trouble is an error that is shown in the status until it is mended.
type trouble struct {
	mu  sync.Mutex
	err error
	at  time.Time
}

func (t *trouble) note(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err, t.at = err, time.Now()
}

func (t *trouble) mend() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = nil
}

func (t *trouble) failure() *Failure {
	t.mu.Lock()
	defer t.mu.Unlock()
	return newFailure(t.err, t.at)
}
