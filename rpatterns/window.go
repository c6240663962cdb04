package rpatterns

// window is the events of a run from the first that is not done to the newest. It numbers them
// in the order of delivery, from 1, and knows the low-water mark: the last event before which,
// and with which, all are done. IDs are not looked at, so cursors may have any form.
//
// It holds limit events at most, so that one which takes for ever doesn't fill the
// memory with what was done behind it. It is not safe for concurrent use.
type window[T any] struct {
	limit int
	// slots is a ring, and as long as a power of 2. It grows up to the limit.
	slots []slot[T]
	low   uint64 // the first event that is not done
	next  uint64 // what the next event gets

	mark  string // the ID of the event before low
	moved bool   // there is such an event
}

type slot[T any] struct {
	id    string
	done  bool
	value T
}

// firstSlots is what a window begins with. Most never get far.
const firstSlots = 16

func newWindow[T any](limit int) window[T] {
	return window[T]{limit: limit, low: 1, next: 1}
}

// len returns how many events are in the window. Some of them may be done.
func (w *window[T]) len() int { return int(w.next - w.low) }

// room returns how many events may be added.
func (w *window[T]) room() int { return w.limit - w.len() }

// add adds the event that was delivered after those added before, and returns its number. The
// window must have room.
func (w *window[T]) add(id string, value T) uint64 {
	if w.len() == len(w.slots) {
		w.grow()
	}
	n := w.next
	w.next++
	*w.slot(n) = slot[T]{id: id, value: value}
	return n
}

// value returns what was added under the number, or nil if that is not in the window.
func (w *window[T]) value(n uint64) *T {
	if n < w.low || n >= w.next {
		return nil
	}
	return &w.slot(n).value
}

// done notes that the event is done, and reports whether the mark has moved. What was added
// with it is forgotten.
func (w *window[T]) done(n uint64) bool {
	if n < w.low || n >= w.next {
		return false
	}
	s := w.slot(n)
	*s = slot[T]{id: s.id, done: true}
	if n != w.low {
		return false
	}
	for w.low < w.next && w.slot(w.low).done {
		w.mark = w.slot(w.low).id
		*w.slot(w.low) = slot[T]{}
		w.low++
	}
	w.moved = true
	return true
}

func (w *window[T]) slot(n uint64) *slot[T] { return &w.slots[n&uint64(len(w.slots)-1)] }

func (w *window[T]) grow() {
	old := *w
	w.slots = make([]slot[T], max(firstSlots, 2*len(old.slots)))
	for n := old.low; n < old.next; n++ {
		*w.slot(n) = *old.slot(n)
	}
}
