package kafka

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// faultObserving counts requests without doing anything to them.
func faultObserving(key kmsg.Key) kfake.Fault {
	return kfake.Fault{Keys: []kmsg.Key{key}, Observe: true, Count: -1}
}

func TestOptionsThatMakeTheClientDoMoreAreRefused(t *testing.T) {
	topics := kgo.ConsumeTopics("t")
	for name, opts := range map[string][]kgo.Opt{
		"ConsumerGroup":     {kgo.ConsumerGroup("g"), topics},
		"ShareGroup":        {kgo.ShareGroup("g"), topics},
		"InstanceID":        {kgo.InstanceID("i")},
		"ConsumeTopics":     {topics},
		"ConsumePartitions": {kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"t": {0: kgo.NewOffset()}})},
		"ConsumeRegex":      {kgo.ConsumeRegex()},
		"TransactionalID":   {kgo.TransactionalID("x")},
	} {
		t.Run(name, func(t *testing.T) {
			dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
				if ctx.Err() == nil { // else no dialer contacts anybody
					t.Error("contacted somebody")
				}
				return nil, net.ErrClosed
			}
			_, err := NewClient(append(opts, kgo.Dialer(dial)))
			require.ErrorIs(t, err, ErrOption)
			var option *OptionError
			require.ErrorAs(t, err, &option)
			require.Equal(t, name, option.Option)
			require.ErrorContains(t, err, "kgo."+name)
		})
	}
}

func TestOtherOptionsPass(t *testing.T) {
	c, err := NewClient([]kgo.Opt{
		kgo.ClientID("billing"), kgo.FetchMaxBytes(1 << 20), kgo.ProducerLinger(0),
		kgo.ConsumeTopics(), kgo.ConsumePartitions(nil), kgo.ConsumerGroup(""),
	}, kgo.TransactionalID("ours"))
	require.NoError(t, err)
	defer c.Close()
	require.Equal(t, "billing", c.OptValue(kgo.ClientID))
	require.Equal(t, "ours", c.OptValue(kgo.TransactionalID))
}

func TestDefaultsGiveWayToTheUser(t *testing.T) {
	c, err := NewClient(nil)
	require.NoError(t, err)
	defer c.Close()
	require.Equal(t, dialTimeout, c.OptValue(kgo.DialTimeout))
	require.Equal(t, metadataMinAge, c.OptValue(kgo.MetadataMinAge))
	require.Equal(t, true, c.OptValue(kgo.DisableClientMetrics))

	c, err = NewClient([]kgo.Opt{kgo.DialTimeout(time.Second), kgo.MetadataMinAge(time.Second)})
	require.NoError(t, err)
	defer c.Close()
	require.Equal(t, time.Second, c.OptValue(kgo.DialTimeout))
	require.Equal(t, time.Second, c.OptValue(kgo.MetadataMinAge))

	c, err = NewClient([]kgo.Opt{kgo.DialTimeout(time.Second)}, kgo.DialTimeout(time.Minute))
	require.NoError(t, err)
	defer c.Close()
	require.Equal(t, time.Minute, c.OptValue(kgo.DialTimeout))
}

func TestWhatKgoRefuses(t *testing.T) {
	for _, opts := range [][]kgo.Opt{
		{kgo.DialTLS(), kgo.Dialer(func(context.Context, string, string) (net.Conn, error) { return nil, net.ErrClosed })},
		{kgo.MetadataMinAge(time.Hour), kgo.FetchMaxBytes(1)},
	} {
		_, err := NewClient(opts)
		require.ErrorIs(t, err, ErrOption)
		require.ErrorContains(t, err, "kgo refuses the options")
	}
}
