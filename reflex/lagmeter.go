package reflex

import (
	"sync/atomic"
	"time"
)

// lagMeter knows how far a consumer is behind at any time: while it has an event to
// consume, the age of that, else a fixed lag. The zero value is no lag.
//
// Both are in one word, in microseconds, with the lowest bit saying which it is, so that a
// scrape never sees the one with the other's meaning, and an event costs no lock.
type lagMeter struct {
	word atomic.Int64
}

const awaitingBit = 1

// await makes the lag the age of an event with the timestamp.
func (m *lagMeter) await(timestamp time.Time) {
	m.word.Store(timestamp.UnixMicro()<<1 | awaitingBit)
}

// settle fixes the lag.
func (m *lagMeter) settle(lag time.Duration) {
	m.word.Store(lag.Microseconds() << 1)
}

func (m *lagMeter) at(now time.Time) time.Duration {
	word := m.word.Load()
	if word&awaitingBit == 0 {
		return time.Duration(word>>1) * time.Microsecond
	}
	return now.Sub(time.UnixMicro(word >> 1))
}
