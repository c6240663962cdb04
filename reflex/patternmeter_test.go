package reflex_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
)

const (
	metricDeadLettered = "reflex_consumer_dead_lettered_events_count"
	metricBuffered     = "reflex_rpatterns_batch_consumer_buffer_length"
)

// patternMeter is what package rpatterns asks a consumer for.
type patternMeter interface {
	DeadLettered()
	ShowBuffer(length func() int) (hide func())
	Worked(took time.Duration, err error)
}

func TestMetricsOfPatterns(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	meter := reflex.NewConsumer("a", noop, reflex.WithConsumerRegisterer(registry)).(patternMeter)
	require.Empty(t, values(t, registry, metricDeadLettered), "a consumer that has none has no series")
	require.Empty(t, values(t, registry, metricBuffered))

	meter.DeadLettered()
	require.Equal(t, map[string]float64{"a": 1}, values(t, registry, metricDeadLettered))

	length := 3
	hide := meter.ShowBuffer(func() int { return length })
	require.Equal(t, map[string]float64{"a": 3}, values(t, registry, metricBuffered))
	length = 4
	require.Equal(t, map[string]float64{"a": 4}, values(t, registry, metricBuffered))
	hide()
	hide()
	require.Empty(t, values(t, registry, metricBuffered))

	before := values(t, registry, metricErrors)["a"]
	meter.Worked(time.Second, nil)
	meter.Worked(time.Second, context.Canceled)
	require.InDelta(t, before, values(t, registry, metricErrors)["a"], 0)
	meter.Worked(time.Second, errors.New("failed"))
	require.InDelta(t, before+1, values(t, registry, metricErrors)["a"], 0)
	require.InDelta(t, 3, values(t, registry, metricLatency)["a"], 0)
}

// Reset and Consume say what is wrong. The rest must not end the process.
func TestMetricsOfPatternsOfAConsumerWithoutMetrics(t *testing.T) {
	meter := reflex.NewConsumer("not UTF-8: \xff", noop,
		reflex.WithConsumerRegisterer(prometheus.NewPedanticRegistry())).(patternMeter)
	meter.DeadLettered()
	meter.ShowBuffer(func() int { return 1 })()
	meter.Worked(time.Second, errors.New("failed"))
}
