package reflex

import (
	"sync/atomic"
	"time"
)

// activityMeter knows when a consumer was last seen working.
type activityMeter struct {
	unixNano atomic.Int64
}

func (m *activityMeter) seen(now time.Time) { m.unixNano.Store(now.UnixNano()) }

// within returns 1 if the consumer was seen less than ttl ago, else 0.
func (m *activityMeter) within(ttl time.Duration, now time.Time) float64 {
	if now.Sub(time.Unix(0, m.unixNano.Load())) < ttl {
		return 1
	}
	return 0
}
