package kafkastream

import (
	"math"
	"time"
)

// untilOldEnough returns how long an event must be held until it is lag old, 0 if
// it is. A timestamp of the future takes as much longer.
func untilOldEnough(age, lag time.Duration) time.Duration {
	if age >= lag {
		return 0
	}
	if wait := lag - age; wait > 0 {
		return wait
	}
	return math.MaxInt64 // beyond what a Duration holds
}
