package kafkadeadletter_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/kreflex/kreflex/kafkadeadletter"
	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
)

const (
	// patient is generous: it only ends what would hang.
	patient = 20 * time.Second
	// prompt is how soon a call has to return when its context is done.
	prompt = 2 * time.Second

	topic = "letters"
)

// fakeLog is a log in memory, so that the faults are those of the topic of letters.
type fakeLog struct {
	err   error
	block chan struct{} // nil doesn't
}

func (*fakeLog) Topic() string    { return "orders" }
func (*fakeLog) Partition() int32 { return 0 }

func (l *fakeLog) Record(ctx context.Context, id string) (*kgo.Record, [16]byte, error) {
	if l.block != nil {
		select {
		case <-l.block:
		case <-ctx.Done():
			return nil, [16]byte{}, ctx.Err()
		}
	}
	offset, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil, [16]byte{}, err
	}
	return &kgo.Record{Topic: "orders", Offset: offset, Value: []byte("event " + id)}, [16]byte{1}, l.err
}

func (*fakeLog) Decode(r *kgo.Record) (*reflex.Event, error) {
	return &reflex.Event{ID: strconv.FormatInt(r.Offset, 10), MetaData: r.Value}, nil
}

func key(offset int64) kafkadeadletter.Key {
	return kafkadeadletter.Key{Consumer: "billing", Topic: "orders", Offset: offset, TopicID: [16]byte{1}}
}

// env is a broker, and a store on it.
type env struct {
	*testing.T
	ctx     context.Context
	broker  *kafkatest.Broker
	store   *kafkadeadletter.Store
	letters *kafkadeadletter.Letters

	silent    atomic.Pointer[[]kmsg.Key]
	swallowed chan struct{}
}

func newEnv(t *testing.T, opts ...kafkadeadletter.Option) *env {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	t.Cleanup(cancel)
	e := &env{T: t, ctx: ctx, broker: kafkatest.Start(t, kafkatest.WithBrokers(2)), swallowed: make(chan struct{}, 1000)}
	e.store = e.open(opts...)
	e.letters = e.store.For(&fakeLog{})
	return e
}

func (e *env) open(opts ...kafkadeadletter.Option) *kafkadeadletter.Store {
	e.Helper()
	store, err := kafkadeadletter.Open(e.ctx, append(e.broker.Opts(), kgo.Dialer(e.dial)), topic, opts...)
	require.NoError(e, err)
	e.Cleanup(func() { store.Close() })
	return store
}

func (e *env) insert(offsets ...int) {
	e.Helper()
	for _, offset := range offsets {
		require.NoError(e, e.letters.ErrorInsert(e.ctx, "billing", strconv.Itoa(offset), "no"))
	}
}

func (e *env) requireLetters(offsets ...int64) {
	e.Helper()
	letters, err := e.store.List(e.ctx, kafkadeadletter.Filter{})
	require.NoError(e, err)
	got := make([]int64, 0, len(offsets))
	for _, letter := range letters {
		require.NoError(e, letter.Err)
		got = append(got, letter.Key.Offset)
	}
	require.Equal(e, append([]int64{}, offsets...), got)
}

// silence has requests of these kinds not be answered any more. The channel tells of each that came.
func (e *env) silence(keys ...kmsg.Key) <-chan struct{} {
	e.silent.Store(&keys)
	return e.swallowed
}

func (e *env) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	return &muteConn{Conn: conn, env: e}, err
}

// muteConn swallows requests that are not to be answered. kgo writes each at once: its size, its kind, and the rest.
type muteConn struct {
	net.Conn
	env *env
}

func (c *muteConn) Write(b []byte) (int, error) {
	keys := c.env.silent.Load()
	if keys == nil || !slices.Contains(*keys, kmsg.Key(binary.BigEndian.Uint16(b[4:]))) {
		return c.Conn.Write(b)
	}
	c.env.swallowed <- struct{}{}
	return len(b), nil
}

// calls are all that wait for Kafka.
func (e *env) calls() map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"Insert": func(ctx context.Context) error {
			return e.letters.Insert(ctx, "billing", &reflex.Event{ID: "1"}, io.EOF)
		},
		"ErrorInsert": func(ctx context.Context) error { return e.letters.ErrorInsert(ctx, "billing", "1", "no") },
		"Discard":     func(ctx context.Context) error { return e.store.Discard(ctx, key(0)) },
		"Get":         func(ctx context.Context) error { _, _, err := e.store.Get(ctx, key(0)); return err },
		"Count":       func(ctx context.Context) error { _, err := e.store.Count(ctx); return err },
		"List": func(ctx context.Context) error {
			_, err := e.store.List(ctx, kafkadeadletter.Filter{})
			return err
		},
		"Replay": func(ctx context.Context) error {
			_, err := e.letters.Replay(ctx, reflex.NewConsumer("billing", func(context.Context, *reflex.Event) error { return nil }))
			return err
		},
	}
}

// silences are what the broker may be silent about: the first request of a call, or a later one.
func silences() map[string][]kmsg.Key {
	return map[string][]kmsg.Key{
		" from the start": {kmsg.Produce, kmsg.ListOffsets},
		" in the middle":  {kmsg.Produce, kmsg.Fetch},
	}
}

// eachSilence runs a test for all calls and silences.
func eachSilence(t *testing.T, test func(t *testing.T, call string, silent []kmsg.Key)) {
	t.Helper()
	for call := range (&env{}).calls() {
		for name, silent := range silences() {
			t.Run(call+name, func(t *testing.T) {
				t.Parallel()
				test(t, call, silent)
			})
		}
	}
}

// The broker takes requests and never answers. kgo holds on to some of them for 10 to 20 s.
func TestAllCallsObeyTheirContextWhileTheBrokerIsSilent(t *testing.T) {
	eachSilence(t, func(t *testing.T, name string, silent []kmsg.Key) {
		t.Helper()
		e := newEnv(t)
		e.insert(0)
		came := e.silence(silent...)
		ctx, cancel := context.WithCancel(e.ctx)
		go func() {
			<-came
			cancel()
		}()
		begin := time.Now()
		require.ErrorIs(t, e.calls()[name](ctx), context.Canceled)
		require.Less(t, time.Since(begin), prompt)
		require.ErrorIs(t, e.calls()[name](ctx), context.Canceled, "done before")
	})
}

// The connection that fetches is taken by somebody who says nothing at all, also when asked who he is.
func TestReadingObeysItsContextWhileAConnectionIsNotAnswered(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithKfake(kfake.EnableSASL(), kfake.Superuser("PLAIN", "me", "secret")))
	within, stop := context.WithTimeout(t.Context(), patient)
	defer stop()
	silent, asked := deafListener(t)
	var divert atomic.Bool
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if divert.Load() {
			address = silent
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	opts := append(broker.Opts(), kgo.Dialer(dial), kgo.SASL(plain.Auth{User: "me", Pass: "secret"}.AsMechanism()))
	store, err := kafkadeadletter.Open(within, opts, topic)
	require.NoError(t, err)
	defer store.Close()
	require.NoError(t, store.For(&fakeLog{}).ErrorInsert(within, "billing", "0", "no"))
	broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Observe: true, Count: -1, When: func(kmsg.Request) bool {
		divert.Store(true)
		return true
	}})
	ctx, cancel := context.WithCancel(within)
	go func() {
		<-asked
		cancel()
	}()
	begin := time.Now()
	_, err = store.List(ctx, kafkadeadletter.Filter{})
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, time.Since(begin), prompt)
}

// Without a deadline of the caller's it is the store's timeout that ends the call, and that is not an end that is
// expected: nobody would see it.
func TestAllCallsEndWithTheTimeoutWhileTheBrokerIsSilent(t *testing.T) {
	eachSilence(t, func(t *testing.T, name string, silent []kmsg.Key) {
		t.Helper()
		e := newEnv(t, kafkadeadletter.WithTimeout(time.Second))
		e.insert(0)
		e.silence(silent...)
		begin := time.Now()
		err := e.calls()[name](e.ctx)
		require.ErrorIs(t, err, kafkadeadletter.ErrUnreachable)
		require.False(t, reflex.IsExpected(err))
		require.False(t, kafkadeadletter.IsPermanent(err))
		require.Less(t, time.Since(begin), time.Second+prompt)
	})
}

func TestCloseEndsAllCalls(t *testing.T) {
	eachSilence(t, func(t *testing.T, name string, silent []kmsg.Key) {
		t.Helper()
		e := newEnv(t)
		e.insert(0)
		came := e.silence(silent...)
		failed := make(chan error, 1)
		go func() { failed <- e.calls()[name](e.ctx) }()
		<-came
		begin := time.Now()
		require.NoError(t, e.store.Close())
		require.ErrorIs(t, <-failed, kafkadeadletter.ErrClosed)
		require.Less(t, time.Since(begin), prompt)
	})
}

// The log of events is what is silent.
func TestInsertDoesNotWaitForTheLogForEver(t *testing.T) {
	e := newEnv(t, kafkadeadletter.WithTimeout(time.Second))
	letters := e.store.For(&fakeLog{block: make(chan struct{})})
	err := letters.ErrorInsert(e.ctx, "billing", "1", "no")
	require.ErrorIs(t, err, kafkadeadletter.ErrUnreachable)
	require.False(t, reflex.IsExpected(err))

	ctx, cancel := context.WithTimeout(e.ctx, 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, letters.ErrorInsert(ctx, "billing", "1", "no"), context.DeadlineExceeded)

	failed := make(chan error, 1)
	go func() { failed <- letters.ErrorInsert(e.ctx, "billing", "1", "no") }()
	require.NoError(t, e.store.Close())
	require.ErrorIs(t, <-failed, kafkadeadletter.ErrClosed)
}

// What the log says is passed on, and no letter is written: with neither the record nor the certainty that there is none, it
// would be half a letter.
func TestErrorsOfTheLogArePassedOn(t *testing.T) {
	e := newEnv(t)
	sentinel := errors.New("log is broken")
	require.ErrorIs(t, e.store.For(&fakeLog{err: sentinel}).ErrorInsert(e.ctx, "billing", "1", "no"), sentinel)
	e.requireLetters()
}

func TestWhatIsNoEventOfTheLogIsRefused(t *testing.T) {
	e := newEnv(t)
	require.ErrorIs(t, e.letters.Insert(e.ctx, "billing", nil, io.EOF), kafkadeadletter.ErrBadEvent)
	for _, id := range []string{"", "x", "-1", "01", "+1", "9223372036854775807", "9223372036854775808"} {
		err := e.letters.Insert(e.ctx, "billing", &reflex.Event{ID: id}, io.EOF)
		require.ErrorIs(t, err, kafkadeadletter.ErrBadEvent, id)
		require.True(t, kafkadeadletter.IsPermanent(err))
	}
	require.ErrorIs(t, e.letters.ErrorInsert(e.ctx, "", "1", "no"), kafkadeadletter.ErrBadName)
	e.requireLetters()
	require.NoError(t, e.letters.Insert(e.ctx, "billing", &reflex.Event{ID: "0"}, nil), "an error that is nil is one without a text")
	e.requireLetters(0)
}

// Replicas are missing for a moment: the letter is written once they are back, and once only.
func TestInsertOutlivesFaultsThatPass(t *testing.T) {
	for _, code := range []*kerr.Error{kerr.NotEnoughReplicas, kerr.NotLeaderForPartition, kerr.RequestTimedOut, kerr.UnknownTopicOrPartition} {
		t.Run(code.Message, func(t *testing.T) {
			e := newEnv(t)
			fault := e.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: code, Count: 2})
			e.insert(1)
			require.Equal(t, 2, fault.Hits())
			e.requireLetters(1)
		})
	}
}

// Replicas stay missing. Insert doesn't say that there is a letter, and the same letter can be written again.
func TestInsertThatCanNotBeAcknowledgedIsAnError(t *testing.T) {
	e := newEnv(t, kafkadeadletter.WithTimeout(time.Second))
	fault := e.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
	err := e.letters.ErrorInsert(e.ctx, "billing", "1", "no")
	require.ErrorIs(t, err, kafkadeadletter.ErrUnreachable)
	require.ErrorContains(t, err, "min.insync.replicas")
	require.False(t, reflex.IsExpected(err))
	fault.Remove()
	e.insert(1, 1)
	e.requireLetters(1)
}

func TestRefusalsAreToldApart(t *testing.T) {
	for code, kind := range map[*kerr.Error]error{
		kerr.TopicAuthorizationFailed: kafkadeadletter.ErrNotAuthorised,
		kerr.MessageTooLarge:          kafkadeadletter.ErrTooLarge,
		kerr.InvalidRecord:            kafkadeadletter.ErrRefused,
	} {
		t.Run(code.Message, func(t *testing.T) {
			e := newEnv(t)
			e.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: code, Count: -1})
			err := e.letters.ErrorInsert(e.ctx, "billing", "1", "no")
			require.ErrorIs(t, err, kind)
			require.ErrorIs(t, err, code)
			require.True(t, kafkadeadletter.IsPermanent(err))
			require.ErrorContains(t, err, "billing/orders/0/1")
		})
	}
}

// The leader moves, back and forth, below everything.
func TestLeaderMoves(t *testing.T) {
	e := newEnv(t)
	for i := range 4 {
		require.NoError(t, e.broker.Cluster().MoveTopicPartition(topic, 0, int32(i%2)))
		e.insert(i)
	}
	e.requireLetters(0, 1, 2, 3)
	var consumed []string
	_, err := e.letters.Replay(e.ctx, reflex.NewConsumer("billing", func(_ context.Context, event *reflex.Event) error {
		consumed = append(consumed, event.ID)
		return e.broker.Cluster().MoveTopicPartition(topic, 0, int32(len(consumed)%2))
	}))
	require.NoError(t, err)
	require.Equal(t, []string{"0", "1", "2", "3"}, consumed)
	e.requireLetters()
}

// Letters are removed and the topic is compacted while they are replayed: what Replay knows of where letters are is not
// right any more.
func TestCompactionUnderAReplay(t *testing.T) {
	e := newEnv(t)
	e.insert(0, 1, 2, 3, 4)
	var consumed []string
	done, err := e.letters.Replay(e.ctx, reflex.NewConsumer("billing", func(_ context.Context, event *reflex.Event) error {
		consumed = append(consumed, event.ID)
		if event.ID == "1" {
			if err := e.store.Discard(e.ctx, key(3)); err != nil {
				return err
			}
			e.insert(4, 2, 7)
			e.broker.Cluster().Compact()
		}
		return nil
	}))
	require.NoError(t, err)
	require.Equal(t, []string{"0", "1", "2", "4"}, consumed)
	require.Equal(t, kafkadeadletter.Replayed{Done: 4}, done)
	e.requireLetters(7)
}

func TestCompactedTopicKeepsItsLetters(t *testing.T) {
	e := newEnv(t)
	e.insert(0, 1, 2, 0, 1, 0)
	require.NoError(t, e.store.Discard(e.ctx, key(2)))
	e.insert(5)
	e.broker.Cluster().Compact()
	e.requireLetters(0, 1, 5)
	e.broker.Cluster().Compact()
	e.requireLetters(0, 1, 5)
}

// The topic of letters is deleted and created again below a store: to say that there are no letters would be wrong.
func TestTopicOfLettersCreatedAgain(t *testing.T) {
	e := newEnv(t)
	e.insert(0)
	require.NoError(t, e.broker.Cluster().DeleteTopic(topic))
	_, err := e.store.List(e.ctx, kafkadeadletter.Filter{})
	require.ErrorIs(t, err, kafkadeadletter.ErrUnknownTopic)
	require.NoError(t, e.broker.CreateTopic(topic, 1, map[string]string{"cleanup.policy": "compact"}))
	_, err = e.store.List(e.ctx, kafkadeadletter.Filter{})
	require.ErrorIs(t, err, kafkadeadletter.ErrTopicRecreated)
	require.Error(t, e.letters.ErrorInsert(e.ctx, "billing", "1", "no"))
	e.store = e.open()
	e.requireLetters()
}

func TestManyInsertAndReplayAtOnce(t *testing.T) {
	const consumers, events = 5, 40
	e := newEnv(t)
	var running sync.WaitGroup
	for c := range consumers {
		name := "consumer " + strconv.Itoa(c)
		running.Go(func() {
			for i := range events {
				if err := e.letters.ErrorInsert(e.ctx, name, strconv.Itoa(i), "no"); err != nil {
					t.Errorf("insert: %v", err)
				}
			}
			var consumed []int64
			consumer := reflex.NewConsumer(name, func(_ context.Context, event *reflex.Event) error {
				consumed = append(consumed, event.IDInt())
				return nil
			})
			if _, err := e.letters.Replay(e.ctx, consumer); err != nil {
				t.Errorf("replay: %v", err)
			}
			for i, id := range consumed {
				if int64(i) != id {
					t.Errorf("%s consumed %d as number %d", name, id, i)
				}
			}
			if len(consumed) != events {
				t.Errorf("%s consumed %d", name, len(consumed))
			}
		})
	}
	running.Wait()
	e.requireLetters()
}

func TestInvalidOptionsAreReportedTogether(t *testing.T) {
	_, err := kafkadeadletter.Open(t.Context(), nil, "", nil, kafkadeadletter.WithReplicationFactor(0),
		kafkadeadletter.WithTimeout(time.Millisecond), kafkadeadletter.WithMaxLetterBytes(1))
	require.ErrorIs(t, err, kafkadeadletter.ErrInvalidOption)
	for _, part := range []string{"nil Option", "without a name", "replication factor of 0", "timeout of 1ms", "letters of up to 1 bytes"} {
		require.ErrorContains(t, err, part)
	}
	_, err = kafkadeadletter.Open(t.Context(), nil, topic, kafkadeadletter.WithMaxLetterBytes(1<<40))
	require.ErrorIs(t, err, kafkadeadletter.ErrInvalidOption)
	for _, opt := range []kgo.Opt{
		kgo.DisableIdempotentWrite(), kgo.ManualFlushing(), kgo.AllowAutoTopicCreation(), kgo.ConsumerGroup("g"), kgo.TransactionalID("x"),
	} {
		_, err := kafkadeadletter.Open(t.Context(), []kgo.Opt{opt}, topic)
		require.ErrorIs(t, err, kafkadeadletter.ErrInvalidOption)
	}
}

func TestInvalidOptionsOfAReplay(t *testing.T) {
	e := newEnv(t)
	nobody := reflex.NewConsumer("", func(context.Context, *reflex.Event) error { return nil })
	_, err := e.letters.Replay(e.ctx, nobody, nil, kafkadeadletter.WithLimit(-1), kafkadeadletter.WithOffsets(5, 5))
	for _, kind := range []error{kafkadeadletter.ErrInvalidOption, kafkadeadletter.ErrBadName} {
		require.ErrorIs(t, err, kind)
	}
	for _, part := range []string{"nil ReplayOption", "-1 letters", "from offset 5 on and before 5"} {
		require.ErrorContains(t, err, part)
	}
}

// A consumer that can't be reset, as one whose metrics are refused, gets no letter, and its error is not taken for one of Kafka's.
func TestReplayNeedsTheConsumerReset(t *testing.T) {
	e := newEnv(t)
	e.insert(0)
	_, err := e.letters.Replay(e.ctx, unresettable{reflex.NewConsumer("billing", func(context.Context, *reflex.Event) error { return nil })})
	require.ErrorIs(t, err, errReset)
	require.NotErrorIs(t, err, kafkadeadletter.ErrUnreachable)
	e.requireLetters(0)
}

var errReset = errors.New("reset failed")

type unresettable struct{ reflex.Consumer }

func (unresettable) Reset() error { return errReset }

// Nobody listens, or nobody answers.
func TestOpenOfAnUnreachableBroker(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close() // the kernel accepts, and nobody answers
	seeds := []kgo.Opt{kgo.SeedBrokers(listener.Addr().String())}
	begin := time.Now()
	_, err = kafkadeadletter.Open(t.Context(), seeds, topic, kafkadeadletter.WithTimeout(time.Second))
	require.ErrorIs(t, err, kafkadeadletter.ErrUnreachable)
	require.False(t, reflex.IsExpected(err))
	require.Less(t, time.Since(begin), time.Second+prompt)

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begin = time.Now()
	_, err = kafkadeadletter.Open(ctx, seeds, topic)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(begin), prompt)
}

// deafListener accepts one connection, tells when something came over it, and never answers.
func deafListener(t *testing.T) (address string, asked <-chan struct{}) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	came, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			close(came)
		}
		_, _ = io.Copy(io.Discard, conn) // until the client is gone
	}()
	t.Cleanup(func() { listener.Close(); <-ended })
	return listener.Addr().String(), came
}
