package kafkadeadletter

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/internal/kafka"
)

// kgo buffers no more than this. A letter over it is refused instead of waiting for room, which
// kgo's own wait would do beyond the caller's context.
const (
	maxBufferedLetters = 1000
	maxBufferedBytes   = 256 << 20
)

// newClient makes a client of the user's options and ours. It contacts nobody.
func newClient(topic string, user []kgo.Opt, ours ...kgo.Opt) (*kafka.Client, error) {
	cl, err := kafka.NewClient(user, ours...)
	if err != nil {
		return nil, &Error{Kind: ErrInvalidOption, Topic: topic, Cause: err}
	}
	for _, refused := range []struct {
		option any
		why    string
	}{
		{kgo.DisableIdempotentWrite, "kgo.DisableIdempotentWrite lets an older letter land after a newer one"},
		{kgo.ManualFlushing, "kgo.ManualFlushing keeps letters from being written"},
		{kgo.AllowAutoTopicCreation, "kgo.AllowAutoTopicCreation makes a topic that loses letters"},
	} {
		if set, _ := cl.OptValue(refused.option).(bool); set {
			cl.Close()
			return nil, &Error{Kind: ErrInvalidOption, Topic: topic, Asked: refused.why, Do: "leave it out"}
		}
	}
	return cl, nil
}

// produceOpts are those that the guarantees rest on. The limit is what the topic takes at once, or 0 where that isn't
// known: a batch of several letters must not be refused when each of them would pass.
func produceOpts(timeout time.Duration, limit int32) []kgo.Opt {
	opts := []kgo.Opt{
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0), // somebody waits
		kgo.RecordDeliveryTimeout(timeout),
		kgo.ProduceRequestTimeout(min(timeout, defaultTimeout)),
		kgo.MaxBufferedRecords(maxBufferedLetters),
		kgo.MaxBufferedBytes(maxBufferedBytes),
	}
	if limit > 0 {
		opts = append(opts, kgo.ProducerBatchMaxBytes(limit))
	}
	return opts
}
