package partition

import "github.com/twmb/franz-go/pkg/kgo"

// slabs lends kgo the memory of records and takes all of it back at the
// next fetch, when by contract nobody uses the records any more. That is cheaper than
// Record.Recycle, an atomic operation and a write of the whole record for each.
//
// Keys, values and headers are not in it: they are parts of the response, which is
// left to the garbage collector.
//
// kgo wants a pool to be safe for concurrent use because its clients decode
// concurrently. This one is only given to ProcessFetchPartition, by one goroutine.
type slabs struct {
	free, lent [][]kgo.Record
}

var _ kgo.PoolRecords = (*slabs)(nil)

// maxFreeSlabs bounds what is kept for the next fetch. Slabs have the size of a
// batch, and a response rarely has more batches.
const maxFreeSlabs = 1 << 10

// GetRecords returns a slab for at least n records, or nil where none is large
// enough.
func (s *slabs) GetRecords(n int) []kgo.Record {
	// The last that fits, as it was used last. Only a few are looked at: they
	// are all alike, unless the producers' batches are not.
	const looks = 4
	for i := len(s.free) - 1; i >= max(0, len(s.free)-looks); i-- {
		slab := s.free[i]
		if cap(slab) < n {
			continue
		}
		last := len(s.free) - 1
		s.free[i] = s.free[last]
		s.free[last] = nil
		s.free = s.free[:last]
		s.lent = append(s.lent, slab)
		return slab
	}
	slab := make([]kgo.Record, n)
	s.lent = append(s.lent, slab)
	return slab
}

// PutRecords is called for batches of which nothing was kept. They come back with
// the others.
func (s *slabs) PutRecords([]kgo.Record) {}

// reclaim takes back all that was lent.
func (s *slabs) reclaim() {
	for i, slab := range s.lent {
		s.lent[i] = nil
		if len(s.free) < maxFreeSlabs {
			slab = slab[:cap(slab)]
			clear(slab) // or an idle stream would pin the last response it decoded
			s.free = append(s.free, slab)
		}
	}
	s.lent = s.lent[:0]
}
