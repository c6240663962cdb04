package partition

import (
	"encoding/binary"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// errShortBatch is what a batch is that holds fewer records than its header
// promises: kgo takes those it can read and goes on behind the batch.
var errShortBatch = errors.New("batch holds fewer records than its header says", j.C("ERR_e60db74c1f8a3952"))

// decoder turns fetch responses into records.
type decoder struct {
	decompressor kgo.Decompressor
	skipCRC      bool
	slabs        slabs
	pools        []kgo.Pool

	batches batches // of the response in hand
	hook    func(kgo.FetchBatchMetrics)
	decoded int // bytes and records of the response in hand, see sizing
	count   int
}

func newDecoder(decompressor kgo.Decompressor, skipCRC, reuse bool) *decoder {
	d := &decoder{decompressor: decompressor, skipCRC: skipCRC}
	d.hook = d.onBatch
	if reuse {
		d.pools = []kgo.Pool{&d.slabs}
	}
	return d
}

// onBatch is called for each batch in turn once it is decoded.
func (d *decoder) onBatch(m kgo.FetchBatchMetrics) {
	d.decoded += m.UncompressedBytes
	d.count += m.NumRecords
	d.batches.decoded(m.NumRecords)
}

// decode returns the committed records at or after the position, and what the
// response is but for errors in it.
func (d *decoder) decode(log Log, position int64, p *kmsg.FetchResponseTopicPartition) ([]*kgo.Record, fetched) {
	d.batches = batches{rest: p.RecordBatches, position: position, short: -1}
	d.decoded, d.count = 0, 0
	part, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
		DisableCRCValidation: d.skipCRC,
		Offset:               position,
		IsolationLevel:       kgo.ReadCommitted(),
		Topic:                log.Topic,
		Partition:            log.Partition,
		Pools:                d.pools,
	}, p, d.decompressor, d.hook)

	records, decodeErr := part.Records, part.Err
	if short := d.batches.short; short >= 0 {
		// Whatever follows the batch must not be delivered before it.
		records = before(records, short)
		if decodeErr == nil {
			decodeErr = errShortBatch // otherwise that is why it is short
		}
	}
	if decodeErr != nil {
		// kgo steps over a batch of a format it doesn't know. The position
		// after the last good record is behind it only for certain.
		next = position
		if len(records) > 0 {
			next = records[len(records)-1].Offset + 1
		}
	}
	res := fetched{decode: decodeErr, records: len(records), next: next, bytes: len(p.RecordBatches), start: p.LogStartOffset}
	if len(records) > 0 {
		res.first = records[0].Offset
	}
	return records, res
}

// before returns the records below an offset.
func before(records []*kgo.Record, offset int64) []*kgo.Record {
	for n := len(records); n > 0; n-- {
		if records[n-1].Offset < offset {
			return records[:n]
		}
	}
	return nil
}

// batches follows kgo through the batches of a response, to see what it doesn't
// tell: a batch of which it could not decode all records.
type batches struct {
	rest     []byte
	position int64
	short    int64 // first offset of the first such batch, or -1
}

const (
	batchHeader     = 61 // up to the records
	batchMagic      = 2
	lengthAt        = 8
	magicAt         = 16
	lastOffsetDelta = 23
	recordCountAt   = 57
)

// decoded is called for each batch with the number of records that kgo found.
func (b *batches) decoded(records int) {
	batch := b.rest
	if len(batch) <= magicAt {
		return
	}
	length := int64(int32(binary.BigEndian.Uint32(batch[lengthAt:]))) + lengthAt + 4
	if length < 0 || length > int64(len(batch)) {
		b.rest = nil
		return
	}
	b.rest = batch[length:]
	if b.short >= 0 || length < batchHeader || batch[magicAt] != batchMagic {
		return
	}
	first := int64(binary.BigEndian.Uint64(batch))
	last := first + int64(int32(binary.BigEndian.Uint32(batch[lastOffsetDelta:])))
	want := int(int32(binary.BigEndian.Uint32(batch[recordCountAt:])))
	if last >= b.position && records != want {
		b.short = first
	}
}
