package main

import (
	"fmt"
	"slices"
	"strings"
)

// row is a contender with what its rounds cost.
type row struct {
	name  string
	costs []cost
}

func rateOf(c cost) float64   { return c.rate }
func cpuOf(c cost) float64    { return c.cpu }
func allocsOf(c cost) float64 { return c.allocs }
func bytesOf(c cost) float64  { return c.bytes }

// median returns that of one figure, and the lowest and the highest.
func (r row) median(of func(cost) float64) (median, low, high float64) {
	values := make([]float64, len(r.costs))
	for i, c := range r.costs {
		values[i] = of(c)
	}
	if len(values) == 0 {
		return 0, 0, 0
	}
	slices.Sort(values)
	middle := len(values) / 2
	median = values[middle]
	if len(values)%2 == 0 {
		median = (values[middle-1] + values[middle]) / 2
	}
	return median, values[0], values[len(values)-1]
}

// against are the medians of a row divided by those of the first, and how many more
// allocations it makes.
func (r row) against(first row) (rate, cpu, moreAllocs float64) {
	ratio := func(of func(cost) float64) float64 {
		ours, _, _ := r.median(of)
		theirs, _, _ := first.median(of)
		return ours / theirs
	}
	ours, _, _ := r.median(allocsOf)
	theirs, _, _ := first.median(allocsOf)
	return ratio(rateOf), ratio(cpuOf), ours - theirs
}

// table is in Markdown, with ratios to the first row.
func table(rows []row) string {
	var out strings.Builder
	out.WriteString("| | M events/s | of kgo | CPU ns/event | of kgo | allocs/event | more than kgo | bytes/event |\n|---|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		rate, rateLow, rateHigh := r.median(rateOf)
		cpu, cpuLow, cpuHigh := r.median(cpuOf)
		allocs, _, _ := r.median(allocsOf)
		bytes, _, _ := r.median(bytesOf)
		rateRatio, cpuRatio, more := r.against(rows[0])
		const million = 1e6
		fmt.Fprintf(&out, "| %s | %.2f (%.2f to %.2f) | %.2f | %.0f (%.0f to %.0f) | %.2f | %.3f | %+.3f | %.0f |\n",
			r.name, rate/million, rateLow/million, rateHigh/million, rateRatio, cpu, cpuLow, cpuHigh, cpuRatio, allocs, more, bytes)
	}
	return out.String()
}

// passed returns the limits that the last row, which is all of kreflex, is beyond.
func passed(where string, rows []row) []string {
	rate, cpu, more := rows[len(rows)-1].against(rows[0])
	var broken []string
	if rate < minRate {
		broken = append(broken, fmt.Sprintf("%s: %.2f of kgo's rate, limit %.2f", where, rate, minRate))
	}
	if cpu > maxCPU {
		broken = append(broken, fmt.Sprintf("%s: %.2f of kgo's CPU, limit %.2f", where, cpu, maxCPU))
	}
	if more > maxAllocs {
		broken = append(broken, fmt.Sprintf("%s: %.3f allocations more per event, limit %.3f", where, more, maxAllocs))
	}
	return broken
}
