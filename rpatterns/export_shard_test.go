package rpatterns

import "github.com/kreflex/kreflex/reflex"

// ShareStream returns what the shards of one consumer read instead of the stream, with a buffer of that size.
func ShareStream(stream reflex.StreamFunc, bufferEvents, bufferBytes int64) reflex.StreamFunc {
	h := newShardHub(stream)
	h.bufferEvents, h.bufferBytes = bufferEvents, bufferBytes
	return h.stream
}
