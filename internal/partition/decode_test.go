package partition

import (
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"
)

// recordBatch returns the bytes of a batch with records at these offsets, of which the
// header says that it goes to last.
func recordBatch(last int64, offsets ...int64) []byte {
	b := kmsg.NewRecordBatch()
	b.Magic = 2
	b.ProducerID = -1
	b.NumRecords = int32(len(offsets))
	if len(offsets) > 0 {
		b.FirstOffset = offsets[0]
	} else {
		b.FirstOffset = last
	}
	b.LastOffsetDelta = int32(last - b.FirstOffset)
	for _, offset := range offsets {
		body := []byte{0}                  // attributes
		body = kbin.AppendVarlong(body, 0) // timestamp
		body = kbin.AppendVarint(body, int32(offset-b.FirstOffset))
		body = kbin.AppendVarintBytes(body, nil)
		body = kbin.AppendVarintBytes(body, []byte("value"))
		body = kbin.AppendVarint(body, 0) // headers
		b.Records = kbin.AppendVarint(b.Records, int32(len(body)))
		b.Records = append(b.Records, body...)
	}
	return seal(b.AppendTo(nil))
}

// seal makes length and checksum of a batch right.
func seal(batch []byte) []byte {
	binary.BigEndian.PutUint32(batch[8:], uint32(len(batch)-12))
	binary.BigEndian.PutUint32(batch[17:], crc32.Checksum(batch[21:], crc32.MakeTable(crc32.Castagnoli)))
	return batch
}

func concat(batches ...[]byte) []byte {
	var all []byte
	for _, batch := range batches {
		all = append(all, batch...)
	}
	return all
}

func decodeAt(position int64, reuse bool, raw []byte) (offsets []int64, f fetched) {
	p := kmsg.NewFetchResponseTopicPartition()
	p.RecordBatches = raw
	p.LogStartOffset = -1
	records, f := newDecoder(kgo.DefaultDecompressor(), false, reuse).decode(Log{Topic: topic}, position, &p)
	for _, r := range records {
		offsets = append(offsets, r.Offset)
	}
	return offsets, f
}

func TestDecode(t *testing.T) {
	good := recordBatch(2, 0, 1, 2)
	badCRC := recordBatch(4, 3, 4)
	badCRC[len(badCRC)-1]++
	badMagic := recordBatch(4, 3, 4)
	badMagic[16] = 9
	short := recordBatch(4, 3, 4)
	binary.BigEndian.PutUint32(short[recordCountAt:], 3)
	seal(short)
	long := recordBatch(4, 3, 4)
	binary.BigEndian.PutUint32(long[recordCountAt:], 1)
	seal(long)
	claimed := recordBatch(4)
	binary.BigEndian.PutUint32(claimed[recordCountAt:], 2)
	seal(claimed)
	after := recordBatch(6, 5, 6)

	for _, c := range []struct {
		name     string
		position int64
		raw      []byte
		offsets  []int64
		next     int64
		bad      bool
	}{
		{"nothing", 0, nil, nil, 0, false},
		{"batches", 0, concat(good, recordBatch(4, 3, 4)), []int64{0, 1, 2, 3, 4}, 5, false},
		{"from the middle", 1, good, []int64{1, 2}, 3, false},
		{"behind", 3, good, nil, 3, false},
		{"gap", 0, concat(good, after), []int64{0, 1, 2, 5, 6}, 7, false},
		{"compacted at the end of a batch", 0, recordBatch(9, 0, 4), []int64{0, 4}, 10, false},
		{"compacted altogether", 0, recordBatch(9), nil, 10, false},
		{"cut at the end", 0, concat(good, after[:40]), []int64{0, 1, 2}, 3, false},
		{"cut", 0, good[:40], nil, 0, false},
		{"bad checksum", 3, concat(badCRC, after), nil, 3, true},
		{"bad checksum behind good records", 0, concat(good, badCRC, after), []int64{0, 1, 2}, 3, true},
		{"unknown format", 3, concat(badMagic, after), nil, 3, true},
		{"unknown format behind good records", 0, concat(good, badMagic, after), []int64{0, 1, 2}, 3, true},
		{"fewer records than claimed", 3, concat(short, after), nil, 3, true},
		{"fewer records than claimed behind good ones", 0, concat(good, short, after), []int64{0, 1, 2}, 3, true},
		{"more records than claimed", 3, long, []int64{3}, 5, false}, // nothing tells them from padding
		{"records claimed and none there", 3, concat(claimed, after), nil, 3, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, reuse := range []bool{false, true} {
				offsets, f := decodeAt(c.position, reuse, c.raw)
				require.Equal(t, c.offsets, offsets)
				require.Equal(t, c.next, f.next)
				require.Equal(t, c.bad, f.decode != nil, "%v", f.decode)
				require.Equal(t, len(c.raw), f.bytes)
			}
		})
	}
}

// Whatever of a log is damaged, the records before it are delivered, none behind
// it, and the position stays at it.
func TestNothingBehindDamageIsDelivered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var raw []byte
		var all []int64
		var starts []int
		next := int64(0)
		for range rapid.IntRange(1, 6).Draw(t, "batches") {
			var offsets []int64
			for range rapid.IntRange(0, 4).Draw(t, "records") {
				offsets = append(offsets, next)
				next += rapid.Int64Range(1, 3).Draw(t, "gap")
			}
			starts = append(starts, len(raw))
			raw = append(raw, recordBatch(next, offsets...)...)
			all = append(all, offsets...)
			next++
		}
		position := rapid.Int64Range(0, next).Draw(t, "position")
		damage := rapid.IntRange(0, len(raw)-1).Draw(t, "damage")
		raw[damage] ^= byte(rapid.IntRange(1, 255).Draw(t, "bits"))
		damaged := starts[0]
		for _, start := range starts {
			if start <= damage {
				damaged = start
			}
		}
		// Offset and leader epoch of a batch are outside its checksum.
		inHeader := damage-damaged < 8 || (damage-damaged >= 12 && damage-damaged < 16)
		if inHeader {
			return
		}

		got, f := decodeAt(position, rapid.Bool().Draw(t, "reuse"), raw)
		require.GreaterOrEqual(t, f.next, position)
		var want []int64
		for _, offset := range all {
			if offset >= position && offset < f.next {
				want = append(want, offset)
			}
		}
		require.Equal(t, want, got, "all records up to the position, and no others")
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(int64(0), recordBatch(2, 0, 1, 2))
	f.Add(int64(1), concat(recordBatch(2, 0, 1, 2), recordBatch(9, 5)))
	f.Fuzz(func(t *testing.T, position int64, raw []byte) {
		if position < 0 {
			return
		}
		offsets, res := decodeAt(position, true, raw)
		if res.next < position {
			t.Fatalf("the position fell from %d to %d", position, res.next)
		}
		if len(offsets) == 0 {
			return
		}
		if v := decideFetch(position, res, 0); v.do == proceed && offsets[0] < position {
			t.Fatalf("record %d before the position %d", offsets[0], position)
		}
	})
}

func TestSlabsAreLentOnceAndReused(t *testing.T) {
	var s slabs
	first := s.GetRecords(10)
	second := s.GetRecords(10)
	require.NotSame(t, &first[0], &second[0])
	first[0].Value = []byte("kept")
	s.reclaim()
	require.Nil(t, first[0].Value, "it must not keep what it held alive")
	third := s.GetRecords(5)
	require.Contains(t, []*kgo.Record{&first[0], &second[0]}, &third[0])
	require.GreaterOrEqual(t, cap(s.GetRecords(1000)), 1000)
}
