package kafkastream

import (
	"context"

	"github.com/kreflex/kreflex/internal/partition"
)

// Offsets is the range of a partition's log. The lag of a consumer is
// LastStable minus one minus its cursor's offset, or a little less: markers of
// transactions have offsets too.
type Offsets struct {
	// Start is the log start offset: the first that is still there.
	Start int64
	// LastStable is the last stable offset: all before it is committed or aborted, so
	// a stream that has delivered what is before it is at head.
	LastStable int64
	// HighWatermark is the offset after the last record that is replicated. It
	// is above LastStable while a transaction is open.
	HighWatermark int64
}

// Offsets asks the partition's leader. It opens connections and closes them
// again: ask every few seconds rather than for each event. It returns the errors of
// Stream.
func (p *Partition) Offsets(ctx context.Context) (Offsets, error) {
	if err := ctx.Err(); err != nil {
		return Offsets{}, err
	}
	if p.invalid != nil {
		return Offsets{}, p.invalid
	}
	client, err := p.newClient()
	if err != nil {
		return Offsets{}, err
	}
	defer client.Close()
	opening, cancel := context.WithTimeout(ctx, p.config.openTimeout)
	defer cancel()
	log, err := partition.Describe(opening, client, p.topic, p.partition)
	if err != nil {
		return Offsets{}, p.openError(ctx, err)
	}
	return Offsets{Start: log.Start, LastStable: log.LastStable, HighWatermark: log.HighWatermark}, nil
}
