package kafkastream

import (
	"context"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
)

// record requires that there is one.
func (s *source) record(id string) *kgo.Record {
	s.Helper()
	r, topicID, err := s.Record(s.ctx, id)
	require.NoError(s, err)
	require.NotNil(s, r, id)
	require.Equal(s, s.broker.Cluster().TopicInfo(orders).TopicID, topicID)
	return r
}

// requireGone requires that there is none any more, and returns the ID of the topic that it was in.
func (s *source) requireGone(id string) [16]byte {
	s.Helper()
	r, topicID, err := s.Record(s.ctx, id)
	require.NoError(s, err)
	require.Nil(s, r, id)
	return topicID
}

func TestRecordIsThatOfTheEvent(t *testing.T) {
	s := newSource(t)
	s.write(0, 5)
	for i := range 5 {
		r := s.record(strconv.Itoa(i))
		require.Equal(t, int64(i), r.Offset)
		require.Equal(t, "event "+strconv.Itoa(i), string(r.Value))
	}
}

// What Decode makes of the record that Record reads again is what the stream delivered.
func TestDecodeIsWhatTheStreamDelivers(t *testing.T) {
	s := newSource(t)
	s.write(0, 5)
	client := s.open("")
	for range 5 {
		want, err := client.Recv()
		require.NoError(t, err)
		got, err := s.Decode(s.record(want.ID))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestDecodeSaysWhatTheDecoderDoes(t *testing.T) {
	p := NewPartition(nil, orders, 0, WithDecoder(func(*kgo.Record, *reflex.Event) error { panic("oh") }))
	_, err := p.Decode(&kgo.Record{Topic: orders, Offset: 7})
	require.ErrorIs(t, err, ErrDecode)
	require.ErrorContains(t, err, "offset 7")

	_, err = NewPartition(nil, "", 0).Decode(&kgo.Record{})
	require.ErrorIs(t, err, ErrInvalidOption)
}

// Batches of many records are read whole, and the one that was asked for is found in them.
func TestRecordInTheMiddleOfABatch(t *testing.T) {
	s := newSource(t)
	s.write(0, 100)
	require.Equal(t, "event 57", string(s.record("57").Value))
}

func TestRecordThatRetentionRemovedIsGone(t *testing.T) {
	s := newSource(t)
	s.write(0, 5)
	require.NoError(t, s.broker.Cluster().DeleteRecords(orders, 0, 3))
	require.Equal(t, s.broker.Cluster().TopicInfo(orders).TopicID, s.requireGone("2"))
	s.record("3")
	require.NoError(t, s.broker.Cluster().DeleteRecords(orders, 0, 5))
	s.requireGone("4")
}

// An aborted record has the offset that was asked for, and is not the event.
func TestRecordThatIsNoEventIsGone(t *testing.T) {
	s := newSource(t)
	cl, err := kgo.NewClient(append(s.broker.Opts(), kgo.TransactionalID("x"))...)
	require.NoError(t, err)
	defer cl.Close()
	require.NoError(t, cl.BeginTransaction())
	require.NoError(t, cl.ProduceSync(t.Context(), &kgo.Record{Topic: orders, Value: []byte("aborted")}).FirstErr())
	require.NoError(t, cl.EndTransaction(t.Context(), kgo.TryAbort))
	s.requireGone("0")
	s.requireGone("1") // the marker
	s.write(0, 1)
	s.requireGone("0")
	s.requireGone("1")
}

// The topic was created again, and another record is at the offset. Without the identity that the stream
// has read, that one would be taken for the event.
func TestRecordOfATopicCreatedAgainIsNotTakenForTheEvent(t *testing.T) {
	s := newSource(t)
	s.write(0, 3)
	require.Equal(t, []string{"0", "1", "2"}, s.take(s.open(""), 3))
	before := s.broker.Cluster().TopicInfo(orders).TopicID
	require.NoError(t, s.broker.Cluster().DeleteTopic(orders))
	require.Equal(t, before, s.requireGone("1"), "the topic is gone")
	require.NoError(t, s.broker.CreateTopic(orders, 1, nil))
	again, err := kgo.NewClient(append(s.broker.Opts(), kgo.DefaultProduceTopic(orders))...) // the other knows the topic before
	require.NoError(t, err)
	defer again.Close()
	s.writer = again
	s.write(0, 3)
	require.Equal(t, before, s.requireGone("1"))

	// Whoever has read nothing yet can't know of the one before.
	fresh := NewPartition(s.broker.Opts(), orders, 0)
	r, topicID, err := fresh.Record(t.Context(), "1")
	require.NoError(t, err)
	require.NotNil(t, r)
	require.NotEqual(t, before, topicID)
}

func TestRecordOfWhatNeverWasIsAnError(t *testing.T) {
	s := newSource(t)
	s.write(0, 3)
	for id, kind := range map[string]error{
		"3": ErrBeyondEnd, "99": ErrBeyondEnd,
		"": ErrBadCursor, "x": ErrBadCursor, "-1": ErrBadCursor,
	} {
		_, _, err := s.Record(t.Context(), id)
		require.ErrorIs(t, err, kind, id)
	}
	_, _, err := NewPartition(s.broker.Opts(), "nowhere", 0).Record(t.Context(), "0")
	require.ErrorIs(t, err, ErrUnknownTopic)
	_, _, err = NewPartition(s.broker.Opts(), orders, 9).Record(t.Context(), "0")
	require.ErrorIs(t, err, ErrUnknownPartition)
	_, _, err = NewPartition(nil, "", 0).Record(t.Context(), "0")
	require.ErrorIs(t, err, ErrInvalidOption)
}

// The connection that fetches is taken by somebody who says nothing at all, also when asked who he is.
func TestRecordObeysItsContext(t *testing.T) {
	s := newSource(t, kafkatest.WithKfake(kfake.EnableSASL(), kfake.Superuser("PLAIN", "me", "secret")))
	auth := kgo.SASL(plain.Auth{User: "me", Pass: "secret"}.AsMechanism())
	writer, err := kgo.NewClient(append(s.broker.Opts(), auth, kgo.DefaultProduceTopic(orders))...)
	require.NoError(t, err)
	defer writer.Close()
	s.writer = writer
	s.write(0, 3)
	silent, asked := deafListener(t)
	var divert atomic.Bool
	s.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Observe: true, Count: -1, When: func(kmsg.Request) bool {
		divert.Store(true)
		return true
	}})
	p := NewPartition(append(s.broker.Opts(), auth, kgo.Dialer(func(ctx context.Context, network, address string) (net.Conn, error) {
		if divert.Load() {
			address = silent
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	})), orders, 0)
	ctx, cancel := context.WithCancel(s.ctx)
	go func() {
		<-asked
		cancel()
	}()
	begin := time.Now()
	_, _, err = p.Record(ctx, "1")
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, time.Since(begin), 3*time.Second)

	_, _, err = p.Record(ctx, "1")
	require.ErrorIs(t, err, context.Canceled)
}

// Nobody answers: the time for opening is the limit.
func TestRecordOfAnUnreachableBroker(t *testing.T) {
	b := kafkatest.Start(t, kafkatest.WithTopic(orders, 1))
	opts := b.Opts()
	b.Close()
	p := NewPartition(opts, orders, 0, WithOpenTimeout(100*time.Millisecond))
	_, _, err := p.Record(t.Context(), "1")
	require.ErrorIs(t, err, ErrUnreachable)
}

// The log lost its end in an election and has grown again: the record at the offset was written under
// another epoch than the event.
func TestRecordOfAnotherEpochIsNotTakenForTheEvent(t *testing.T) {
	s := newSource(t, kafkatest.WithBrokers(2))
	s.write(0, 3)
	cursor := Cursor{Offset: 1, TopicID: s.broker.Cluster().TopicInfo(orders).TopicID}
	epoch := s.record("1").LeaderEpoch
	cursor.LeaderEpoch = epoch
	s.record(cursor.String())

	cursor.LeaderEpoch = epoch + 5 // that no leader knows
	s.requireGone(cursor.String())

	leader := s.broker.Cluster().PartitionInfo(orders, 0).Leader
	require.NoError(t, s.broker.Cluster().MoveTopicPartition(orders, 0, 1-leader))
	s.write(3, 1)
	now := s.record("3").LeaderEpoch
	require.Greater(t, now, epoch)
	cursor.LeaderEpoch = now
	s.requireGone(cursor.String())
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
