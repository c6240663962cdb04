package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/luno/jettison/errors"
)

// topicPlace is a topic, or some partitions of it: orders, orders/0, orders/0,2.
type topicPlace struct {
	topic      string
	partitions []int32 // none is all
}

// UnmarshalText is for kong.
func (p *topicPlace) UnmarshalText(text []byte) error {
	// A topic can't have a slash in its name.
	topic, numbers, some := strings.Cut(string(text), "/")
	if topic == "" {
		return errors.Wrap(errBadFlag, "a topic has a name")
	}
	*p = topicPlace{topic: topic}
	if !some {
		return nil
	}
	for _, number := range strings.Split(numbers, ",") {
		n, err := strconv.ParseUint(number, 10, 31)
		if err != nil {
			return errors.Wrap(errBadFlag, fmt.Sprintf("%q is no topic with partitions: write orders/0 or orders/0,2", text))
		}
		p.partitions = append(p.partitions, int32(n))
	}
	return nil
}

// has reports whether a partition is meant.
func (p topicPlace) has(partition int32) bool {
	return len(p.partitions) == 0 || slices.Contains(p.partitions, partition)
}
