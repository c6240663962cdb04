package main

import (
	"context"
	"time"
)

// pace holds a loop down to so many turns in a second, on the average since it
// began. It is for one goroutine. 0 or less is no limit.
type pace struct {
	perSecond float64
	began     time.Time
	turns     int
}

// sleepAtLeast keeps timers, which are not that exact, off fast loops: they
// run ahead a little, then sleep for many turns at once.
const sleepAtLeast = 2 * time.Millisecond

// wait returns when the next turn is due, or with the error of ctx.
func (p *pace) wait(ctx context.Context) error {
	if p.perSecond <= 0 {
		return nil
	}
	if p.turns == 0 {
		p.began = time.Now()
	}
	due := p.began.Add(time.Duration(float64(p.turns) / p.perSecond * float64(time.Second)))
	p.turns++
	early := time.Until(due)
	if early < sleepAtLeast {
		return nil
	}
	timer := time.NewTimer(early)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
