package reflex

import "time"

// What follows is for package rpatterns, which finds it by asking a Consumer for these
// methods: what a pattern does beside Consume is to be seen in the metrics too. A consumer whose
// metrics can't be registered does nothing here; its Reset and Consume say why.

// DeadLettered counts an event that was put aside as a dead letter.
func (c *consumer) DeadLettered() {
	if c.err == nil {
		c.meter.metrics.deadLettered.WithLabelValues(c.name).Inc()
	}
}

// ShowBuffer reports what length returns, whenever the metrics are scraped, as the number of
// events that wait to be consumed together, until hide is called.
func (c *consumer) ShowBuffer(length func() int) (hide func()) {
	if c.err != nil {
		return func() {}
	}
	buffered := c.meter.metrics.buffered
	source := &gaugeSource{value: func(time.Time) float64 { return float64(length()) }}
	buffered.add(c.name, source)
	return func() { buffered.remove(c.name, source) }
}

// Worked counts work that was done outside of Consume like work that is done in it:
// how long it took, and err unless it is nil or expected.
func (c *consumer) Worked(took time.Duration, err error) {
	if c.err == nil {
		c.meter.worked(took, err)
	}
}
