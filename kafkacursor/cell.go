package kafkacursor

import "github.com/kreflex/kreflex/internal/decimal"

// cell is one cursor and the right to set it: what was set, what of it is
// being written, and who else writes. It decides only; it has no lock and does no I/O.
//
// Each value that was set has a number, counted from 1. A newer value replaces one that
// is not being written yet.
type cell struct {
	state ownership
	epoch int64 // of the ownership, or of the last one
	why   error // the ownership was lost

	value  value
	wasSet bool   // here, and not read
	order  string // what of the value is compared, empty if it can't be

	newest  uint64 // number of the value
	durable uint64 // number of the last one that was written, or dropped
	writing bool
	rewrite bool // the value, although it is durable
	ownSeen bool // a record of this ownership was read back

	failure  error  // that nobody was told of yet
	last     error  // the last failure
	failures uint64 // how many writes failed
	failed   uint64 // number of the newest value whose write failed
	losses   uint64 // how often the ownership was lost
}

// value is a cursor that was set. It becomes text when it is written.
type value struct {
	id    string
	stamp func(id string) string // nil is the ID itself
}

func (v value) text() string {
	if v.stamp == nil {
		return v.id
	}
	return v.stamp(v.id)
}

type ownership int

const (
	unowned ownership = iota // to be acquired before it is set
	owned
	lost // and nobody was told yet
	gone // as lost, but somebody was
)

// verdict is what became of setting a cursor.
type verdict int

const (
	kept      verdict = iota
	same              // as the newest, so there is nothing to do
	mustOwn           // first
	backwards         // and so not kept
	notOwned          // any more
)

// set sets a cursor. It is on the way of each event.
func (c *cell) set(id string, stamp func(string) string) verdict {
	switch c.state {
	case owned:
	case unowned:
		return mustOwn
	default:
		// Not only once: a caller that goes on regardless must not take the
		// consumer back from its owner.
		c.state = gone
		return notOwned
	}
	if decimal.Is(id) {
		if c.order == id {
			return same
		}
		if c.order != "" && decimal.Less(id, c.order) {
			return backwards
		}
		c.order = id
	} else {
		c.order = ""
	}
	c.value, c.wasSet = value{id: id, stamp: stamp}, true
	c.newest++
	return kept
}

// tell returns the failure that nobody was told of yet, if there is one.
func (c *cell) tell() error {
	err := c.failure
	c.failure = nil
	return err
}

// acquire takes the cursor over from whoever has it, given what its records
// amount to, and returns the cursor. What was set under the ownership before and
// is not durable is still to be written, unless that ownership was lost.
//
// Unless it was lost, what was set here counts even if it is durable: a write that was
// acknowledged while the records were looked at is not among them yet.
func (c *cell) acquire(s standing) string {
	if c.state != owned || s.best.epoch > c.epoch {
		c.drop()
	}
	c.epoch = max(c.epoch, s.best.epoch) + 1
	c.state, c.why, c.failure = owned, nil, nil
	c.ownSeen = false
	if c.wasSet {
		c.rewrite = c.rewrite || s.shadowed
		return c.value.text()
	}
	cursor := s.best.cursor
	c.value = value{id: cursor}
	c.order = ""
	if order := orderOf(cursor); decimal.Is(order) {
		c.order = order
	}
	c.rewrite = s.shadowed && !s.best.deleted
	return cursor
}

// drop forgets what was set and is not written yet.
func (c *cell) drop() {
	c.durable = c.newest
	c.rewrite, c.wasSet = false, false
}

// lose ends the ownership.
func (c *cell) lose(why error) {
	if c.state != owned {
		return
	}
	c.state, c.why, c.failure = lost, why, nil
	c.losses++
	c.drop()
}

// release ends the ownership by choice: what others write from now on is no loss.
func (c *cell) release() {
	c.state, c.why, c.failure = unowned, nil, nil
	c.drop()
}

// leave ends the ownership for want of a member. Only who is waiting for a cursor to be written is to be
// told: what was durable before is as true as ever.
func (c *cell) leave(why error) {
	if c.state != owned {
		return
	}
	if c.pending() {
		c.lose(why)
		return
	}
	c.state, c.why, c.failure = gone, why, nil
	c.drop()
}

// pending reports whether there is something to write.
func (c *cell) pending() bool { return c.state == owned && (c.newest > c.durable || c.rewrite) }

// write is a value that is being written.
type write struct {
	value  value
	number uint64
	epoch  int64
}

// take returns the newest value to write, if there is one and no write of this
// cell is under way: two could land in either order.
func (c *cell) take() (write, bool) {
	if c.writing || !c.pending() {
		return write{}, false
	}
	c.writing, c.rewrite = true, false
	return write{value: c.value, number: c.newest, epoch: c.epoch}, true
}

// wrote ends the write with its result. What was not written stays pending.
func (c *cell) wrote(w write, err error) {
	c.writing = false
	if err == nil {
		c.durable = max(c.durable, w.number)
		if w.epoch == c.epoch {
			c.failure = nil // of an earlier attempt, and mended now
		}
		return
	}
	c.fail(w, err)
	if c.state == owned && w.epoch == c.epoch && w.number <= c.durable {
		c.rewrite = true // that's what it was, and it is not done
	}
}

// fail notes that a write failed, or takes so long that somebody should know.
func (c *cell) fail(w write, err error) {
	if c.state != owned || w.epoch != c.epoch {
		return
	}
	c.failed = max(c.failed, w.number)
	c.failures++
	c.last = err
	if c.failure == nil {
		c.failure = err
	}
}

// finding is what a record of the cursor means for its owner.
type finding int

const (
	harmless    finding = iota
	superseded          // by another owner
	overwritten         // by a former owner, so the value is to be written again
)

// observe looks at the next record of the cursor in the log; ours means that this
// store wrote it.
//
// Where two owners took the same epoch, neither knowing of the other, the one whose
// record comes first in the log keeps it: both see the same order.
func (c *cell) observe(epoch int64, ours bool) finding {
	switch {
	case c.state != owned:
	case ours && epoch == c.epoch:
		c.ownSeen = true
	case epoch > c.epoch, epoch == c.epoch && !c.ownSeen:
		return superseded
	case c.ownSeen:
		// Compaction keeps the last record, whatever its epoch.
		c.rewrite = true
		return overwritten
	}
	return harmless
}

// awaited is what a Flush waits for.
type awaited struct{ number, failures, losses uint64 }

func (c *cell) await() awaited {
	return awaited{number: c.newest, failures: c.failures, losses: c.losses}
}

// arrived reports whether the wait is over, and how it ended.
func (c *cell) arrived(a awaited) (bool, error) {
	switch {
	case c.losses > a.losses, c.state == lost:
		if c.state == lost {
			c.state = gone
		}
		return true, c.why
	case c.durable >= a.number:
		return true, nil
	case c.failures > a.failures && c.failed >= a.number:
		c.failure = nil
		return true, c.last
	}
	return false, nil
}

// putBack ends a write that was not tried.
func (c *cell) putBack(w write) {
	c.writing = false
	if c.state == owned && w.epoch == c.epoch && w.number <= c.durable {
		c.rewrite = true
	}
}
