package reflex

import (
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// scrapeGauge is a gauge per consumer name whose value is computed when it is
// scraped, from sources, so that it is right although nothing happens. The sources of one
// name share a series: the largest value is reported.
type scrapeGauge struct {
	desc *prometheus.Desc

	mu      sync.Mutex
	sources map[string][]*gaugeSource
}

// gaugeSource is where a value comes from. Its identity is what counts.
type gaugeSource struct {
	value func(now time.Time) float64
}

var _ prometheus.Collector = (*scrapeGauge)(nil)

func newScrapeGauge(name, help string) *scrapeGauge {
	return &scrapeGauge{
		desc:    prometheus.NewDesc(name, help, []string{consumerLabel}, nil),
		sources: make(map[string][]*gaugeSource),
	}
}

// add adds the source unless it is there.
func (g *scrapeGauge) add(consumer string, s *gaugeSource) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !slices.Contains(g.sources[consumer], s) {
		g.sources[consumer] = append(g.sources[consumer], s)
	}
}

// remove removes the source, and the series if it was the last one of its name.
func (g *scrapeGauge) remove(consumer string, s *gaugeSource) {
	g.mu.Lock()
	defer g.mu.Unlock()
	rest := slices.DeleteFunc(g.sources[consumer], func(other *gaugeSource) bool { return other == s })
	if len(rest) == 0 {
		delete(g.sources, consumer)
		return
	}
	g.sources[consumer] = rest
}

// Describe implements prometheus.Collector.
func (g *scrapeGauge) Describe(ch chan<- *prometheus.Desc) { ch <- g.desc }

// Collect implements prometheus.Collector.
func (g *scrapeGauge) Collect(ch chan<- prometheus.Metric) {
	now := time.Now()
	for consumer, sources := range g.snapshot() {
		value := sources[0].value(now)
		for _, s := range sources[1:] {
			value = max(value, s.value(now))
		}
		ch <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, value, consumer)
	}
}

// snapshot returns a copy, since neither a source, which may set a gauge of the
// user's, nor whoever reads the channel may hold up a consumer.
func (g *scrapeGauge) snapshot() map[string][]*gaugeSource {
	g.mu.Lock()
	defer g.mu.Unlock()
	snapshot := make(map[string][]*gaugeSource, len(g.sources))
	for consumer, sources := range g.sources {
		snapshot[consumer] = slices.Clone(sources)
	}
	return snapshot
}
