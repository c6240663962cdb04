package main

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

// tailStart is where the stream of a partition begins.
type tailStart struct {
	partition int32
	after     string
	options   []reflex.StreamOption
}

// tailStarts says where to begin in the partitions asked for, or in all of them.
func tailStarts(ctx context.Context, topic *kafkastream.Topic, partitions []int32, from string, now time.Time) ([]tailStart, error) {
	var at time.Time
	offset, err := strconv.ParseInt(from, 10, 64)
	isOffset := err == nil && offset >= 0
	if from != "start" && from != "end" && !isOffset {
		if at, err = parseTime("--from", from, now); err != nil {
			return nil, err
		}
	}
	shape, err := topic.Shape(ctx)
	if err != nil {
		return nil, err
	}
	if len(partitions) == 0 {
		for p := range shape.Partitions {
			partitions = append(partitions, p)
		}
	}
	var offsets []int64
	if !at.IsZero() {
		if offsets, err = topic.OffsetsAt(ctx, at); err != nil {
			return nil, err
		}
	}
	starts := make([]tailStart, 0, len(partitions))
	for _, p := range slices.Compact(slices.Sorted(slices.Values(partitions))) {
		start := tailStart{partition: p}
		switch {
		case from == "end":
			start.options = []reflex.StreamOption{reflex.WithStreamFromHead()}
		case isOffset:
			start.after = strconv.FormatInt(offset-1, 10)
		case int(p) < len(offsets):
			start.after = strconv.FormatInt(offsets[p]-1, 10)
		}
		starts = append(starts, start) // a partition that isn't there, its stream says
	}
	return starts, nil
}
