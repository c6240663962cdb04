package kafkacursor_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkatest"
)

const (
	cursors = "cursors"
	// patient is generous: it only ends what would hang.
	patient = 20 * time.Second
	// prompt is how soon a call has to return when its context is done.
	prompt = time.Second
)

// env is a broker and what the tests do with it.
type env struct {
	*testing.T
	broker *kafkatest.Broker
	ctx    context.Context
}

func newEnv(t *testing.T, opts ...kafkatest.Option) *env {
	t.Helper()
	return &env{T: t, broker: kafkatest.Start(t, opts...), ctx: bounded(t)}
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	t.Cleanup(cancel)
	return ctx
}

func (e *env) open(opts ...kafkacursor.Option) *kafkacursor.Store {
	e.Helper()
	store, err := kafkacursor.Open(e.ctx, e.broker.Opts(), cursors, opts...)
	require.NoError(e, err)
	e.Cleanup(func() { store.Close() })
	return store
}

// store is what tests call; both reflex.CursorStores that there are have it.
type store interface {
	GetCursor(ctx context.Context, name string) (string, error)
	SetCursor(ctx context.Context, name, cursor string) error
	Flush(ctx context.Context) error
}

func (e *env) requireAt(s store, cursor string) {
	e.Helper()
	got, err := s.GetCursor(e.ctx, "billing")
	require.NoError(e, err)
	require.Equal(e, cursor, got)
}

// write sets and flushes.
func (e *env) write(s store, cursors ...string) {
	e.Helper()
	for _, cursor := range cursors {
		require.NoError(e, s.SetCursor(e.ctx, "billing", cursor))
	}
	require.NoError(e, s.Flush(e.ctx))
}

func (e *env) client(opts ...kgo.Opt) *kgo.Client {
	e.Helper()
	cl, err := kgo.NewClient(append(e.broker.Opts(), opts...)...)
	require.NoError(e, err)
	e.Cleanup(cl.Close)
	return cl
}

// produce writes a record as some other program would. An epoch of "" is none, and
// a value of "" a tombstone.
func (e *env) produce(cl *kgo.Client, value, epoch string) {
	e.Helper()
	r := &kgo.Record{Topic: cursors, Key: []byte("billing")}
	if value != "" {
		r.Value = []byte(value)
	}
	if epoch != "" {
		r.Headers = []kgo.RecordHeader{{Key: "epoch", Value: []byte(epoch)}}
	}
	require.NoError(e, cl.ProduceSync(e.ctx, r).FirstErr())
}

// records returns all that is committed in the topic, as "value@epoch" each.
func (e *env) records() []string {
	e.Helper()
	cl := e.client(kgo.ConsumeTopics(cursors), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	end := e.broker.Cluster().PartitionInfo(cursors, 0).LastStableOffset
	cl.AllowRebalance()
	var all []string
	for {
		ctx, cancel := context.WithTimeout(e.ctx, 200*time.Millisecond)
		fetches := cl.PollFetches(ctx)
		cancel()
		next := int64(-1)
		fetches.EachRecord(func(r *kgo.Record) {
			next = r.Offset + 1
			epoch := "-"
			for _, h := range r.Headers {
				if h.Key == "epoch" {
					epoch = string(h.Value)
				}
			}
			all = append(all, string(r.Value)+"@"+epoch)
		})
		if next >= end || fetches.Empty() || errors.Is(fetches.Err0(), context.DeadlineExceeded) {
			return all
		}
	}
}

// eventually polls until ok is true.
func (e *env) eventually(what string, ok func() bool) {
	e.Helper()
	require.Eventually(e, ok, patient, 5*time.Millisecond, what)
}

// eventuallyRefused sets cursors until that fails, and returns how.
func (e *env) eventuallyRefused(s store, cursor string) error {
	e.Helper()
	var err error
	e.eventually("the cursor is refused", func() bool {
		err = s.SetCursor(e.ctx, "billing", cursor)
		return err != nil
	})
	return err
}

// blackHole accepts connections and never answers.
func blackHole(t *testing.T) []kgo.Opt {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		var conns []net.Conn
		for {
			conn, err := listener.Accept()
			if err != nil {
				break
			}
			conns = append(conns, conn)
		}
		for _, conn := range conns {
			conn.Close()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	return []kgo.Opt{kgo.SeedBrokers(listener.Addr().String())}
}

// requirePrompt requires that a call ends soon after its context, with its error.
func requirePrompt(t *testing.T, what string, call func(context.Context) error) {
	t.Helper()
	const patience = 100 * time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	begin := time.Now()
	err := call(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded, what)
	require.Less(t, time.Since(begin), patience+prompt, what)
}

func requireErrorHas(t *testing.T, err, kind error, parts ...string) {
	t.Helper()
	require.ErrorIs(t, err, kind)
	var e *kafkacursor.Error
	require.ErrorAs(t, err, &e)
	for _, part := range parts {
		require.ErrorContains(t, err, part)
	}
}
