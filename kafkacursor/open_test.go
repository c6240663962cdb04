package kafkacursor_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
)

func TestOpenCreatesTheTopicForCursors(t *testing.T) {
	e := newEnv(t)
	e.open(kafkacursor.WithPartitions(3))
	info := e.broker.Cluster().TopicInfo(cursors)
	require.Equal(t, "compact", *info.Configs["cleanup.policy"])
	require.Equal(t, "604800000", *info.Configs["delete.retention.ms"])
	require.NotNil(t, e.broker.Cluster().PartitionInfo(cursors, 2))
	require.Nil(t, e.broker.Cluster().PartitionInfo(cursors, 3))

	e.open(kafkacursor.WithPartitions(3))
	e.open(kafkacursor.WithPartitions(3), kafkacursor.WithoutCreate())
}

// A topic that was created by hand, or by a broker that creates what is asked for,
// has cleanup.policy delete: the cursor of a consumer that is idle for a week is gone, and
// it begins at the start.
func TestOpenRefusesATopicThatLosesCursors(t *testing.T) {
	for name, policy := range map[string]string{"default": "", "delete": "delete", "both": "compact,delete"} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			var configs map[string]string
			if policy != "" {
				configs = map[string]string{"cleanup.policy": policy}
			}
			require.NoError(t, e.broker.CreateTopic(cursors, 1, configs))
			before := *e.broker.Cluster().TopicInfo(cursors)
			_, err := kafkacursor.Open(e.ctx, e.broker.Opts(), cursors)
			requireErrorHas(t, err, kafkacursor.ErrTopicConfig, "cleanup.policy=compact", "delete", "exactly compact")
			require.Equal(t, before.Configs, e.broker.Cluster().TopicInfo(cursors).Configs)

			e.open(kafkacursor.WithoutTopicValidation())
		})
	}
}

func TestOpenRefusesAnotherNumberOfPartitions(t *testing.T) {
	e := newEnv(t)
	e.open(kafkacursor.WithPartitions(3))
	_, err := kafkacursor.Open(e.ctx, e.broker.Opts(), cursors)
	requireErrorHas(t, err, kafkacursor.ErrPartitionCount, "asked for 1 partitions", "found 3", "WithPartitions(3)")
	require.True(t, kafkacursor.IsPermanent(err))
}

func TestOpenWithoutCreateCreatesNothing(t *testing.T) {
	e := newEnv(t)
	_, err := kafkacursor.Open(e.ctx, e.broker.Opts(), cursors, kafkacursor.WithoutCreate())
	requireErrorHas(t, err, kafkacursor.ErrUnknownTopic, cursors)
	require.Nil(t, e.broker.Cluster().TopicInfo(cursors))
}

func TestOpenSaysWhyTheTopicCouldNotBeCreated(t *testing.T) {
	e := newEnv(t)
	fault := e.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.CreateTopics}, Err: kerr.InvalidReplicationFactor, Count: -1})
	_, err := kafkacursor.Open(e.ctx, e.broker.Opts(), cursors, kafkacursor.WithReplicationFactor(5))
	requireErrorHas(t, err, kafkacursor.ErrTopicConfig, "replication factor 5", "WithReplicationFactor")
	require.ErrorIs(t, err, kerr.InvalidReplicationFactor)
	fault.Remove()

	fault = e.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.CreateTopics}, Err: kerr.TopicAuthorizationFailed, Count: -1})
	_, err = kafkacursor.Open(e.ctx, e.broker.Opts(), cursors)
	requireErrorHas(t, err, kafkacursor.ErrNotAuthorised, "CREATE")
	fault.Remove()
}

func TestOpenTogether(t *testing.T) {
	e := newEnv(t)
	errs := make(chan error)
	for range 5 {
		go func() {
			store, err := kafkacursor.Open(e.ctx, e.broker.Opts(), cursors)
			if err == nil {
				err = store.Close()
			}
			errs <- err
		}()
	}
	for range 5 {
		require.NoError(t, <-errs)
	}
}

// Brokers that have not heard of a topic yet say that there is none.
func TestOpenWaitsForANewTopic(t *testing.T) {
	e := newEnv(t)
	faults := []*kfake.FaultHandle{
		e.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: cursors, Err: kerr.UnknownTopicOrPartition, Count: 3}),
		e.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Err: kerr.LeaderNotAvailable, Count: 2}),
	}
	store := e.open()
	e.requireAt(store, "")
	for _, fault := range faults {
		require.Positive(t, fault.Hits())
	}
}

// Who may not see the settings can't know that they keep cursors, and a line in
// a log would not be read.
func TestOpenSaysThatItMayNotValidate(t *testing.T) {
	e := newEnv(t)
	e.open()
	fault := e.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DescribeConfigs}, Err: kerr.TopicAuthorizationFailed, Count: -1})
	defer fault.Remove()
	_, err := kafkacursor.Open(e.ctx, e.broker.Opts(), cursors)
	requireErrorHas(t, err, kafkacursor.ErrNotAuthorised, "cleanup.policy", "DESCRIBE_CONFIGS", "WithoutTopicValidation")
	e.open(kafkacursor.WithoutTopicValidation())
}

func TestOpenSaysThatNoBrokerIsThere(t *testing.T) {
	broker, err := kafkatest.New()
	require.NoError(t, err)
	broker.Close()
	begin := time.Now()
	_, err = kafkacursor.Open(t.Context(), broker.Opts(), cursors, kafkacursor.WithTimeout(time.Second))
	requireErrorHas(t, err, kafkacursor.ErrUnreachable, "refused")
	require.Less(t, time.Since(begin), time.Second+prompt)
	require.False(t, reflex.IsExpected(err), "nobody would see it")
	require.False(t, kafkacursor.IsPermanent(err))
}

func TestOpenIsPromptBeforeASilentBroker(t *testing.T) {
	kafka := blackHole(t)
	requirePrompt(t, "Open", func(ctx context.Context) error {
		_, err := kafkacursor.Open(ctx, kafka, cursors)
		return err
	})
	begin := time.Now()
	_, err := kafkacursor.Open(t.Context(), kafka, cursors, kafkacursor.WithTimeout(time.Second))
	requireErrorHas(t, err, kafkacursor.ErrUnreachable)
	require.Less(t, time.Since(begin), time.Second+prompt)
	require.False(t, reflex.IsExpected(err), "nobody would see it")
}

func TestOpenReportsAllWrongOptions(t *testing.T) {
	_, err := kafkacursor.Open(t.Context(), nil, "",
		nil, kafkacursor.WithPartitions(0), kafkacursor.WithReplicationFactor(0), kafkacursor.WithFlushInterval(-1),
		kafkacursor.WithTimeout(time.Millisecond), kafkacursor.WithFencing(""))
	require.ErrorIs(t, err, kafkacursor.ErrInvalidOption)
	for _, part := range []string{
		"nil Option", "topic without a name", "0 partitions", "replication factor of 0", "flush interval of -1ns", "timeout of 1ms", "without a prefix",
	} {
		require.ErrorContains(t, err, part)
	}
}

func TestOpenRefusesOptionsThatBreakPromises(t *testing.T) {
	for name, opt := range map[string]kgo.Opt{
		"ConsumerGroup":          kgo.ConsumerGroup("group"),
		"TransactionalID":        kgo.TransactionalID("id"),
		"DisableIdempotentWrite": kgo.DisableIdempotentWrite(),
		"ManualFlushing":         kgo.ManualFlushing(),
		"AllowAutoTopicCreation": kgo.AllowAutoTopicCreation(),
	} {
		_, err := kafkacursor.Open(t.Context(), []kgo.Opt{opt}, cursors)
		requireErrorHas(t, err, kafkacursor.ErrInvalidOption, name)
	}
}
