package partition

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/kreflex/kreflex/kafkatest"
)

// requireFault returns the fault that err must be.
func requireFault(t *testing.T, err error, kind Kind) *Fault {
	t.Helper()
	var fault *Fault
	require.ErrorAs(t, err, &fault)
	require.Equal(t, kind, fault.Kind, "%v", fault)
	return fault
}

// failure fetches until there is an error.
func (e *env) failure(r *Reader) error {
	e.Helper()
	for {
		if _, err := r.Fetch(e.ctx); err != nil {
			return err
		}
	}
}

func TestFaultsThatPassAreRetried(t *testing.T) {
	for _, code := range []*kerr.Error{
		kerr.NotLeaderForPartition, kerr.FencedLeaderEpoch, kerr.UnknownLeaderEpoch, kerr.KafkaStorageError,
		kerr.ReplicaNotAvailable, kerr.LeaderNotAvailable, kerr.OffsetNotAvailable, kerr.UnknownServerError,
		kerr.UnknownTopicOrPartition, kerr.UnknownTopicID, kerr.CorruptMessage, kerr.RequestTimedOut,
	} {
		t.Run(code.Message, func(t *testing.T) {
			e := newEnv(t)
			e.produce("a", "b")
			r := e.reader(0, Config{})
			count := 4
			if code == kerr.CorruptMessage {
				count = sameAnswers - 1
			}
			fault := e.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: topic, Err: code, Count: count})
			require.Equal(t, []string{"a", "b"}, e.read(r, 2))
			require.Equal(t, count, fault.Hits())
		})
	}
}

func TestFaultsWhileTheLeaderIsLookedFor(t *testing.T) {
	for name, fault := range map[string]kfake.Fault{
		"metadata":     {Keys: []kmsg.Key{kmsg.Metadata}, Topic: topic, Err: kerr.LeaderNotAvailable, Count: 3},
		"new topic":    {Keys: []kmsg.Key{kmsg.Metadata}, Topic: topic, Err: kerr.UnknownTopicOrPartition, Count: 2},
		"offsets":      {Keys: []kmsg.Key{kmsg.ListOffsets}, Topic: topic, Err: kerr.OffsetNotAvailable, Count: 3},
		"moved leader": {Keys: []kmsg.Key{kmsg.ListOffsets}, Topic: topic, Err: kerr.NotLeaderForPartition, Count: 3},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			e.produce("a")
			installed := e.broker.Cluster().Fault(fault)
			require.Equal(t, int64(1), e.describe().HighWatermark)
			require.Equal(t, fault.Count, installed.Hits())
		})
	}
}

func TestPermanentFaultsAtTheFirstLook(t *testing.T) {
	t.Run("unknown topic", func(t *testing.T) {
		e := newEnv(t, kafkatest.WithKfake(kfake.AllowAutoTopicCreation()))
		began := time.Now()
		_, err := Describe(e.ctx, e.cl, "nothing", 0)
		requireFault(t, err, UnknownTopic)
		require.Less(t, time.Since(began), 2*time.Second)
		require.Nil(t, e.broker.Cluster().TopicInfo("nothing"), "asking must not create it")
	})
	t.Run("impossible topic", func(t *testing.T) {
		e := newEnv(t)
		e.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: topic, Err: kerr.InvalidTopicException, Count: -1})
		_, err := Describe(e.ctx, e.cl, topic, 0)
		requireFault(t, err, UnknownTopic)
	})
	t.Run("unknown partition", func(t *testing.T) {
		e := newEnv(t)
		_, err := Describe(e.ctx, e.cl, topic, 7)
		require.Equal(t, 1, requireFault(t, err, UnknownPartition).Partitions)
	})
	t.Run("not allowed to see it", func(t *testing.T) {
		e := newEnv(t)
		e.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: topic, Err: kerr.TopicAuthorizationFailed, Count: -1})
		_, err := Describe(e.ctx, e.cl, topic, 0)
		require.ErrorIs(t, requireFault(t, err, Unauthorised), kerr.TopicAuthorizationFailed)
	})
	t.Run("not allowed to read it", func(t *testing.T) {
		e := newEnv(t)
		r := e.reader(0, Config{})
		e.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: topic, Err: kerr.TopicAuthorizationFailed, Count: -1})
		requireFault(t, e.failure(r), Unauthorised)
	})
}

func TestRetriesEndWithTheirContextAndSayWhy(t *testing.T) {
	e := newEnv(t)
	r := e.reader(0, Config{})
	stuck := e.broker.Cluster().Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Metadata, kmsg.Fetch}, Topic: topic, Err: kerr.LeaderNotAvailable, Count: -1,
	})
	for name, call := range map[string]func(context.Context) error{
		"Describe": func(ctx context.Context) error { _, err := Describe(ctx, e.cl, topic, 0); return err },
		"Fetch":    func(ctx context.Context) error { _, err := r.Fetch(ctx); return err },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(e.ctx)
			go func() {
				_ = stuck.Wait(ctx, stuck.Hits()+3)
				cancel()
			}()
			err := call(ctx)
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, err, kerr.LeaderNotAvailable)
			var gaveUp *GaveUp
			require.ErrorAs(t, err, &gaveUp)
			cancel()
		})
	}
}

func TestALongPollEndsWithItsContext(t *testing.T) {
	e := newEnv(t)
	r := e.reader(0, Config{MaxWait: time.Minute})
	fetching := e.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Observe: true, Count: -1})
	ctx, cancel := context.WithCancel(e.ctx)
	go func() {
		_ = fetching.Wait(e.ctx, 1)
		cancel()
	}()
	began := time.Now()
	_, err := r.Fetch(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, time.Since(began), 2*time.Second)

	// Another context, another try: a reader survives a cancelled call.
	e.produce("a")
	require.Equal(t, []string{"a"}, e.read(r, 1))
}

func TestLeaderMoves(t *testing.T) {
	e := newEnv(t, kafkatest.WithBrokers(3))
	r := e.reader(0, Config{MaxWait: time.Second})
	for i := range int32(9) {
		require.NoError(t, e.broker.Cluster().MoveTopicPartition(topic, 0, i%3))
		e.produce(string('a' + i))
		require.Equal(t, []string{string('a' + i)}, e.read(r, 1))
	}
}

func TestLeaderMovesInTheMiddleOfALongPoll(t *testing.T) {
	e := newEnv(t, kafkatest.WithBrokers(2))
	leader := e.broker.Cluster().LeaderFor(topic, 0)
	r := e.reader(0, Config{MaxWait: 100 * time.Millisecond})
	fetching := e.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Observe: true, Count: -1})
	moved := make(chan error, 1)
	go func() {
		_ = fetching.Wait(e.ctx, 1)
		moved <- e.broker.Cluster().MoveTopicPartition(topic, 0, 1-leader)
	}()
	_, err := r.Fetch(e.ctx)
	require.NoError(t, err)
	require.NoError(t, <-moved)
	e.produce("a")
	require.Equal(t, []string{"a"}, e.read(r, 1))
}

func TestNodesComeAndGo(t *testing.T) {
	e := newEnv(t, kafkatest.WithBrokers(2))
	cluster := e.broker.Cluster()
	e.produce("a")
	r := e.reader(0, Config{})
	require.Equal(t, []string{"a"}, e.read(r, 1))

	leader := cluster.LeaderFor(topic, 0)
	node, _, err := cluster.AddNode(-1, 0)
	require.NoError(t, err)
	require.NoError(t, cluster.MoveTopicPartition(topic, 0, node))
	require.NoError(t, cluster.RemoveNode(leader))
	e.produce("b")
	require.Equal(t, []string{"b"}, e.read(r, 1))
}

func TestRetentionPassesAReader(t *testing.T) {
	e := newEnv(t)
	e.produceN(10)
	r := e.reader(2, Config{})
	require.NoError(t, e.broker.Cluster().DeleteRecords(topic, 0, 7))
	fault := requireFault(t, e.failure(r), Expired)
	require.Equal(t, []int64{2, 7, 10}, []int64{fault.Position, fault.Start, fault.End})
	require.ErrorIs(t, fault, kerr.OffsetOutOfRange)
}

// The broker calls a position that is in the log out of range, as one does that
// isn't the leader any more. The leader's word counts.
func TestOutOfRangeIsNotBelievedWithoutAskingForTheRange(t *testing.T) {
	e := newEnv(t)
	e.produce("a")
	r := e.reader(0, Config{})
	lie := e.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: topic, Err: kerr.OffsetOutOfRange, Count: 3})
	require.Equal(t, []string{"a"}, e.read(r, 1))
	require.Equal(t, 3, lie.Hits())
}

func TestPositionBeyondTheEnd(t *testing.T) {
	e := newEnv(t)
	e.produceN(3)
	fault := requireFault(t, e.failure(e.reader(9, Config{})), BeyondEnd)
	require.Equal(t, []int64{9, 0, 3}, []int64{fault.Position, fault.Start, fault.End})
	requireFault(t, VerifyRange(e.describe(), 4), BeyondEnd)
	require.NoError(t, VerifyRange(e.describe(), 3))
}

func TestTopicDisappears(t *testing.T) {
	e := newEnv(t)
	e.produce("a")
	r := e.reader(0, Config{})
	require.Equal(t, []string{"a"}, e.read(r, 1))
	r.patience = 300 * time.Millisecond
	require.NoError(t, e.broker.Cluster().DeleteTopic(topic))
	began := time.Now()
	fault := requireFault(t, e.failure(r), UnknownTopic)
	require.Equal(t, int64(1), fault.Position)
	require.GreaterOrEqual(t, time.Since(began), r.patience)
}

func TestTopicIsDeletedAndCreatedAgain(t *testing.T) {
	e := newEnv(t)
	e.produce("a")
	r := e.reader(0, Config{})
	require.Equal(t, []string{"a"}, e.read(r, 1))
	was := e.broker.Cluster().TopicInfo(topic).TopicID
	require.NoError(t, e.broker.Cluster().DeleteTopic(topic))
	require.NoError(t, e.broker.CreateTopic(topic, 1, nil))
	e.cl = newClient(t, e.broker.Opts()...) // kgo doesn't adopt the new topic
	e.produce("other", "other", "other")
	began := time.Now()
	fault := requireFault(t, e.failure(r), Recreated)
	require.Less(t, time.Since(began), missingWhileOpen/2)
	require.Equal(t, [2][16]byte{was, e.broker.Cluster().TopicInfo(topic).TopicID}, [2][16]byte{fault.WasID, fault.IsID})
}

// answerEpochEnd makes the cluster say that every epoch ended at an offset.
func (e *env) answerEpochEnd(epoch int32, end int64) {
	cluster := e.broker.Cluster()
	cluster.ControlKey(int16(kmsg.OffsetForLeaderEpoch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		resp := req.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
		for _, t := range req.(*kmsg.OffsetForLeaderEpochRequest).Topics {
			rt := kmsg.NewOffsetForLeaderEpochResponseTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rp := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
				rp.Partition, rp.LeaderEpoch, rp.EndOffset = p.Partition, epoch, end
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp, nil, true
	})
}

// An unclean election: the new leader lacks the last records that were read, and
// has others at their offsets. The range of the log shows nothing.
func TestLogIsTruncatedByANewLeader(t *testing.T) {
	e := newEnv(t, kafkatest.WithBrokers(2))
	e.produceN(5)
	r := e.reader(0, Config{})
	e.read(r, 5)
	leader := e.broker.Cluster().LeaderFor(topic, 0)
	e.answerEpochEnd(0, 3)
	require.NoError(t, e.broker.Cluster().MoveTopicPartition(topic, 0, 1-leader))
	e.produceN(10)
	fault := requireFault(t, e.failure(r), Truncated)
	require.Equal(t, []int64{5, 3}, []int64{fault.Position, fault.End})
}

func TestVerifyEpoch(t *testing.T) {
	e := newEnv(t)
	e.produceN(5)
	log := e.describe()
	require.NoError(t, VerifyEpoch(e.ctx, e.cl, log, log.LeaderEpoch, 5))
	requireFault(t, VerifyEpoch(e.ctx, e.cl, log, log.LeaderEpoch+7, 5), Truncated) // an epoch that this log never had

	e.broker.Cluster().Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.OffsetForLeaderEpoch}, Topic: topic, Err: kerr.FencedLeaderEpoch, Count: 2,
	})
	require.NoError(t, VerifyEpoch(e.ctx, e.cl, log, log.LeaderEpoch, 5))
	e.answerEpochEnd(0, 4)
	requireFault(t, VerifyEpoch(e.ctx, e.cl, log, log.LeaderEpoch, 5), Truncated)
}

func TestBrokersThatFetchByName(t *testing.T) {
	for name, versions := range map[string]*kversion.Versions{
		"2.8": kversion.V2_8_0(), "3.0": kversion.V3_0_0(), "3.1": kversion.V3_1_0(), "3.9": kversion.V3_9_0(),
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t, kafkatest.WithKfake(kfake.MaxVersions(versions)))
			e.produce("a", "b")
			require.Equal(t, []string{"a", "b"}, e.read(e.reader(0, Config{}), 2))
		})
	}
	t.Run("without topic IDs", func(t *testing.T) {
		e := newEnv(t)
		e.produce("a", "b")
		log := e.describe()
		log.TopicID = [16]byte{}
		require.Equal(t, []string{"a", "b"}, e.read(NewReader(e.cl, log, 0, Config{}), 2))
	})
}

func TestBatchOverTheLimitOfDecompression(t *testing.T) {
	e := newEnv(t)
	rec := &kgo.Record{Topic: topic, Value: make([]byte, 1<<16)}
	require.NoError(t, e.cl.ProduceSync(e.ctx, rec).FirstErr())
	log := e.describe()
	cl := newClient(t, append(e.broker.Opts(), kgo.MaxDecompressBatchBytes(1<<10))...)
	fault := requireFault(t, e.failure(NewReader(cl, log, 0, Config{})), TooLarge)
	var tooLarge *kgo.ErrDecompressTooLarge
	require.ErrorAs(t, fault, &tooLarge)
}

func TestResponseOverTheLimitOfTheClient(t *testing.T) {
	e := newEnv(t)
	rec := &kgo.Record{Topic: topic, Value: make([]byte, 1<<16)}
	writer := newClient(t, append(e.broker.Opts(), kgo.ProducerBatchCompression(kgo.NoCompression()))...)
	require.NoError(t, writer.ProduceSync(e.ctx, rec).FirstErr())
	log := e.describe()
	cl := newClient(t, append(e.broker.Opts(), kgo.BrokerMaxReadBytes(8<<10), kgo.BrokerMaxWriteBytes(8<<10),
		kgo.FetchMaxBytes(8<<10), kgo.FetchMaxPartitionBytes(8<<10), kgo.ProducerBatchMaxBytes(1<<10))...)
	requireFault(t, e.failure(NewReader(cl, log, 0, Config{})), TooLarge)
}

func TestReaderOfAClosedClient(t *testing.T) {
	e := newEnv(t)
	cl := newClient(t, e.broker.Opts()...)
	r := NewReader(cl, e.describe(), 0, Config{MaxWait: time.Minute})
	fetching := e.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Observe: true, Count: -1})
	go func() {
		_ = fetching.Wait(e.ctx, 1)
		cl.Close()
	}()
	began := time.Now()
	requireFault(t, e.failure(r), Closed)
	require.Less(t, time.Since(began), 2*time.Second)
}

func TestFaultsSayWhatIsThere(t *testing.T) {
	log := Log{Topic: topic, Partition: 3, Start: 5, HighWatermark: 9}
	for kind := UnknownTopic; kind <= Closed; kind++ {
		text := log.fault(kind, 2, kerr.OffsetOutOfRange).Error()
		require.Contains(t, text, kind.String())
		require.Contains(t, text, "orders/3 at offset 2")
		require.Contains(t, text, "OFFSET_OUT_OF_RANGE")
	}
	require.Contains(t, log.fault(Expired, 2, nil).Error(), "from 5 to 9")
	require.NotErrorIs(t, log.fault(Expired, 2, nil), kerr.OffsetOutOfRange)
	require.Equal(t, "invalid", (Closed + 1).String())
}
