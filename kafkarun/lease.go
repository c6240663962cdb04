package kafkarun

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kreflex/kreflex/internal/growth"
)

// lease is for how long the group takes this member for alive, as far as it can know.
//
// A process that was frozen, or cut off from the brokers, for longer than its session has lost its partitions, and is the last to
// know. Its heartbeat tells it, but by then its logic may have been at work for a moment on a batch that
// the new owner has long consumed. So nothing is taken in hand on a lease that has run out until the coordinator
// has confirmed the membership.
type lease struct {
	session time.Duration
	base    time.Time // monotonic
	until   atomic.Int64
	expired atomic.Bool // as somebody has seen; only a confirmation ends that

	mu sync.Mutex // held while the coordinator is asked
}

func newLease(session time.Duration) *lease {
	l := &lease{session: session, base: time.Now()}
	l.extend(l.base)
	return l
}

// extend makes it last from the moment that a sign of life was sent.
func (l *lease) extend(sent time.Time) {
	until := int64(sent.Add(l.session).Sub(l.base))
	for {
		known := l.until.Load()
		if until <= known || l.until.CompareAndSwap(known, until) {
			return
		}
	}
}

// holds reports whether the membership needs no confirmation.
func (l *lease) holds() bool {
	if l.expired.Load() {
		return false
	}
	if int64(time.Since(l.base)) < l.until.Load() {
		return true
	}
	l.expired.Store(true)
	return false
}

// renew asks the coordinator until it confirms the membership, or ctx is done.
func (l *lease) renew(ctx context.Context, confirm func(context.Context) error, wait func(context.Context) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.holds() {
		sent := time.Now()
		if confirm(ctx) == nil {
			l.extend(sent)
			l.expired.Store(false)
			continue
		}
		if err := wait(ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// renew waits until the coordinator confirms the membership.
func (m *member) renew(ctx context.Context) error {
	return m.lease.renew(ctx, m.confirm, func(ctx context.Context) error { return growth.Wait(ctx, confirmPause) })
}

// OnBrokerE2E is called by kgo with each answer of a broker. Those to a heartbeat extend the lease from when it was
// sent: the broker has seen it after that.
func (m *member) OnBrokerE2E(_ kgo.BrokerMetadata, key int16, e2e kgo.BrokerE2E) {
	switch kmsg.Key(key) {
	case kmsg.Heartbeat, kmsg.ConsumerGroupHeartbeat, kmsg.JoinGroup, kmsg.SyncGroup:
		if e2e.Err() == nil {
			m.lease.extend(time.Now().Add(-e2e.DurationE2E()))
		}
	}
}
