package partition

import (
	"context"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kreflex/kreflex/internal/kafka"
)

// Config of a Reader.
type Config struct {
	// MaxBytes is asked for at most in one fetch, as stored. Kafka sends a
	// batch that is larger all the same. Defaults to 1 MiB.
	MaxBytes int32
	// MaxWait is how long a fetch waits that finds nothing. 0 is not at all.
	MaxWait time.Duration
	// TargetBytes, if not 0, is what the records of one answer should take in
	// memory about: less is asked for than MaxBytes if they are compressed well.
	TargetBytes int
	// Reuse lets the next Fetch reuse the memory of the records returned, but not of
	// their keys, values and headers.
	Reuse bool
	// Ahead has the reader ask for the next answer before it decodes the one in hand, where
	// there is a next one.
	Ahead bool
}

const (
	defaultMaxBytes = 1 << 20

	// missingWhileOpen is how long brokers must agree that a topic that was
	// there is gone.
	missingWhileOpen = 5 * time.Second
)

// Reader fetches from one position on, read_committed. It is for one goroutine.
type Reader struct {
	tracker
	cfg     Config
	next    int64
	decoder *decoder
	sizing  sizing

	ahead    *ahead
	located  bool // whether log is where to ask, as far as is known
	unusable int  // answers in a row
}

// NewReader returns a reader of log whose first record is at next or after.
// Next must be in the range of the log as Describe returned it.
func NewReader(cl *kafka.Client, log Log, next int64, cfg Config) *Reader {
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = defaultMaxBytes
	}
	decompressor, ok := cl.OptValue(kgo.WithDecompressor).(kgo.Decompressor)
	if !ok {
		decompressor = kgo.DefaultDecompressor()
	}
	skipCRC, _ := cl.OptValue(kgo.DisableFetchCRCValidation).(bool)
	return &Reader{
		tracker: tracker{cl: cl, log: log, patience: missingWhileOpen},
		cfg:     cfg,
		next:    next,
		decoder: newDecoder(decompressor, skipCRC, cfg.Reuse),
		sizing:  newSizing(cfg.MaxBytes, cfg.TargetBytes),
		located: true,
	}
}

// Answer is what one fetch found.
type Answer struct {
	Records       []*kgo.Record // committed data only, in order of offset
	Next          int64         // position after the answer
	Start         int64         // log start offset
	LastStable    int64
	HighWatermark int64
	Stalled       bool // nothing is left to read below LastStable
}

// AtHead reports that no committed record was available after the answer.
func (a Answer) AtHead() bool { return len(a.Records) == 0 && (a.Next >= a.LastStable || a.Stalled) }

// Fetch returns the next answer, which may hold no records. It retries
// transient faults until ctx is done; an error is a *Fault, a *GaveUp or ctx's. A fault
// is final: the reader is of no use after it.
func (r *Reader) Fetch(ctx context.Context) (Answer, error) {
	r.decoder.slabs.reclaim()
	for {
		if err := ctx.Err(); err != nil {
			return Answer{}, err
		}
		if !r.located {
			if err := r.relocate(ctx); err != nil {
				return Answer{}, err
			}
		}
		answer, f := r.fetch(ctx)
		if err := ctx.Err(); err != nil && f.err != nil {
			return Answer{}, gaveUp(err, r.last)
		}
		v := decideFetch(r.next, f, r.unusable)
		switch v.do {
		case proceed:
			r.backoff.Reset()
			r.unusable, r.last = 0, nil
			r.next = answer.Next
			return answer, nil
		case refresh:
			r.located = false
		case measure:
			if err := r.outOfRange(ctx, v.cause); err != nil {
				return Answer{}, err
			}
		case fail:
			fault := r.log.fault(v.kind, r.next, v.cause)
			if f.err == nil {
				fault.Start, fault.End = answer.Start, answer.HighWatermark
			}
			return Answer{}, fault
		default:
			r.unusable++
		}
		r.decoder.slabs.reclaim()
		if err := r.wait(ctx, v.cause); err != nil {
			return Answer{}, err
		}
	}
}

// relocate finds the leader. One of another epoch must have the log that was
// read so far: the position was seen to be in it under the epoch before.
func (r *Reader) relocate(ctx context.Context) error {
	verified := r.log.LeaderEpoch
	for {
		if err := r.locate(ctx); err != nil {
			return r.at(err)
		}
		if verified < 0 || r.log.LeaderEpoch == verified {
			break
		}
		end, err := endOfEpoch(ctx, r.cl, r.log, verified)
		if err == nil {
			if err := r.judgeEpoch(verified, end, r.next); err != nil {
				return err
			}
			break
		}
		r.log.LeaderEpoch = verified
		if err := r.pause(ctx, r.next, err); err != nil {
			return err
		}
	}
	r.located = true
	return nil
}

// at adds the position to a fault.
func (r *Reader) at(err error) error {
	var fault *Fault
	if errors.As(err, &fault) {
		fault.Position = r.next
	}
	return err
}

// outOfRange tells why the broker called the position so. It returns nil if
// the leader doesn't confirm it.
func (r *Reader) outOfRange(ctx context.Context, cause error) error {
	if err := r.relocate(ctx); err != nil {
		return err
	}
	if err := r.measure(ctx); err != nil {
		// Not known yet. The next fetch will ask again.
		r.located = false
		return nil
	}
	if v := judgeRange(r.next, r.log); v.do == fail {
		return r.log.fault(v.kind, r.next, cause)
	}
	return nil
}

// fetch asks once, or takes the answer that was asked for ahead.
func (r *Reader) fetch(ctx context.Context) (Answer, fetched) {
	resp, err := r.ask(ctx)
	if err != nil {
		return Answer{}, fetched{err: err}
	}
	if resp.ErrorCode != 0 {
		return Answer{}, fetched{err: kerr.ErrorForCode(resp.ErrorCode)}
	}
	p := r.find(resp)
	if p == nil {
		return Answer{}, fetched{err: errNoAnswer}
	}
	if p.ErrorCode != 0 {
		return Answer{}, fetched{err: kerr.ErrorForCode(p.ErrorCode)}
	}
	r.askAhead(p) //nolint:contextcheck // It outlives the call, and ends with the client.
	records, f := r.decoder.decode(r.log, r.next, p)
	r.sizing.observe(f.bytes, r.decoder.decoded, r.decoder.count)
	return Answer{
		Records:       records,
		Next:          f.next,
		Start:         p.LogStartOffset,
		LastStable:    p.LastStableOffset,
		HighWatermark: p.HighWatermark,
		// A broker must send the next batch, however large, if there is one.
		Stalled: f.bytes == 0 && f.next < p.LastStableOffset,
	}, f
}

func (r *Reader) request(position int64) kmsg.Request {
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis = int32(r.cfg.MaxWait.Milliseconds())
	req.MinBytes = 1
	req.MaxBytes = r.sizing.ask
	req.IsolationLevel = readCommitted
	reqTopic := kmsg.NewFetchRequestTopic()
	// The topic's name goes to brokers before Kafka 3.1, its ID to later ones: kgo
	// agrees the version with the broker and sends what that has.
	reqTopic.Topic, reqTopic.TopicID = r.log.Topic, r.log.TopicID
	reqPartition := kmsg.NewFetchRequestTopicPartition()
	reqPartition.Partition = r.log.Partition
	reqPartition.CurrentLeaderEpoch = r.log.LeaderEpoch
	reqPartition.FetchOffset = position
	reqPartition.PartitionMaxBytes = r.sizing.ask
	reqTopic.Partitions = append(reqTopic.Partitions, reqPartition)
	req.Topics = append(req.Topics, reqTopic)
	if r.log.TopicID == [16]byte{} {
		return fetchByName{req}
	}
	return req
}

// fetchByName is a fetch from a cluster without topic IDs, whose brokers may
// know the version that needs them all the same.
type fetchByName struct{ *kmsg.FetchRequest }

// MaxVersion returns the last version with the topic's name.
func (fetchByName) MaxVersion() int16 { return 12 }

// find returns the partition in the response.
func (r *Reader) find(resp *kmsg.FetchResponse) *kmsg.FetchResponseTopicPartition {
	for i := range resp.Topics {
		t := &resp.Topics[i]
		if t.Topic != r.log.Topic && t.TopicID != r.log.TopicID {
			continue
		}
		for k := range t.Partitions {
			if t.Partitions[k].Partition == r.log.Partition {
				return &t.Partitions[k]
			}
		}
	}
	return nil
}
