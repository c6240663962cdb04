package migrate_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/migrate"
)

var errKilled = errors.New("the process is dead")

// process is the network of a process that is killed after so many writes to its connections: from
// then on nothing leaves it, not even an abort.
type process struct {
	left     atomic.Int64
	lastSent bool // the last write arrives, and its answer doesn't
	dead     chan struct{}
	once     sync.Once

	mu    sync.Mutex
	conns []net.Conn
}

func newProcess(writes int64, lastSent bool) *process {
	p := &process{lastSent: lastSent, dead: make(chan struct{})}
	p.left.Store(writes)
	return p
}

func (p *process) kill() {
	p.once.Do(func() { close(p.dead) })
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.conns {
		conn.Close()
	}
}

func (p *process) isDead() bool {
	select {
	case <-p.dead:
		return true
	default:
		return false
	}
}

func (p *process) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if p.isDead() {
		return nil, errKilled
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, conn)
	return &processConn{Conn: conn, process: p}, nil
}

type processConn struct {
	net.Conn
	process *process
}

func (c *processConn) Write(b []byte) (int, error) {
	left := c.process.left.Add(-1)
	if left == 0 && c.process.lastSent {
		_, _ = c.Conn.Write(b)
	}
	if left <= 0 {
		c.process.kill()
		return 0, errKilled
	}
	return c.Conn.Write(b)
}

func (c *processConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.process.isDead() {
		return 0, errKilled
	}
	return n, err
}

// zombies are copies whose process was killed: a test goes on without them, as nobody waits for
// the dead, and only sees in the end that they are gone.
type zombies struct{ group sync.WaitGroup }

// copyAndDie copies in a process that is killed after so many writes.
func (z *zombies) copyAndDie(source *fakeSource, broker *kafkatest.Broker, writes int64, lastSent bool, opts ...migrate.CopyOption) {
	p := newProcess(writes, lastSent)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	z.group.Go(func() {
		defer close(ended)
		kafka := append(broker.Opts(), kgo.Dialer(p.dial))
		_, _ = migrate.Copy(ctx, source.stream, kafka, "orders", 0, opts...)
	})
	select {
	case <-p.dead:
	case <-ended: // it was done before
	}
	cancel()
}

// A copy is killed at any of its requests, again and again, the answer lost or the request, and then one
// is let to its end: the target is the source, in order, each event once.
func TestKilledCopiesLeaveNeitherGapNorDuplicate(t *testing.T) {
	var dead zombies
	defer dead.group.Wait()
	rapid.Check(t, func(rt *rapid.T) {
		broker, err := kafkatest.New()
		require.NoError(rt, err)
		defer broker.Close()
		require.NoError(rt, broker.CreateTopic("orders", 1, map[string]string{"retention.ms": "-1"}))
		source := newFakeSource(numbered(1, rapid.IntRange(1, 60).Draw(rt, "events"))...)
		size := migrate.WithBatchEvents(rapid.IntRange(1, 20).Draw(rt, "batch"))
		for range rapid.IntRange(1, 4).Draw(rt, "kills") {
			writes := rapid.Int64Range(1, 90).Draw(rt, "writes")
			dead.copyAndDie(source, broker, writes, rapid.Bool().Draw(rt, "last write arrives"), size)
		}
		_, err = migrate.Copy(bounded(t), source.stream, broker.Opts(), "orders", 0, size)
		require.NoError(rt, err)
		ids, _ := copies(t, broker.Opts(), "orders")
		require.Equal(rt, source.ids(), ids)
	})
}

// The first copy follows the source when a second one takes over: the first is refused from then on, and
// whatever the two had read ahead, each event is there once.
func TestSecondCopyFencesTheFirst(t *testing.T) {
	broker := keeping(t, "orders")
	source := newFakeSource(numbered(1, 100)...)
	ctx := bounded(t)

	copied := make(chan migrate.Progress, 1000)
	first := make(chan error, 1)
	go func() {
		_, err := migrate.Copy(ctx, source.stream, broker.Opts(), "orders", 0, migrate.WithFollow(),
			migrate.WithProgress(func(p migrate.Progress) { copied <- p }))
		first <- err
	}()
	for p := range copied {
		if p.LastID == "100" {
			break
		}
	}
	_, err := migrate.Copy(ctx, source.stream, broker.Opts(), "orders", 0)
	require.NoError(t, err)
	source.add(numbered(101, 200)...)
	require.ErrorIs(t, <-first, migrate.ErrFenced)
	_, err = migrate.Copy(ctx, source.stream, broker.Opts(), "orders", 0)
	require.NoError(t, err)

	ids, _ := copies(t, broker.Opts(), "orders")
	require.Equal(t, source.ids(), ids)
}
