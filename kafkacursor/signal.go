package kafkacursor

import "sync"

// signal tells all who wait that something changed. The zero value is ready.
type signal struct {
	mu sync.Mutex
	ch chan struct{}
}

// next returns the channel that the next change closes. Get it before looking
// at what may change.
func (s *signal) next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

// change wakes all who wait.
func (s *signal) change() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}

// nudge leaves a token for one who waits, unless there is one.
func nudge(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
