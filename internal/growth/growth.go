// Package growth is the plan of pauses between attempts.
package growth

import (
	"context"
	"math"
	"math/rand/v2"
	"time"
)

// jitter is how far a pause is from the planned one at most, as a part of it. What failed
// together, as all consumers of a broker do, must not come back together.
const jitter = 0.2

// Plan is how pauses grow: the first is Initial, each following one is twice the one before, and none is
// longer than Longest.
type Plan struct {
	Initial, Longest time.Duration
}

// New mends what makes no sense: a pause of nothing would spin, and the first is never
// longer than the longest.
func New(initial, longest, defaultInitial, defaultLongest time.Duration) Plan {
	if initial <= 0 {
		initial = defaultInitial
	}
	if longest <= 0 {
		longest = defaultLongest
	}
	return Plan{Initial: initial, Longest: max(initial, longest)}
}

// Pause returns how long to wait after the nth failure, from 1. random is from [0, 1) and spreads
// the pause evenly over 20 % to both sides; not even so is it longer than max.
func (p Plan) Pause(failures int, random float64) time.Duration {
	planned := float64(p.Initial) * math.Pow(2, float64(max(failures, 1)-1))
	planned = min(planned, float64(p.Longest)) // also when it is infinite
	spread := planned * (1 - jitter + 2*jitter*random)
	if spread >= float64(p.Longest) { // compared before it is converted, as it may be too much for a Duration
		return p.Longest
	}
	return time.Duration(spread)
}

// Next is Pause with a random number.
func (p Plan) Next(failures int) time.Duration {
	return p.Pause(failures, rand.Float64())
}

// Wait returns nil after d, or the error of ctx as soon as it is done.
func Wait(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
