package kafkacursor

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/internal/kafka"
)

// transactionTimeout is when Kafka ends the transaction of a process that died in the
// middle of one, unless WithTimeout is less: no write takes longer. Until then it hides the cursors behind it from everybody.
const transactionTimeout = 10 * time.Second

// manyRecords is how many records kgo may buffer: never fewer than there are
// cursors, as producing one more would block.
const manyRecords = 1 << 20

// newClient makes a client of the user's options and ours. They contact nobody.
func newClient(topic string, user []kgo.Opt, ours ...kgo.Opt) (*kafka.Client, error) {
	cl, err := kafka.NewClient(user, ours...)
	if err != nil {
		return nil, &Error{Kind: ErrInvalidOption, Topic: topic, Cause: err}
	}
	for _, refused := range []struct {
		option any
		why    string
	}{
		{kgo.DisableIdempotentWrite, "kgo.DisableIdempotentWrite lets an older cursor land after a newer one"},
		{kgo.ManualFlushing, "kgo.ManualFlushing keeps cursors from being written"},
		{kgo.AllowAutoTopicCreation, "kgo.AllowAutoTopicCreation makes a topic that loses cursors"},
	} {
		if set, _ := cl.OptValue(refused.option).(bool); set {
			cl.Close()
			return nil, &Error{Kind: ErrInvalidOption, Topic: topic, Asked: refused.why, Do: "leave it out"}
		}
	}
	return cl, nil
}

// produceOpts are those that the guarantees rest on.
func produceOpts(timeout time.Duration) []kgo.Opt {
	return []kgo.Opt{
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0), // the interval is ours
		kgo.RecordDeliveryTimeout(timeout),
		kgo.ProduceRequestTimeout(min(timeout, defaultTimeout)),
		kgo.MaxBufferedRecords(manyRecords),
		kgo.MaxBufferedBytes(0),
	}
}

func fenceOpts(timeout time.Duration, transactionalID string) []kgo.Opt {
	return append(produceOpts(timeout),
		kgo.TransactionalID(transactionalID),
		kgo.TransactionTimeout(min(timeout, transactionTimeout)))
}
