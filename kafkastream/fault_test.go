package kafkastream

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
)

// requireError requires a kind of error that says all that it should.
func requireError(t *testing.T, err, kind error) *Error {
	t.Helper()
	require.ErrorIs(t, err, kind)
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, orders, e.Topic)
	require.NotEmpty(t, e.Asked, "what was asked for: %v", err)
	require.True(t, e.Found != "" || e.Cause != nil, "what was found: %v", err)
	require.NotEmpty(t, e.Do, "what to do: %v", err)
	require.Equal(t, !errors.Is(kind, ErrUnreachable), IsPermanent(err))
	return e
}

// failure is the error that a stream ends with, of Stream or of Recv.
func (s *source) failure(p *Partition, after string, opts ...reflex.StreamOption) error {
	s.Helper()
	client, err := p.Stream(s.ctx, after, opts...)
	if err != nil {
		return err
	}
	defer client.(*stream).Close()
	for {
		if _, err := client.Recv(); err != nil {
			return err
		}
	}
}

func TestWhatTheClusterDoesNotHave(t *testing.T) {
	s := newSource(t)
	began := time.Now()
	missing := NewPartition(s.broker.Opts(), "nothing", 0)
	_, err := missing.Stream(s.ctx, "")
	require.ErrorIs(t, err, ErrUnknownTopic)
	_, err = missing.Offsets(s.ctx)
	require.ErrorIs(t, err, ErrUnknownTopic)
	require.Nil(t, s.broker.Cluster().TopicInfo("nothing"), "asking must not create it")

	_, err = NewPartition(s.broker.Opts(), orders, 3).Stream(s.ctx, "")
	require.Equal(t, "1 partitions", requireError(t, err, ErrUnknownPartition).Found)
	require.Less(t, time.Since(began), 3*quick)
}

func TestCursorsOutsideTheLog(t *testing.T) {
	s := newSource(t)
	s.write(0, 10)
	require.NoError(t, s.broker.Cluster().DeleteRecords(orders, 0, 4))

	e := requireError(t, s.failure(s.Partition, "1"), ErrExpired)
	require.Equal(t, []int64{2, 4, 10}, []int64{e.Offset, e.Start, e.End})
	require.Contains(t, e.Error(), `set the cursor to "3"`)
	require.Equal(t, []string{"4", "5", "6", "7", "8", "9"}, s.toHead("3"), "what it says to do works")

	e = requireError(t, s.failure(s.Partition, "10"), ErrBeyondEnd)
	require.Equal(t, []int64{11, 4, 10}, []int64{e.Offset, e.Start, e.End})
	require.Empty(t, s.toHead("9"))

	require.Len(t, s.toHead(""), 6, "the start is where it is now")
	requireError(t, s.failure(s.Partition, "x"), ErrBadCursor)
	require.Empty(t, s.toHead("x", reflex.WithStreamFromHead()), "from head overrides the cursor, whatever it is")
}

func TestRetentionPassesAnOpenStream(t *testing.T) {
	s := newSource(t)
	s.write(0, 3)
	client := s.open("")
	s.take(client, 3)
	s.hold(func() {
		s.write(3, 7)
		require.NoError(t, s.broker.Cluster().DeleteRecords(orders, 0, 8))
	})
	_, err := client.Recv()
	e := requireError(t, err, ErrExpired)
	require.Equal(t, []int64{3, 8, 10}, []int64{e.Offset, e.Start, e.End})
}

// hold runs a function while fetches are refused, so that nothing that it
// does is seen before it is done.
func (s *source) hold(during func()) {
	s.Helper()
	refusing := s.broker.Cluster().Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Fetch}, Topic: orders, Err: kerr.KafkaStorageError, Count: -1,
	})
	during()
	refusing.Remove()
}

// A stream from the start is to begin wherever the log starts. Retention that
// moves the start between the two questions of opening and reading is not its fault.
func TestTheStartMovesWhileAStreamOpens(t *testing.T) {
	s := newSource(t)
	s.write(0, 10)
	refusing := s.broker.Cluster().Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Fetch}, Topic: orders, Err: kerr.KafkaStorageError, Count: -1,
	})
	fromStart := s.open("")
	fromCursor := s.open("0")
	require.NoError(t, s.broker.Cluster().DeleteRecords(orders, 0, 4))
	refusing.Remove()
	require.Equal(t, []string{"4", "5"}, s.take(fromStart, 2))
	_, err := fromCursor.Recv()
	requireError(t, err, ErrExpired)
}

func (s *source) recreate() {
	s.Helper()
	require.NoError(s, s.broker.Cluster().DeleteTopic(orders))
	require.NoError(s, s.broker.CreateTopic(orders, 1, nil))
	// kgo doesn't adopt the new topic.
	writer, err := kgo.NewClient(append(s.broker.Opts(), kgo.DefaultProduceTopic(orders))...)
	require.NoError(s, err)
	s.Cleanup(writer.Close)
	s.writer = writer
}

func TestTopicIsRecreatedUnderAnOpenStream(t *testing.T) {
	s := newSource(t)
	s.write(0, 3)
	client := s.open("")
	s.take(client, 3)
	cursor := s.Stamp()("2")
	s.hold(func() {
		s.recreate()
		s.write(0, 10)

		// While that stream is open, its last event could still be stamped.
		_, err := s.Stream(s.ctx, "")
		requireError(t, err, ErrTopicRecreated)
		require.Equal(t, cursor, s.Stamp()("2"))
	})
	began := time.Now()
	_, err := client.Recv()
	requireError(t, err, ErrTopicRecreated)
	require.Less(t, time.Since(began), quick)
	require.NoError(t, client.(*stream).Close())

	// A cursor that doesn't say of which topic it is must be of the old one.
	requireError(t, s.failure(s.Partition, "2"), ErrTopicRecreated)
	requireError(t, s.failure(s.Partition, "99"), ErrTopicRecreated)
	require.Equal(t, cursor, s.Stamp()("2"))

	require.Len(t, s.toHead(""), 10)
	require.NotEqual(t, cursor, s.Stamp()("2"))
	require.Len(t, s.toHead("2"), 7, "and now it is of the new one")
	require.Len(t, s.toHead(s.Stamp()("2")), 7)
	requireError(t, s.failure(s.Partition, cursor), ErrTopicRecreated)
}

// The offset of the cursor is in the log of the new topic, so that only its
// identity tells that other events would be skipped.
func TestTopicIsRecreatedWhileNobodyLooks(t *testing.T) {
	s := newSource(t)
	s.write(0, 3)
	s.toHead("")
	cursor := s.Stamp()("2")
	s.recreate()
	s.write(0, 10)
	restarted := NewPartition(s.broker.Opts(), orders, 0)
	e := requireError(t, s.failure(restarted, cursor), ErrTopicRecreated)
	require.Contains(t, e.Error(), `set the cursor to ""`)
	require.Equal(t, "2", restarted.Stamp()("2"), "a stream that failed teaches no identity")
	_, err := restarted.Stream(s.ctx, "2")
	require.NoError(t, err, "a plain cursor has none to compare")
}

func TestTopicIsGone(t *testing.T) {
	s := newSource(t)
	s.write(0, 1)
	client := s.open("")
	s.take(client, 1)
	require.NoError(t, s.broker.Cluster().DeleteTopic(orders))
	began := time.Now()
	_, err := client.Recv()
	requireError(t, err, ErrUnknownTopic)
	require.Greater(t, time.Since(began), 4*time.Second)
	require.Less(t, time.Since(began), 8*time.Second)
}

// An unclean election while nobody looked: the log lost the event of the
// cursor and has grown past it again, with other events.
func TestLogIsTruncatedBeforeTheCursor(t *testing.T) {
	s := newSource(t, kafkatest.WithBrokers(2))
	s.write(0, 5)
	s.toHead("")
	cursor := s.Stamp()("4")
	require.Contains(t, cursor, ":", "it names its leader epoch")
	cluster := s.broker.Cluster()
	cluster.ControlKey(int16(kmsg.OffsetForLeaderEpoch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		resp := req.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
		rt := kmsg.NewOffsetForLeaderEpochResponseTopic()
		rt.Topic = orders
		rp := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
		rp.LeaderEpoch, rp.EndOffset = 0, 3
		rt.Partitions = append(rt.Partitions, rp)
		resp.Topics = append(resp.Topics, rt)
		return resp, nil, true
	})
	e := requireError(t, s.failure(s.Partition, cursor), ErrTruncated)
	require.Equal(t, []int64{5, 3}, []int64{e.Offset, e.End})
	require.Contains(t, e.Error(), `set the cursor to "2"`)
	require.Len(t, s.toHead("2"), 2)
}

func TestCursorsHoldOverElections(t *testing.T) {
	s := newSource(t, kafkatest.WithBrokers(2))
	for i := range 6 {
		require.NoError(t, s.broker.Cluster().MoveTopicPartition(orders, 0, int32(i%2)))
		s.write(i, 1)
	}
	require.Len(t, s.toHead(""), 6)
	for i := range 6 {
		cursor := s.Stamp()(string(rune('0' + i)))
		require.Len(t, s.toHead(cursor), 5-i, cursor)
	}
}

func TestBrokerIsRestarted(t *testing.T) {
	dir := t.TempDir()
	s := newSource(t, kafkatest.WithDataDir(dir))
	s.write(0, 5)
	s.toHead("")
	cursor := s.Stamp()("2")
	s.writer.Close()
	s.broker.Close()

	broker := kafkatest.Start(t, kafkatest.WithDataDir(dir))
	s.Partition = NewPartition(broker.Opts(), orders, 0)
	require.Equal(t, []string{"3", "4"}, s.toHead(cursor))
	requireError(t, s.failure(s.Partition, "7"), ErrBeyondEnd)
}

// A stream that is open outlasts its brokers.
func TestBrokerIsRestartedUnderAnOpenStream(t *testing.T) {
	dir := t.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := listener.Addr().(*net.TCPAddr).Port
	require.NoError(t, listener.Close())
	s := newSource(t, kafkatest.WithDataDir(dir), kafkatest.WithPort(port))
	s.write(0, 2)
	client := s.open("")
	s.take(client, 2)
	s.broker.Close()
	require.Eventually(t, func() bool {
		broker, err := kafkatest.New(kafkatest.WithDataDir(dir), kafkatest.WithPort(port))
		if err != nil {
			return false
		}
		t.Cleanup(broker.Close)
		return true
	}, 5*time.Second, 10*time.Millisecond)
	s.write(2, 2)
	require.Equal(t, []string{"2", "3"}, s.take(client, 2))
	require.NoError(t, client.(*stream).Close())
}

func TestAccessIsDenied(t *testing.T) {
	allow := func(operation kmsg.ACLOperation) kfake.ACL {
		return kfake.ACL{
			Resource: kmsg.ACLResourceTypeTopic, Name: orders, Pattern: kmsg.ACLResourcePatternTypeLiteral,
			Operation: operation, Allow: true,
		}
	}
	broker := kafkatest.Start(t, kafkatest.WithTopic(orders, 1), kafkatest.WithKfake(
		kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("PLAIN", "admin", "admin"),
		kfake.User("PLAIN", "stranger", "s"),
		kfake.User("PLAIN", "lister", "l", allow(kmsg.ACLOperationDescribe)),
		kfake.User("PLAIN", "reader", "r", allow(kmsg.ACLOperationDescribe), allow(kmsg.ACLOperationRead)),
	))
	as := func(user, password string, opts ...Option) *Partition {
		login := kgo.SASL(plain.Auth{User: user, Pass: password}.AsMechanism())
		return NewPartition(append(broker.Opts(), login), orders, 0, opts...)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	s := &source{T: t, ctx: ctx, broker: broker}
	writer, err := kgo.NewClient(append(broker.Opts(), kgo.DefaultProduceTopic(orders),
		kgo.SASL(plain.Auth{User: "admin", Pass: "admin"}.AsMechanism()))...)
	require.NoError(t, err)
	defer writer.Close()
	s.writer = writer
	s.write(0, 2)

	s.Partition = as("reader", "r")
	require.Len(t, s.toHead(""), 2)
	_, err = as("stranger", "s").Stream(ctx, "")
	require.ErrorIs(t, err, ErrNotAuthorised)
	require.ErrorIs(t, err, kerr.TopicAuthorizationFailed)
	requireError(t, s.failure(as("lister", "l"), ""), ErrNotAuthorised)

	// kfake closes the connection on a wrong password, which looks like a broker that
	// has trouble. Kafka says SASL_AUTHENTICATION_FAILED.
	err = s.failure(as("reader", "wrong", WithOpenTimeout(100*time.Millisecond)), "")
	require.ErrorIs(t, requireError(t, err, ErrUnreachable), io.EOF)
}

func TestWrongPassword(t *testing.T) {
	s := newSource(t)
	s.broker.Cluster().Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Metadata}, Topic: orders, Err: kerr.SaslAuthenticationFailed, Count: -1,
	})
	_, err := s.Stream(s.ctx, "")
	require.ErrorIs(t, err, ErrNotAuthorised)
}

func TestUntrustedBroker(t *testing.T) {
	server := httptest.NewTLSServer(nil) // for its certificate, that nobody trusts
	server.Close()
	broker := kafkatest.Start(t, kafkatest.WithTopic(orders, 1),
		kafkatest.WithKfake(kfake.TLS(&tls.Config{Certificates: server.TLS.Certificates, MinVersion: tls.VersionTLS12})))
	p := NewPartition(append(broker.Opts(), kgo.DialTLS()), orders, 0)
	began := time.Now()
	_, err := p.Stream(t.Context(), "")
	requireError(t, err, ErrNotAuthorised)
	require.Less(t, time.Since(began), quick)

	// A plaintext client gets no answer that tells it why.
	_, err = NewPartition(broker.Opts(), orders, 0, WithOpenTimeout(300*time.Millisecond)).Stream(t.Context(), "")
	requireError(t, err, ErrUnreachable)
}

func TestBrokersOutOfReach(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	for name, opts := range map[string][]kgo.Opt{
		"refused":    {kgo.SeedBrokers(closed.Addr().String())},
		"black hole": blackHole(t),
	} {
		t.Run(name, func(t *testing.T) {
			const timeout = 300 * time.Millisecond
			p := NewPartition(opts, orders, 0, WithOpenTimeout(timeout))
			began := time.Now()
			_, err := p.Stream(t.Context(), "")
			requireError(t, err, ErrUnreachable)
			require.NotErrorIs(t, err, context.Canceled)
			require.GreaterOrEqual(t, time.Since(began), timeout)
			require.Less(t, time.Since(began), timeout+quick)
			_, err = p.Offsets(t.Context())
			requireError(t, err, ErrUnreachable)
		})
		t.Run(name+", cancelled", func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			began := time.Now()
			_, err := NewPartition(opts, orders, 0).Stream(ctx, "")
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.NotErrorIs(t, err, ErrUnreachable)
			require.Less(t, time.Since(began), quick)
		})
	}
}

// A broker that has gone silent under an open stream keeps neither Recv nor Close.
func TestBrokerGoesSilent(t *testing.T) {
	s := newSource(t)
	s.write(0, 1)
	client := s.open("")
	s.take(client, 1)
	asleep := make(chan struct{})
	cluster := s.broker.Cluster()
	cluster.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.SleepControl(func() { <-asleep })
		return nil, nil, false
	})
	defer close(asleep)
	began := time.Now()
	require.NoError(t, client.(*stream).Close())
	_, err := client.Recv()
	require.ErrorIs(t, err, ErrClosed)
	require.Less(t, time.Since(began), quick)
}

func TestBatchOverTheLimit(t *testing.T) {
	s := newSource(t)
	require.NoError(t, s.writer.ProduceSync(s.ctx, &kgo.Record{Value: make([]byte, 1<<16)}).FirstErr())
	p := NewPartition(append(s.broker.Opts(), kgo.MaxDecompressBatchBytes(1<<10)), orders, 0)
	require.Equal(t, int64(0), requireError(t, s.failure(p, ""), ErrBatchTooLarge).Offset)
}

// A batch is damaged on the broker's disk: what is before it is delivered, and then
// the stream says where it is.
func TestCorruptBatch(t *testing.T) {
	s := newSource(t)
	s.write(0, 2)
	var first []byte
	cluster := s.broker.Cluster()
	raw := s.fetchRaw()
	first = append(first, raw...)
	damaged := append([]byte(nil), raw...)
	binary.BigEndian.PutUint64(damaged, 2) // the batch of the next two
	damaged[len(damaged)-1]++
	cluster.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		r := req.(*kmsg.FetchRequest)
		resp := req.ResponseKind().(*kmsg.FetchResponse)
		rt := kmsg.NewFetchResponseTopic()
		rt.Topic, rt.TopicID = r.Topics[0].Topic, r.Topics[0].TopicID
		rp := kmsg.NewFetchResponseTopicPartition()
		rp.HighWatermark, rp.LastStableOffset, rp.LogStartOffset = 4, 4, 0
		if r.Topics[0].Partitions[0].FetchOffset < 2 {
			rp.RecordBatches = append(append(rp.RecordBatches, first...), damaged...)
		} else {
			rp.RecordBatches = damaged
		}
		rt.Partitions = append(rt.Partitions, rp)
		resp.Topics = append(resp.Topics, rt)
		return resp, nil, true
	})
	client := s.open("")
	require.Equal(t, []string{"0", "1"}, s.take(client, 2))
	_, err := client.Recv()
	require.Equal(t, int64(2), requireError(t, err, ErrCorrupt).Offset)
}

// fetchRaw returns the batches of the log as stored.
func (s *source) fetchRaw() []byte {
	s.Helper()
	req := kmsg.NewPtrFetchRequest()
	req.MaxBytes = 1 << 20
	rt := kmsg.NewFetchRequestTopic()
	rt.Topic, rt.TopicID = orders, s.broker.Cluster().TopicInfo(orders).TopicID
	rt.Partitions = append(rt.Partitions, kmsg.NewFetchRequestTopicPartition())
	rt.Partitions[0].PartitionMaxBytes = 1 << 20
	req.Topics = append(req.Topics, rt)
	resp, err := s.writer.Broker(0).Request(s.ctx, req)
	require.NoError(s, err)
	return resp.(*kmsg.FetchResponse).Topics[0].Partitions[0].RecordBatches
}

func TestRecordThatCannotBeDecoded(t *testing.T) {
	s := newSource(t)
	s.write(0, 2)
	bad := &kgo.Record{Value: []byte("event 2"), Headers: []kgo.RecordHeader{{Key: "t", Value: []byte("no number")}}}
	require.NoError(t, s.writer.ProduceSync(s.ctx, bad).FirstErr())
	s.write(3, 1)
	client := s.open("")
	s.take(client, 2)
	_, err := client.Recv()
	require.Equal(t, int64(2), requireError(t, err, ErrDecode).Offset)
	require.Equal(t, []string{"3"}, s.toHead("2"), "what it says to do works")
}

func TestOptionsOfAPartition(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic(orders, 1))
	for name, p := range map[string]*Partition{
		"no topic":           NewPartition(broker.Opts(), "", 0),
		"negative partition": NewPartition(broker.Opts(), orders, -1),
		"fetch bytes":        NewPartition(broker.Opts(), orders, 0, WithFetchBytes(0)),
		"open timeout":       NewPartition(broker.Opts(), orders, 0, WithOpenTimeout(0)),
		"nil":                NewPartition(broker.Opts(), orders, 0, nil),
		"consumer group":     NewPartition(append(broker.Opts(), kgo.ConsumerGroup("g")), orders, 0),
		"several":            NewPartition(broker.Opts(), "", -1, WithFetchBytes(0)),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := p.Stream(t.Context(), "")
			require.ErrorIs(t, err, ErrInvalidOption)
			require.True(t, IsPermanent(err))
			_, err = p.Offsets(t.Context())
			require.ErrorIs(t, err, ErrInvalidOption)
		})
	}
}

func TestADecoderOfTheUsers(t *testing.T) {
	s := newSource(t)
	s.write(0, 1)
	p := NewPartition(s.broker.Opts(), orders, 0, WithDecoder(func(r *kgo.Record, e *reflex.Event) error {
		e.ForeignID = "decoded " + string(r.Value)
		return nil
	}))
	client, err := p.Stream(s.ctx, "")
	require.NoError(t, err)
	defer client.(*stream).Close()
	e, err := client.Recv()
	require.NoError(t, err)
	require.Equal(t, &reflex.Event{ID: "0", ForeignID: "decoded event 0"}, e)
}
