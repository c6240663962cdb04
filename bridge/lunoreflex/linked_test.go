package lunoreflex_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"testing"
	"time"

	luno "github.com/luno/reflex"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
)

// luno/reflex registers its metrics and its protobuf file while the program is loaded, and ends the program where
// somebody else has the names. So nothing of kreflex may have them by then. The order of imports doesn't matter to Go, but
// what is imported does: the metrics of luno/reflex are ready before anything that kreflex could do, as they need less.
func TestBothLibrariesFitInOneProgram(t *testing.T) {
	for _, program := range []string{"oursfirst", "theirsfirst", "early"} {
		t.Run(program, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // to build it
			defer cancel()
			out, err := exec.CommandContext(ctx, "go", "run", "./testdata/"+program).CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.Equal(t, "<nil> <nil>\n", string(out))
		})
	}
}

// One scrape has the consumers of both libraries. Of a name that both have luno/reflex reports the
// gauges: one series in two places would fail the scrape.
func TestMetricsOfBothLibrariesInOneRegistry(t *testing.T) {
	run := fmt.Sprintf(" %08x", rand.Uint32()) // the registry outlives a run of the test
	both, ours, theirs := "both"+run, "only ours"+run, "only theirs"+run
	errs := []error{
		reflex.NewConsumer(both, nothing[reflex.Event]).Consume(t.Context(), &reflex.Event{Timestamp: time.Now().Add(-time.Hour)}),
		reflex.NewConsumer(ours, nothing[reflex.Event]).Consume(t.Context(), &reflex.Event{Timestamp: time.Now().Add(-time.Hour)}),
		luno.NewConsumer(both, nothing[luno.Event]).Consume(t.Context(), &luno.Event{Timestamp: time.Now().Add(-time.Minute)}),
		luno.NewConsumer(theirs, nothing[luno.Event]).Consume(t.Context(), &luno.Event{Timestamp: time.Now().Add(-time.Minute)}),
	}
	for _, err := range errs {
		require.NoError(t, err)
	}
	families, err := prometheus.DefaultGatherer.Gather()
	require.NoError(t, err)
	seen := 0
	for _, family := range families {
		seen++
		switch family.GetName() {
		case "reflex_consumer_active":
			require.Subset(t, consumersOf(family), []string{both, ours, theirs})
		case "reflex_consumer_latency_seconds":
			require.Subset(t, consumersOf(family), []string{both, ours, theirs})
			require.EqualValues(t, 2, metricOf(family, both).GetHistogram().GetSampleCount(), "both are counted")
		case "reflex_consumer_lag_seconds":
			require.Subset(t, consumersOf(family), []string{both, ours, theirs})
			require.InDelta(t, 60, metricOf(family, both).GetGauge().GetValue(), 30, "that of luno/reflex")
			require.InDelta(t, 3600, metricOf(family, ours).GetGauge().GetValue(), 30)
		default:
			seen--
		}
	}
	require.Equal(t, 3, seen)
}

func nothing[E any](context.Context, *E) error { return nil }

func consumersOf(family *dto.MetricFamily) []string {
	var names []string
	for _, m := range family.GetMetric() {
		for _, label := range m.GetLabel() {
			if label.GetName() == "consumer_name" {
				names = append(names, label.GetValue())
			}
		}
	}
	return names
}

func metricOf(family *dto.MetricFamily, consumer string) *dto.Metric {
	for i, name := range consumersOf(family) {
		if name == consumer {
			return family.GetMetric()[i]
		}
	}
	return nil
}
