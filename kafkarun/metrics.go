package kafkarun

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

var _ prometheus.Collector = (*Runner)(nil)

// What a Runner reports. Values are computed when they are scraped, from Status: so they are true while a partition is stuck, and
// gone once it belongs to somebody else.
type descs struct {
	lag, lagTime, next, condition, restarts *prometheus.Desc
}

func newDescs() descs {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("kreflex_partition_"+name, help, append([]string{"consumer_name", "topic", "partition"}, labels...), nil)
	}
	return descs{
		lag:       desc("lag_events", "Offsets from the next one to consume to the last stable offset"),
		lagTime:   desc("lag_seconds", "Age of the oldest event that is not consumed"),
		next:      desc("next_offset", "Offset that is consumed next"),
		condition: desc("condition", "1 for the condition that the partition is in", "condition"),
		restarts:  desc("restarts", "Runs that failed since the partition was taken over"),
	}
}

// Describe implements prometheus.Collector.
func (r *Runner) Describe(ch chan<- *prometheus.Desc) {
	d := newDescs()
	for _, desc := range []*prometheus.Desc{d.lag, d.lagTime, d.next, d.condition, d.restarts} {
		ch <- desc
	}
}

// Collect implements prometheus.Collector. Register the Runner with a registerer of yours:
//
//	registry.MustRegister(runner)
func (r *Runner) Collect(ch chan<- prometheus.Metric) {
	st, d := r.Status(), newDescs()
	for _, p := range st.Partitions {
		gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
			labels = append([]string{st.Consumer, st.Topic, strconv.Itoa(int(p.Partition))}, labels...)
			ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
		}
		if p.Lag >= 0 {
			gauge(d.lag, float64(p.Lag))
		}
		if p.LagTime >= 0 {
			gauge(d.lagTime, p.LagTime.Seconds())
		}
		if p.Next >= 0 {
			gauge(d.next, float64(p.Next))
		}
		gauge(d.condition, 1, string(p.Condition))
		gauge(d.restarts, float64(p.Restarts))
	}
}
