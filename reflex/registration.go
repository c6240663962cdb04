package reflex

import (
	"github.com/luno/jettison/errors"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// registration registers collectors until the first error.
type registration struct {
	registerer prometheus.Registerer
	consumer   string
	err        error
}

// register registers the collector, and returns it, or the one of the same type
// that is there already.
//
// If a collector of another type has the name, luno/reflex's for instance,
// ours is added as an unchecked one: Prometheus merges the series of both when
// it gathers.
func register[C prometheus.Collector](reg *registration, metric string, own C) C {
	if reg.err != nil {
		return own
	}
	there, err := findOrRegister(reg.registerer, own)
	if errors.Is(err, errOtherType) {
		own, err = registerBeside(reg.registerer, metric, own, there)
	} else if err == nil {
		own = there.(C)
	}
	if err != nil {
		reg.err = &MetricsError{Metric: metric, Consumer: reg.consumer, Cause: err}
	}
	return own
}

// errOtherType comes with the collector that is there.
var errOtherType = errors.New("a collector of another type has this name")

// findOrRegister returns own, or the collector that is there instead of it, with
// errOtherType if that is of another type.
func findOrRegister[C prometheus.Collector](r prometheus.Registerer, own C) (prometheus.Collector, error) {
	err := r.Register(own)
	if err == nil {
		return own, nil
	}
	var already prometheus.AlreadyRegisteredError
	if !errors.As(err, &already) {
		return nil, err
	}
	if _, ok := already.ExistingCollector.(C); !ok {
		return already.ExistingCollector, errOtherType
	}
	return already.ExistingCollector, nil
}

// registerBeside registers own as an unchecked collector beside the other one.
//
// A registry takes any number of unchecked collectors and can't be asked about them. So
// that all our consumers share one, it is kept in a signpost: a collector
// that can be found, and that collects nothing.
func registerBeside[C prometheus.Collector](
	r prometheus.Registerer, metric string, own C, other prometheus.Collector,
) (C, error) {
	post := &signpost[C]{
		desc: prometheus.NewDesc(metric+"_beside", "Leads to the unchecked collector of "+metric, nil, nil),
		to:   own,
	}
	there, err := findOrRegister(r, post)
	if err != nil {
		return own, err
	}
	if there != prometheus.Collector(post) {
		return there.(*signpost[C]).to, nil
	}
	if err := r.Register(&besideCollector{own: own, other: other}); err != nil {
		r.Unregister(post)
		return own, err
	}
	return own, nil
}

type signpost[C prometheus.Collector] struct {
	desc *prometheus.Desc
	to   C
}

func (p *signpost[C]) Describe(ch chan<- *prometheus.Desc) { ch <- p.desc }
func (p *signpost[C]) Collect(chan<- prometheus.Metric)    {}

// besideCollector collects what own does, but for the consumers that the other
// collector also has: one series in two places would fail the whole scrape.
type besideCollector struct {
	own   prometheus.Collector
	other prometheus.Collector
}

var _ prometheus.Collector = (*besideCollector)(nil)

// Describe sends nothing, which makes the collector an unchecked one.
func (c *besideCollector) Describe(chan<- *prometheus.Desc) {}

func (c *besideCollector) Collect(ch chan<- prometheus.Metric) {
	taken := make(map[string]bool)
	for _, m := range collect(c.other) {
		if name, ok := consumerOf(m); ok {
			taken[name] = true
		}
	}
	for _, m := range collect(c.own) {
		if name, ok := consumerOf(m); ok && !taken[name] {
			ch <- m
		}
	}
}

func collect(c prometheus.Collector) []prometheus.Metric {
	ch := make(chan prometheus.Metric)
	go func() {
		defer close(ch)
		c.Collect(ch)
	}()
	var metrics []prometheus.Metric
	for m := range ch {
		metrics = append(metrics, m)
	}
	return metrics
}

func consumerOf(m prometheus.Metric) (string, bool) {
	var out dto.Metric
	if err := m.Write(&out); err != nil {
		return "", false
	}
	for _, label := range out.GetLabel() {
		if label.GetName() == consumerLabel {
			return label.GetValue(), true
		}
	}
	return "", false
}
