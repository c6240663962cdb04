package kafkacursor

// partitionOf returns the partition of a key. It is part of the format, and
// that of Kafka's own producer, so that it is written out here: a client library
// may change its default, and then cursors would not be found.
func partitionOf(key string, partitions int32) int32 {
	if partitions == 1 {
		return 0
	}
	return int32(murmur2(key)&0x7fffffff) % partitions //nolint:gosec // the sign bit is masked
}

// murmur2 is the hash of Kafka's own producer.
func murmur2(key string) uint32 {
	const (
		seed = 0x9747b28c
		m    = 0x5bd1e995
	)
	h := seed ^ uint32(len(key)) //nolint:gosec // as Kafka does
	for ; len(key) >= 4; key = key[4:] {
		k := uint32(key[0]) | uint32(key[1])<<8 | uint32(key[2])<<16 | uint32(key[3])<<24
		k *= m
		k ^= k >> 24
		k *= m
		h = h*m ^ k
	}
	for i := len(key) - 1; i >= 0; i-- {
		h ^= uint32(key[i]) << (8 * i)
		if i == 0 {
			h *= m
		}
	}
	h ^= h >> 13
	h *= m
	h ^= h >> 15
	return h
}
