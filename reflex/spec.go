package reflex

import "slices"

// Spec joins a stream, a cursor store and a consumer: all that Run needs. It
// may be run any number of times, and by several goroutines if its parts may.
type Spec struct {
	stream   StreamFunc
	cStore   CursorStore
	consumer Consumer
	opts     []StreamOption
}

// NewSpec returns a Spec. It panics on a nil option. The other parameters are not
// checked; Run needs all of them.
func NewSpec(stream StreamFunc, cStore CursorStore, consumer Consumer, opts ...StreamOption) Spec {
	if slices.ContainsFunc(opts, func(opt StreamOption) bool { return opt == nil }) {
		panic("nil opt passed in")
	}
	return Spec{stream: stream, cStore: cStore, consumer: consumer, opts: slices.Clone(opts)}
}

// Name returns the name of the consumer.
func (s Spec) Name() string { return s.consumer.Name() }

// Stop stops the consumer if it is a Stopper. Call it when the spec won't be run
// again for a while, after Run has returned.
func (s Spec) Stop() error {
	stopper, ok := s.consumer.(Stopper)
	if !ok {
		return nil
	}
	return stopper.Stop()
}
