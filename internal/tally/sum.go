package tally

import (
	"encoding/binary"
	"hash/fnv"

	"github.com/kreflex/kreflex/reflex"
)

// Sum is a checksum of what a publisher says of an event: type, foreign ID
// and metadata. It is the same in each process.
func Sum(e *reflex.Event) uint64 {
	h := fnv.New64a()
	var number [8]byte
	write := func(n int) {
		binary.LittleEndian.PutUint64(number[:], uint64(n))
		_, _ = h.Write(number[:]) // a hash never fails
	}
	if e.Type != nil {
		write(e.Type.ReflexType())
	}
	// The lengths keep bytes that move from one field to the next from going unseen.
	write(len(e.ForeignID))
	_, _ = h.Write([]byte(e.ForeignID))
	write(len(e.MetaData))
	_, _ = h.Write(e.MetaData)
	return h.Sum64()
}
