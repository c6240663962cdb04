package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func rows(kgo, ours cost) []row {
	return []row{{"kgo", []cost{kgo}}, {"reflex.Run", []cost{ours}}}
}

func TestMedian(t *testing.T) {
	r := row{costs: []cost{{rate: 3}, {rate: 1}, {rate: 7}}}
	median, low, high := r.median(rateOf)
	require.Equal(t, []float64{3, 1, 7}, []float64{median, low, high})
	r.costs = append(r.costs, cost{rate: 5})
	median, _, _ = r.median(rateOf)
	require.InDelta(t, 4.0, median, 0)
}

func TestLimits(t *testing.T) {
	kgo := cost{rate: 100, cpu: 100, allocs: 2}
	require.Empty(t, passed("here", rows(kgo, cost{rate: 81, cpu: 149, allocs: 2.05})))
	require.Len(t, passed("here", rows(kgo, cost{rate: 79, cpu: 149, allocs: 2.05})), 1)
	require.Len(t, passed("here", rows(kgo, cost{rate: 79, cpu: 151, allocs: 2.2})), 3)
}

func TestTable(t *testing.T) {
	require.Contains(t, table(rows(cost{rate: 4e6, cpu: 200}, cost{rate: 3e6, cpu: 300, allocs: 0.02})),
		"| reflex.Run | 3.00 (3.00 to 3.00) | 0.75 | 300 (300 to 300) | 1.50 | 0.020 | +0.020 | 0 |")
}
