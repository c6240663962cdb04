package sqlcursor

import "github.com/kreflex/kreflex/internal/decimal"

// ownership is the right to set one cursor, and what is known of the row. It decides
// only; it has no lock and does no I/O.
//
// What is known is a lower bound: a transaction of the logic may have moved the row on.
type ownership struct {
	state state
	epoch int64
	why   error // the ownership was lost

	id    string // set last, and known to be in the row; empty if that was not set here
	order string // what of the row is compared, empty if it can't be

	// claim was set in a transaction of which nobody knows yet how it ended.
	claim *claim
}

type state int

const (
	unowned state = iota // to be acquired before it is set
	owned
	lost
)

// claim is a cursor that a transaction set.
type claim struct {
	value
	epoch int64
}

// value is a cursor that is to be set.
type value struct {
	id    string // as it was given
	order string // of it, empty if it has none
	text  string // as the table is to have it
}

// verdict is what to do about a cursor that is to be set.
type verdict int

const (
	write     verdict = iota
	same              // as is known to be in the row, so there is nothing to do
	doubted           // as there is a claim, see whether it holds
	backwards         // and so not to be written
	mustOwn           // first
	notOwned          // any more
)

// set says what to do about a cursor. It is on the way of each event.
func (o *ownership) set(id, order string) verdict {
	switch {
	case o.state == unowned:
		return mustOwn
	case o.state == lost:
		return notOwned
	case o.claim != nil:
		return doubted
	case o.id == id, order != "" && order == o.order:
		return same
	case order != "" && o.order != "" && decimal.Less(order, o.order):
		return backwards
	default:
		return write
	}
}

// take begins an ownership with the cursor that the row has.
func (o *ownership) take(epoch int64, cursor string) {
	*o = ownership{state: owned, epoch: epoch, order: orderOf(cursor)}
}

// confirm notes that a cursor is in the row.
func (o *ownership) confirm(epoch int64, v value) {
	if o.state != owned || o.epoch != epoch || v.order != "" && o.order != "" && decimal.Less(v.order, o.order) {
		return
	}
	o.id, o.order = v.id, v.order
}

// put notes that a transaction set the cursor, and returns the claim.
func (o *ownership) put(epoch int64, v value) *claim {
	c := &claim{value: v, epoch: epoch}
	if o.state == owned && o.epoch == epoch {
		o.claim = c
	}
	return c
}

// settle ends the doubt about a claim: its cursor is in the row, or never will be.
func (o *ownership) settle(c *claim) {
	if o.claim == c {
		o.claim = nil
	}
}

// lose ends the ownership.
func (o *ownership) lose(epoch int64, why error) {
	if o.state == owned && o.epoch == epoch {
		*o = ownership{state: lost, epoch: epoch, why: why}
	}
}
