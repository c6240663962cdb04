package partition

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// transaction writes values in a transaction and ends it as asked.
func (e *env) transaction(end kgo.TransactionEndTry, values ...string) {
	e.Helper()
	writer := e.begin(values...)
	require.NoError(e, writer.EndTransaction(e.ctx, end))
}

// begin writes values in a transaction that stays open.
func (e *env) begin(values ...string) *kgo.Client {
	e.Helper()
	writer, err := kgo.NewClient(append(e.broker.Opts(), kgo.TransactionalID(e.Name()), kgo.DefaultProduceTopic(topic))...)
	require.NoError(e, err)
	e.Cleanup(writer.Close)
	require.NoError(e, writer.BeginTransaction())
	for _, value := range values {
		require.NoError(e, writer.ProduceSync(e.ctx, kgo.StringRecord(value)).FirstErr())
	}
	return writer
}

// What is at the end of a log is often nothing to deliver: markers, aborted records,
// or a gap. A reader that waits for the offset before the end would wait for ever.
func TestHeadIsFoundBehindWhatIsNotDelivered(t *testing.T) {
	for _, c := range []struct {
		name   string
		write  func(e *env)
		from   int64
		values []string
		next   int64
	}{
		{"empty log", func(*env) {}, 0, nil, 0},
		{"commit marker", func(e *env) { e.transaction(kgo.TryCommit, "a", "b") }, 0, []string{"a", "b"}, 3},
		{"behind the last record, before the marker", func(e *env) { e.transaction(kgo.TryCommit, "a", "b") }, 2, nil, 3},
		{"aborted tail", func(e *env) {
			e.transaction(kgo.TryCommit, "a")
			e.transaction(kgo.TryAbort, "b", "c")
		}, 0, []string{"a"}, 5},
		{"in the middle of the aborted tail", func(e *env) {
			e.transaction(kgo.TryCommit, "a")
			e.transaction(kgo.TryAbort, "b", "c")
		}, 3, nil, 5},
		{"all deleted", func(e *env) {
			e.produceN(3)
			require.NoError(e, e.broker.Cluster().DeleteRecords(topic, 0, 3))
		}, 3, nil, 3},
		{"open transaction", func(e *env) {
			e.produce("a")
			e.begin("b")
			e.produce("c") // not in the transaction, but behind its start
		}, 0, []string{"a"}, 1},
		{"open transaction at the start", func(e *env) { e.begin("a") }, 0, nil, 0},
		{"aborted between committed", func(e *env) {
			e.produce("a")
			e.transaction(kgo.TryAbort, "b")
			e.produce("c")
		}, 0, []string{"a", "c"}, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEnv(t)
			c.write(e)
			values, next := e.toHead(e.reader(c.from, Config{}))
			require.Equal(t, c.values, values)
			require.Equal(t, c.next, next)
		})
	}
}

func TestCompactedLog(t *testing.T) {
	e := newEnv(t)
	require.NoError(t, e.broker.CreateTopic("compacted", 1, map[string]string{"cleanup.policy": "compact"}))
	for _, key := range []string{"a", "b", "a", "c", "a", "c"} {
		rec := &kgo.Record{Topic: "compacted", Key: []byte(key), Value: []byte(key)}
		require.NoError(t, e.cl.ProduceSync(e.ctx, rec).FirstErr())
	}
	e.broker.Cluster().Compact()
	log, err := Describe(e.ctx, e.cl, "compacted", 0)
	require.NoError(t, err)
	var offsets []int64
	r := NewReader(e.cl, log, log.Start, Config{})
	for {
		answer, err := r.Fetch(e.ctx)
		require.NoError(t, err)
		if answer.AtHead() {
			require.Equal(t, int64(6), answer.Next)
			break
		}
		for _, rec := range answer.Records {
			offsets = append(offsets, rec.Offset)
		}
	}
	require.Equal(t, []int64{1, 3, 4, 5}, offsets)
}

// Some brokers drop markers and tombstones at the tail, so that nothing is stored
// between the position and the last stable offset. There is nothing to
// wait for, and the reader must say so.
func TestNothingIsLeftBelowTheLastStableOffset(t *testing.T) {
	e := newEnv(t)
	e.produceN(3)
	e.answerFetch(func(p *kmsg.FetchResponseTopicPartition) {
		p.HighWatermark, p.LastStableOffset = 5, 5
	})
	answer, err := e.reader(3, Config{}).Fetch(e.ctx)
	require.NoError(t, err)
	require.True(t, answer.Stalled)
	require.True(t, answer.AtHead())
	require.Equal(t, int64(3), answer.Next)
}

// A broker over its quota answers a fetch at once and without the partition. That
// is no word on the log.
func TestThrottledAnswerIsNotHead(t *testing.T) {
	e := newEnv(t)
	e.produce("a")
	cluster := e.broker.Cluster()
	throttled := 0
	cluster.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if throttled++; throttled == 3 {
			cluster.DropControl()
		}
		return req.ResponseKind(), nil, true
	})
	values, _ := e.toHead(e.reader(0, Config{MaxWait: 10 * time.Millisecond}))
	require.Equal(t, []string{"a"}, values)
	require.Equal(t, 3, throttled)
}

// answerFetch answers all fetches with an empty partition that fill completes.
func (e *env) answerFetch(fill func(*kmsg.FetchResponseTopicPartition)) {
	cluster := e.broker.Cluster()
	cluster.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		resp := req.ResponseKind().(*kmsg.FetchResponse)
		for _, t := range req.(*kmsg.FetchRequest).Topics {
			rt := kmsg.NewFetchResponseTopic()
			rt.Topic, rt.TopicID = t.Topic, t.TopicID
			rp := kmsg.NewFetchResponseTopicPartition()
			rp.Partition = t.Partitions[0].Partition
			rp.LogStartOffset = 0
			fill(&rp)
			rt.Partitions = append(rt.Partitions, rp)
			resp.Topics = append(resp.Topics, rt)
		}
		return resp, nil, true
	})
}
