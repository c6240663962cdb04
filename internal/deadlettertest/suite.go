package deadlettertest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/kafkadeadletter"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

// Run runs all tests, in parallel.
func Run(t *testing.T, kafka func(testing.TB) Kafka) {
	t.Helper()
	for _, c := range []struct {
		claim string
		test  func(*testing.T, Kafka)
	}{
		{"a letter holds the record to the byte", letterHoldsTheRecord},
		{"a letter whose record is gone holds the event", letterHoldsTheEvent},
		{"there is one letter for a consumer and an event", oneLetter},
		{"a crash between letter and cursor leaves one letter", crashBeforeTheCursor},
		{"a topic created again has letters of its own", topicCreatedAgain},
		{"letters are listed in order, and chosen by a filter", listing},
		{"what was discarded is gone", discarding},
		{"replay is in order, and removes what was consumed", replayInOrder},
		{"replay stops at what fails, and goes on from there", replayStops},
		{"replay keeps going when told to", replayKeepsGoing},
		{"replay leaves what is dead-lettered again", replayWrittenAgain},
		{"replay leaves what is written meanwhile", replayBesideTheConsumer},
		{"replay ended by its context loses nothing", replayCancelled},
		{"a letter that is too large is refused", tooLarge},
		{"a letter of a large event is taken", largeLetter},
		{"the topic is created to keep letters", createdTopic},
		{"a topic that would lose letters is refused", refusedTopic},
		{"an open transaction is waited for", openTransaction},
		{"what is no letter is shown, and stays", strangeRecords},
		{"a store is closed", closed},
	} {
		t.Run(c.claim, func(t *testing.T) {
			t.Parallel()
			c.test(t, kafka(t))
		})
	}
}

// letterHoldsTheRecord: key, value, headers and timestamp of any record come back, whatever is nil, empty, binary or named
// as a header of ours.
func letterHoldsTheRecord(t *testing.T, kafka Kafka) {
	t.Helper()
	e := newEnv(t, kafka)
	at := time.UnixMilli(1_700_000_000_123)
	records := []*kgo.Record{
		{Timestamp: at},
		{Key: []byte{}, Value: []byte{}, Timestamp: at, Headers: []kgo.RecordHeader{{Key: "t"}, {Key: "t", Value: []byte{}}, {Key: "t", Value: []byte("3")}}},
		{Key: []byte{0, 0xff}, Value: []byte{0xfe, 0}, Timestamp: at.Add(time.Hour), Headers: []kgo.RecordHeader{
			{Key: "dlq.headers", Value: []byte("9")}, {Key: "dlq.key", Value: []byte("x")}, {Key: "", Value: []byte{0}},
		}},
	}
	for _, r := range records {
		r.Topic = e.orders
		require.NoError(t, e.writer.ProduceSync(e.ctx, r).FirstErr())
	}
	cause := errors.Wrap(io.ErrUnexpectedEOF, "charge")
	for i := range records {
		id := strconv.Itoa(i)
		// The decoder of events refuses the header t of two of them, and need not be asked.
		require.NoError(t, e.letters.Insert(e.ctx, billing, &reflex.Event{ID: id}, cause))
	}
	got := e.list(kafkadeadletter.Filter{})
	require.Len(t, got, len(records))
	for i, letter := range got {
		want, topicID, err := e.log.Record(e.ctx, strconv.Itoa(i))
		require.NoError(t, err)
		require.Equal(t, kafkadeadletter.Key{Consumer: billing, Topic: e.orders, Offset: int64(i), TopicID: topicID}, letter.Key)
		r := letter.Record
		require.Nil(t, letter.Event)
		require.Equal(t, want.Key, r.Key)
		require.Equal(t, want.Value, r.Value)
		require.Equal(t, want.Headers, r.Headers)
		require.True(t, want.Timestamp.Equal(r.Timestamp))
		require.Equal(t, want.LeaderEpoch, r.LeaderEpoch)
		require.Equal(t, []any{want.Topic, want.Partition, want.Offset}, []any{r.Topic, r.Partition, r.Offset})
		// And it is what was written in the first place.
		require.Equal(t, records[i].Key, r.Key)
		require.Equal(t, records[i].Value, r.Value)
		require.Equal(t, records[i].Headers, r.Headers)
		require.True(t, records[i].Timestamp.Equal(r.Timestamp))

		require.Equal(t, "charge: unexpected EOF", letter.Failure.Text)
		require.Equal(t, "*errors.errorString", letter.Failure.Type)
		require.WithinDuration(t, time.Now(), letter.Time, patient)
	}
}

// letterHoldsTheEvent: retention was faster than the consumer, which has the event in hand all the same.
func letterHoldsTheEvent(t *testing.T, kafka Kafka) {
	t.Helper()
	e := newEnv(t, kafka)
	e.publish(3)
	event := e.event(1)
	var cut kadm.Offsets
	cut.AddOffset(e.orders, 0, 2, -1)
	_, err := e.admin.DeleteRecords(e.ctx, cut)
	require.NoError(t, err)
	require.NoError(t, e.letters.Insert(e.ctx, billing, event, io.EOF))
	require.NoError(t, e.letters.ErrorInsert(e.ctx, billing, "0", "EOF"))

	got := e.list(kafkadeadletter.Filter{})
	require.Len(t, got, 2)
	require.Nil(t, got[0].Record)
	require.Nil(t, got[0].Event, "nobody had it")
	require.Nil(t, got[1].Record)
	require.Equal(t, event, got[1].Event)
	require.NotEqual(t, [16]byte{}, got[1].Key.TopicID)

	// The event is replayed; of the other there is none.
	c := &consumer{name: billing}
	done, err := e.letters.Replay(e.ctx, c, kafkadeadletter.WithKeepGoing())
	require.ErrorIs(t, err, kafkadeadletter.ErrReplay)
	require.ErrorIs(t, err, kafkadeadletter.ErrNoEvent)
	require.Equal(t, []string{"1"}, c.consumed)
	require.Equal(t, 1, done.Done)
	e.requireLetters(0)
}

// oneLetter: written again, a letter replaces itself. Other consumers have their own.
func oneLetter(t *testing.T, kafka Kafka) {
	t.Helper()
	e := newEnv(t, kafka)
	e.publish(1)
	for range 3 {
		e.insert(0)
	}
	require.NoError(t, e.letters.ErrorInsert(e.ctx, "shipping", "0", "no address"))
	require.NoError(t, e.letters.ErrorInsert(e.ctx, billing, "0", "the last"))
	got := e.list(kafkadeadletter.Filter{})
	require.Len(t, got, 2)
	require.Equal(t, []string{billing, "shipping"}, []string{got[0].Key.Consumer, got[1].Key.Consumer})
	require.Equal(t, "the last", got[0].Failure.Text)

	counts, err := e.store.Count(e.ctx)
	require.NoError(t, err)
	require.Equal(t, map[string]int{billing: 1, "shipping": 1}, counts)
}

// crashBeforeTheCursor: the letter is acknowledged, and the process dies before the cursor is set. The next run gets the
// event again, and so does the store.
func crashBeforeTheCursor(t *testing.T, kafka Kafka) {
	t.Helper()
	e := newEnv(t, kafka)
	e.publish(3)
	store := &lossyCursors{}
	var consumed []string
	run := func() error {
		c := reflex.NewConsumer(billing, func(_ context.Context, event *reflex.Event) error {
			if event.ID == "1" {
				return io.EOF
			}
			consumed = append(consumed, event.ID)
			return nil
		}, reflex.WithRecoverFunction(func(ctx context.Context, event *reflex.Event, c reflex.Consumer, err error) error {
			return e.letters.Insert(ctx, c.Name(), event, err)
		}))
		return reflex.Run(e.ctx, reflex.NewSpec(e.log.Stream, store, c, reflex.WithStreamToHead()))
	}
	store.dieAt = "1"
	require.ErrorIs(t, run(), errDied)
	e.requireLetters(1)
	store.dieAt = ""
	require.True(t, reflex.IsHeadReachedErr(run()))
	require.Equal(t, []string{"0", "2"}, consumed)
	e.requireLetters(1)
}

var errDied = errors.New("process died")

// lossyCursors is a store of one cursor that dies instead of setting a certain one.
type lossyCursors struct{ cursor, dieAt string }

func (s *lossyCursors) GetCursor(context.Context, string) (string, error) { return s.cursor, nil }
func (s *lossyCursors) Flush(context.Context) error                       { return nil }
func (s *lossyCursors) SetCursor(_ context.Context, _, cursor string) error {
	if cursor == s.dieAt {
		return errDied
	}
	s.cursor = cursor
	return nil
}

// topicCreatedAgain: the topic of events was deleted and created again, and other events have the offsets. Their letters must
// not replace those of the events before.
func topicCreatedAgain(t *testing.T, kafka Kafka) {
	t.Helper()
	e := newEnv(t, kafka)
	e.publish(2)
	e.insert(1, 0)
	_, err := e.admin.DeleteTopic(e.ctx, e.orders)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := e.admin.CreateTopic(e.ctx, 1, -1, nil, e.orders)
		return err == nil
	}, patient, 50*time.Millisecond)
	e.writer = e.client(kgo.DefaultProduceTopic(e.orders))
	e.log = kafkastream.NewPartition(kafka.Opts, e.orders, 0)
	e.letters = e.store.For(e.log)
	require.Eventually(t, func() bool { _, err := e.log.Offsets(e.ctx); return err == nil }, patient, 50*time.Millisecond)
	require.NoError(t, e.writer.ProduceSync(e.ctx, &kgo.Record{Value: []byte("other 0")}, &kgo.Record{Value: []byte("other 1")}).FirstErr())
	e.insert(0, 1)

	var values []string
	for _, letter := range e.list(kafkadeadletter.Filter{}) {
		values = append(values, string(letter.Record.Value))
	}
	require.Equal(t, []string{"0", "1", "other 0", "other 1"}, values)

	var replayed []string
	c := reflex.NewConsumer(billing, func(_ context.Context, event *reflex.Event) error {
		replayed = append(replayed, event.ID+" "+string(event.MetaData))
		return nil
	})
	_, err = e.letters.Replay(e.ctx, c)
	require.NoError(t, err)
	require.Equal(t, []string{"0 0", "1 1", "0 other 0", "1 other 1"}, replayed)
	e.requireLetters()
}

func listing(t *testing.T, kafka Kafka) {
	t.Helper()
	e := newEnv(t, kafka)
	e.requireLetters()
	e.publish(12)
	e.insert(11, 3, 2, 10, 7)
	e.requireLetters(2, 3, 7, 10, 11)
	require.NoError(t, e.letters.ErrorInsert(e.ctx, "a first", "5", "no"))
	e.requireLetters(5, 2, 3, 7, 10, 11)

	for name, c := range map[string]struct {
		filter kafkadeadletter.Filter
		want   []int64
	}{
		"consumer":        {kafkadeadletter.Filter{Consumer: "a first"}, []int64{5}},
		"no such":         {kafkadeadletter.Filter{Consumer: "nobody"}, nil},
		"topic":           {kafkadeadletter.Filter{Topic: e.orders, Consumer: billing}, []int64{2, 3, 7, 10, 11}},
		"other topic":     {kafkadeadletter.Filter{Topic: "nowhere"}, nil},
		"partition":       {kafkadeadletter.Filter{Partitions: []int32{3, 0}, Consumer: "a first"}, []int64{5}},
		"other partition": {kafkadeadletter.Filter{Partitions: []int32{1}}, nil},
		"range":           {kafkadeadletter.Filter{Consumer: billing, From: 3, Until: 11}, []int64{3, 7, 10}},
		"limit":           {kafkadeadletter.Filter{Consumer: billing, From: 3, Limit: 2}, []int64{3, 7}},
	} {
		var got []int64
		for _, letter := range e.list(c.filter) {
			got = append(got, letter.Key.Offset)
		}
		require.Equal(t, c.want, got, name)
	}
	letter, ok, err := e.store.Get(e.ctx, e.key(7))
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, "7", string(letter.Record.Value))
	require.Equal(t, "poison 7", letter.Failure.Text)
}

func discarding(t *testing.T, kafka Kafka) {
	t.Helper()
	e := newEnv(t, kafka)
	e.publish(3)
	e.insert(0, 1, 2)
	first, second := e.key(0), e.key(1)
	require.NoError(t, e.store.Discard(e.ctx, first, second))
	require.NoError(t, e.store.Discard(e.ctx, first), "it isn't there any more")
	require.NoError(t, e.store.Discard(e.ctx))
	e.requireLetters(2)
	_, ok, err := e.store.Get(e.ctx, first)
	require.NoError(t, err)
	require.False(t, ok)
	require.ErrorIs(t, e.store.Discard(e.ctx, kafkadeadletter.Key{}), kafkadeadletter.ErrBadName)

	e.insert(0)
	e.requireLetters(0, 2)
}

func replayInOrder(t *testing.T, kafka Kafka) {
	t.Helper()
	e := newEnv(t, kafka)
	e.publish(12)
	e.insert(11, 3, 2, 10, 7)
	require.NoError(t, e.letters.ErrorInsert(e.ctx, "shipping", "5", "no"))
	want := e.event(2)

	var first *reflex.Event
	noting := &consumer{name: billing}
	done, err := e.letters.Replay(e.ctx, reflex.NewConsumer(billing, func(ctx context.Context, event *reflex.Event) error {
		if first == nil {
			first = event
		}
		return noting.Consume(ctx, event)
	}), kafkadeadletter.WithLimit(3))
	require.NoError(t, err)
	require.Equal(t, kafkadeadletter.Replayed{Done: 3}, done)
	require.Equal(t, []string{"2", "3", "7"}, noting.consumed)
	require.Equal(t, want, first, "the event is what the stream delivered")
	e.requireLetters(10, 11, 5)

	done, err = e.letters.Replay(e.ctx, noting, kafkadeadletter.WithOffsets(11, 12))
	require.NoError(t, err)
	require.Equal(t, 1, done.Done)
	require.Equal(t, []string{"2", "3", "7", "11"}, noting.consumed)
	e.requireLetters(10, 5)

	other := &consumer{name: "shipping, mended"}
	done, err = e.letters.Replay(e.ctx, other, kafkadeadletter.WithLettersOf("shipping"))
	require.NoError(t, err)
	require.Equal(t, 1, done.Done)
	require.Equal(t, []string{"5"}, other.consumed)
	e.requireLetters(10)

	done, err = e.letters.Replay(e.ctx, other)
	require.NoError(t, err)
	require.Equal(t, kafkadeadletter.Replayed{}, done)
}

func replayStops(t *testing.T, kafka Kafka) {
	t.Helper()
	e := newEnv(t, kafka)
	e.publish(4)
	e.insert(0, 1, 2, 3)
	c := &consumer{name: billing, failAt: map[string]error{"1": io.EOF}}
	done, err := e.letters.Replay(e.ctx, c)
	require.ErrorIs(t, err, kafkadeadletter.ErrReplay)
	require.ErrorIs(t, err, io.EOF)
	require.ErrorContains(t, err, "1 that failed, 1 that were consumed, and 2 not tried")
	require.Equal(t, []string{"0"}, c.consumed)
	require.Len(t, done.Failed, 1)
	require.Equal(t, int64(1), done.Failed[0].Key.Offset)
	require.ErrorIs(t, done.Failed[0].Err, io.EOF)
	require.Equal(t, []int{1, 2}, []int{done.Done, done.Left})
	e.requireLetters(1, 2, 3)

	panicking := reflex.NewConsumer(billing, func(context.Context, *reflex.Event) error { panic("oh") })
	_, err = e.letters.Replay(e.ctx, panicking)
	var panicked *reflex.PanicError
	require.ErrorAs(t, err, &panicked)
	e.requireLetters(1, 2, 3)

	c.failAt = nil
	done, err = e.letters.Replay(e.ctx, c)
	require.NoError(t, err)
	require.Equal(t, kafkadeadletter.Replayed{Done: 3}, done)
	require.Equal(t, []string{"0", "1", "2", "3"}, c.consumed)
	require.Equal(t, int32(2), c.resets.Load())
	e.requireLetters()
}

func replayKeepsGoing(t *testing.T, kafka Kafka) {
	t.Helper()
	e := newEnv(t, kafka)
	e.publish(4)
	e.insert(0, 1, 2, 3)
	// The second looks like the end of the stream, and the third like that of a context.
	c := &consumer{name: billing, failAt: map[string]error{"1": reflex.ErrHeadReached, "2": context.DeadlineExceeded}}
	done, err := e.letters.Replay(e.ctx, c, kafkadeadletter.WithKeepGoing())
	require.ErrorIs(t, err, kafkadeadletter.ErrReplay)
	require.ErrorIs(t, err, reflex.ErrHeadReached)
	require.Equal(t, []string{"0", "3"}, c.consumed)
	require.Equal(t, []int{2, 0}, []int{done.Done, done.Left})
	require.Len(t, done.Failed, 2)
	require.ErrorIs(t, done.Failed[1].Err, context.DeadlineExceeded)
	e.requireLetters(1, 2)
}

// replayWrittenAgain: the consumer is one that dead-letters, so it takes its failure for a success. If Replay did as well, the
// event would be lost.
func replayWrittenAgain(t *testing.T, kafka Kafka) {
	t.Helper()
	e := newEnv(t, kafka)
	e.publish(2)
	e.insert(0, 1)
	c := reflex.NewConsumer(billing, func(ctx context.Context, event *reflex.Event) error {
		return e.letters.Insert(ctx, billing, event, fmt.Errorf("still %s", event.ID))
	})
	done, err := e.letters.Replay(e.ctx, c, kafkadeadletter.WithKeepGoing())
	require.ErrorIs(t, err, kafkadeadletter.ErrWrittenAgain)
	require.Equal(t, 0, done.Done)
	require.Len(t, done.Failed, 2)
	e.requireLetters(0, 1)
	require.Equal(t, "still 1", e.list(kafkadeadletter.Filter{})[1].Failure.Text)
}

// replayBesideTheConsumer: while one letter is replayed, the consumer writes others, and an operator discards one.
func replayBesideTheConsumer(t *testing.T, kafka Kafka) {
	t.Helper()
	e := newEnv(t, kafka)
	e.publish(6)
	e.insert(1, 2, 3)
	discarded := e.key(2)
	var consumed []string
	c := reflex.NewConsumer(billing, func(ctx context.Context, event *reflex.Event) error {
		consumed = append(consumed, event.ID)
		if event.ID != "1" {
			return nil
		}
		for _, id := range []string{"0", "4", "3"} {
			if err := e.letters.ErrorInsert(ctx, billing, id, "later"); err != nil {
				return err
			}
		}
		return e.store.Discard(ctx, discarded)
	})
	done, err := e.letters.Replay(e.ctx, c)
	require.NoError(t, err)
	require.Equal(t, []string{"1", "3"}, consumed)
	require.Equal(t, kafkadeadletter.Replayed{Done: 2}, done)
	e.requireLetters(0, 4)
}

func replayCancelled(t *testing.T, kafka Kafka) {
	t.Helper()
	e := newEnv(t, kafka)
	e.publish(3)
	e.insert(0, 1, 2)
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	c := reflex.NewConsumer(billing, func(ctx context.Context, event *reflex.Event) error {
		if event.ID == "1" {
			cancel()
			return ctx.Err()
		}
		return nil
	})
	done, err := e.letters.Replay(ctx, c, kafkadeadletter.WithKeepGoing())
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, kafkadeadletter.ErrReplay, "no letter is to blame")
	require.Equal(t, 1, done.Done)
	require.Empty(t, done.Failed)
	e.requireLetters(1, 2)
}

// tooLarge: an event that its topic took makes a letter that the topic of letters doesn't.
func tooLarge(t *testing.T, kafka Kafka) {
	t.Helper()
	const limit = 4096
	e := newEnv(t, kafka, kafkadeadletter.WithMaxLetterBytes(limit))
	require.NoError(t, e.writer.ProduceSync(e.ctx, &kgo.Record{Value: make([]byte, limit)}, &kgo.Record{Value: make([]byte, 100)}).FirstErr())
	err := e.letters.ErrorInsert(e.ctx, billing, "0", "no")
	require.ErrorIs(t, err, kafkadeadletter.ErrTooLarge)
	require.ErrorContains(t, err, "max.message.bytes=4096")
	require.ErrorContains(t, err, "to 1048576 or more")
	require.True(t, kafkadeadletter.IsPermanent(err))
	require.NoError(t, e.letters.ErrorInsert(e.ctx, billing, "1", "no"), "the others pass")
	e.requireLetters(1)

	_, err = e.admin.AlterTopicConfigs(e.ctx, []kadm.AlterConfig{{Name: "max.message.bytes", Value: kadm.StringPtr("1048576")}}, e.topic)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		err = e.open(e.topic).For(e.log).ErrorInsert(e.ctx, billing, "0", "no")
		return err == nil
	}, patient, 50*time.Millisecond, "%v", err)
	e.requireLetters(0, 1)
}

// largeLetter: the event is as large as its topic takes, which is more than topics take by default, and its letter is larger.
func largeLetter(t *testing.T, kafka Kafka) {
	t.Helper()
	const large = 5 << 20
	e := newEnv(t, kafka)
	_, err := e.admin.AlterTopicConfigs(e.ctx, []kadm.AlterConfig{{Name: "max.message.bytes", Value: kadm.StringPtr(strconv.Itoa(large))}}, e.orders)
	require.NoError(t, err)
	writer := e.client(kgo.DefaultProduceTopic(e.orders), kgo.ProducerBatchMaxBytes(large), kgo.ProducerBatchCompression(kgo.NoCompression()))
	value := make([]byte, large-1000)
	require.Eventually(t, func() bool {
		return writer.ProduceSync(e.ctx, &kgo.Record{Value: value}).FirstErr() == nil
	}, patient, 50*time.Millisecond)
	e.publish(1)
	cause := errors.New(strings.Repeat("no ", 10_000))
	require.NoError(t, e.letters.Insert(e.ctx, billing, e.event(0), cause))
	e.insert(1)
	letters := e.list(kafkadeadletter.Filter{})
	require.Len(t, letters, 2)
	require.True(t, bytes.Equal(value, letters[0].Record.Value))
	require.Equal(t, cause.Error(), letters[0].Failure.Text)
	c := &consumer{name: billing}
	_, err = e.letters.Replay(e.ctx, c)
	require.NoError(t, err)
	require.Equal(t, []string{"0", "1"}, c.consumed)
}

func createdTopic(t *testing.T, kafka Kafka) {
	t.Helper()
	e := newEnv(t, kafka)
	configs, err := e.admin.DescribeTopicConfigs(e.ctx, e.topic)
	require.NoError(t, err)
	config, err := configs.On(e.topic, nil)
	require.NoError(t, err)
	set := make(map[string]string)
	for _, c := range config.Configs {
		set[c.Key] = c.MaybeValue()
	}
	require.Equal(t, "compact", set["cleanup.policy"])
	require.Equal(t, "10485760", set["max.message.bytes"])
	e.open(e.topic)
	e.open(e.topic, kafkadeadletter.WithoutCreate(), kafkadeadletter.WithoutTopicValidation())
	_, err = kafkadeadletter.Open(e.ctx, kafka.Opts, kafka.Name(t), kafkadeadletter.WithoutCreate())
	require.ErrorIs(t, err, kafkadeadletter.ErrUnknownTopic)
}

func refusedTopic(t *testing.T, kafka Kafka) {
	t.Helper()
	e := newEnv(t, kafka)
	for policy, ok := range map[string]bool{"delete": false, "compact,delete": false, "compact": true} {
		topic := kafka.Name(t)
		e.create(topic, 1, map[string]string{"cleanup.policy": policy})
		store, err := kafkadeadletter.Open(e.ctx, kafka.Opts, topic)
		if ok {
			require.NoError(t, err)
			require.NoError(t, store.Close())
			continue
		}
		require.ErrorIs(t, err, kafkadeadletter.ErrTopicConfig)
		require.ErrorContains(t, err, "asked for cleanup.policy=compact: found cleanup.policy="+policy)
	}
	topic := kafka.Name(t)
	e.create(topic, 2, map[string]string{"cleanup.policy": "compact"})
	_, err := kafkadeadletter.Open(e.ctx, kafka.Opts, topic)
	require.ErrorIs(t, err, kafkadeadletter.ErrPartitionCount)
	require.ErrorContains(t, err, "found 2")
}

// openTransaction: somebody else's transaction hangs in the topic, and behind it a letter was acknowledged. Up to the last stable
// offset there is none: whoever read only as far would say so.
func openTransaction(t *testing.T, kafka Kafka) {
	t.Helper()
	e := newEnv(t, kafka)
	e.publish(2)
	e.insert(0)
	hanging := e.client(kgo.TransactionalID(e.topic), kgo.TransactionTimeout(patient))
	require.NoError(t, hanging.BeginTransaction())
	require.NoError(t, hanging.ProduceSync(e.ctx, &kgo.Record{Topic: e.topic, Key: []byte("x"), Value: []byte("y")}).FirstErr())
	e.insert(1)

	hasty := e.open(e.topic, kafkadeadletter.WithTimeout(time.Second))
	_, err := hasty.List(e.ctx, kafkadeadletter.Filter{})
	require.ErrorIs(t, err, kafkadeadletter.ErrOpenTransaction)
	require.ErrorContains(t, err, "last stable offset 1 < high watermark 3")
	require.False(t, kafkadeadletter.IsPermanent(err))

	done := make(chan error, 1)
	go func() { done <- hanging.EndTransaction(e.ctx, kgo.TryAbort) }()
	e.requireLetters(0, 1)
	require.NoError(t, <-done)
}

func strangeRecords(t *testing.T, kafka Kafka) {
	t.Helper()
	e := newEnv(t, kafka)
	e.publish(2)
	e.insert(0, 1)
	key := e.key(0)
	stranger := e.client(kgo.DefaultProduceTopic(e.topic))
	require.NoError(t, stranger.ProduceSync(e.ctx,
		&kgo.Record{Key: []byte("x"), Value: []byte("y")},
		&kgo.Record{Key: []byte("gone")},
		&kgo.Record{Key: []byte(key.String()), Value: []byte("not a letter")},
	).FirstErr())

	got, err := e.store.List(e.ctx, kafkadeadletter.Filter{})
	require.NoError(t, err)
	require.Len(t, got, 3)
	require.ErrorIs(t, got[0].Err, kafkadeadletter.ErrCorruptLetter)
	require.Equal(t, key, got[0].Key)
	require.NoError(t, got[1].Err)
	require.ErrorIs(t, got[2].Err, kafkadeadletter.ErrCorruptLetter)
	require.ErrorIs(t, got[2].Err, kafkadeadletter.ErrBadKey)
	require.Len(t, e.list(kafkadeadletter.Filter{Consumer: billing, From: 1}), 1)

	c := &consumer{name: billing}
	done, err := e.letters.Replay(e.ctx, c)
	require.ErrorIs(t, err, kafkadeadletter.ErrCorruptLetter)
	require.Equal(t, key, done.Failed[0].Key)
	require.Equal(t, 1, done.Left)
	_, err = e.letters.Replay(e.ctx, c, kafkadeadletter.WithKeepGoing())
	require.ErrorIs(t, err, kafkadeadletter.ErrCorruptLetter)
	require.Equal(t, []string{"1"}, c.consumed)
	require.NoError(t, e.store.Discard(e.ctx, key))
	require.Empty(t, e.list(kafkadeadletter.Filter{Consumer: billing}))
}

func closed(t *testing.T, kafka Kafka) {
	t.Helper()
	e := newEnv(t, kafka)
	e.publish(1)
	require.NoError(t, e.store.Close())
	require.NoError(t, e.store.Close())
	_, err := e.store.List(e.ctx, kafkadeadletter.Filter{})
	require.ErrorIs(t, err, kafkadeadletter.ErrClosed)
	_, _, err = e.store.Get(e.ctx, kafkadeadletter.Key{Consumer: billing, Topic: e.orders})
	require.ErrorIs(t, err, kafkadeadletter.ErrClosed)
	_, err = e.store.Count(e.ctx)
	require.ErrorIs(t, err, kafkadeadletter.ErrClosed)
	require.ErrorIs(t, e.letters.ErrorInsert(e.ctx, billing, "0", "no"), kafkadeadletter.ErrClosed)
	require.ErrorIs(t, e.store.Discard(e.ctx, kafkadeadletter.Key{Consumer: billing, Topic: e.orders}), kafkadeadletter.ErrClosed)
	_, err = e.letters.Replay(e.ctx, &consumer{name: billing})
	require.ErrorIs(t, err, kafkadeadletter.ErrClosed)
}
