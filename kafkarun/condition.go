package kafkarun

import (
	"slices"
	"time"
)

// Condition is what to think of a partition.
type Condition string

// The conditions of a partition, from good to bad.
const (
	// OK means that it is at the head, or gets there.
	OK Condition = "ok"
	// Slow means that events wait for longer than WithSlowAfter, but are being consumed.
	Slow Condition = "slow"
	// Failing means that it fails again and again, for less than WithStuckAfter.
	Failing Condition = "failing"
	// Stuck means that it has something to do and nothing was done for WithStuckAfter: logic that
	// doesn't return, a failure that doesn't pass, or a stream that doesn't come about.
	Stuck Condition = "stuck"
	// NeedsOperator means that it is parked.
	NeedsOperator Condition = "needs operator"
)

// Healthy reports whether nobody has to look at it at once.
func (c Condition) Healthy() bool { return c == OK || c == Slow || c == Failing }

// rank orders conditions from good to bad.
func (c Condition) rank() int {
	return slices.Index([]Condition{OK, Slow, Failing, Stuck, NeedsOperator}, c)
}

type limits struct{ stuck, slow time.Duration }

// judge says what to think of a partition.
func judge(p PartitionStatus, now time.Time, limit limits) Condition {
	longer := func(since time.Time) bool { return !since.IsZero() && now.Sub(since) >= limit.stuck }
	underway := p.State == Starting || p.State == Unconfirmed || p.State == Draining
	switch {
	case p.State == Parked:
		return NeedsOperator
	case longer(p.WaitingSince), longer(p.FailingSince), underway && longer(p.Since):
		return Stuck
	case p.LastError != nil:
		return Failing
	case p.LagTime >= limit.slow:
		return Slow
	default:
		return OK
	}
}
