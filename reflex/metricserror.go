package reflex

import "fmt"

// MetricsError says that a consumer can't work because a metric of its can't be
// registered. Reset and Consume of the consumer return it.
// Give the consumer another registerer: see WithConsumerRegisterer.
type MetricsError struct {
	// Metric is the name of the metric.
	Metric string
	// Consumer is the name of the consumer.
	Consumer string
	// Cause is what the registerer said.
	Cause error
}

var _ error = (*MetricsError)(nil)

func (e *MetricsError) Error() string {
	return fmt.Sprintf("metric %s of consumer %q can't be registered: %v", e.Metric, e.Consumer, e.Cause)
}

// Unwrap returns the cause.
func (e *MetricsError) Unwrap() error { return e.Cause }
