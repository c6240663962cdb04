package kafkarun

import "sync/atomic"

// flag is set once.
type flag struct{ atomic.Bool }

func (f *flag) set()        { f.Store(true) }
func (f *flag) isSet() bool { return f.Load() }
