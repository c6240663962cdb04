package rpatterns_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	jerrors "github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

// letters records dead letters.
type letters struct {
	err  error // of recording
	got  []letter
	when func()
}

type letter struct{ consumer, event, text string }

func (l *letters) insert(_ context.Context, consumer, event, text string) error {
	if l.when != nil {
		l.when()
	}
	l.got = append(l.got, letter{consumer, event, text})
	return l.err
}

// The name of the consumer and the ID of the event changed places: the one landed in
// the column of the other.
func TestDeadLetterHasItsArgumentsInOrder(t *testing.T) {
	var l letters
	c := rpatterns.NewDeadLetterConsumer("billing", 0, alwaysFails(errOfLogic), l.insert)
	require.NoError(t, c.Consume(t.Context(), eventWithID("7")))
	require.Equal(t, []letter{{"billing", "7", "the logic failed"}}, l.got)
}

func alwaysFails(err error) reflex.ConsumerFunc {
	return func(context.Context, *reflex.Event) error { return err }
}

// The text of an error says neither what it is about nor where it comes from.
func TestDeadLetterKeepsTheWholeError(t *testing.T) {
	var l letters
	cause := jerrors.New("no such order", j.C("ERR_0123"), j.KV("order", 17))
	c := rpatterns.NewDeadLetterConsumer("test", 0, func(context.Context, *reflex.Event) error {
		return jerrors.Wrap(cause, "charge", j.KS("account", "a1"))
	}, l.insert)
	require.NoError(t, c.Consume(t.Context(), eventWithID("7")))
	lines := strings.Split(l.got[0].text, "\n")
	require.Equal(t, []string{"charge: no such order", "codes: ERR_0123", "account=a1", "order=17", "stack:"}, lines[:5])
	require.Contains(t, l.got[0].text, "TestDeadLetterKeepsTheWholeError")
}

func TestDeadLetterKeepsBothSidesOfAJoinedError(t *testing.T) {
	var l letters
	c := rpatterns.NewDeadLetterConsumer("test", 0, alwaysFails(errors.Join(
		jerrors.New("one", j.C("ERR_1"), j.KS("a", "1")),
		jerrors.New("two", j.C("ERR_2"), j.KS("b", "2")),
	)), l.insert)
	require.NoError(t, c.Consume(t.Context(), eventWithID("7")))
	require.Equal(t, "one\ntwo\ncodes: ERR_1, ERR_2\na=1\nb=2", l.got[0].text)
}

func TestDeadLetterOfAPanicHasItsStack(t *testing.T) {
	var l letters
	c := rpatterns.NewDeadLetterConsumer("test", 0, func(context.Context, *reflex.Event) error { panic("poison") }, l.insert)
	require.NoError(t, c.Consume(t.Context(), eventWithID("7")))
	require.True(t, strings.HasPrefix(l.got[0].text, "panic in consumer: poison\nstack:\n"), l.got[0].text)
	require.Contains(t, l.got[0].text, "TestDeadLetterOfAPanicHasItsStack")
}

// A column that refuses the text would hold the consumer up for ever.
func TestDeadLetterTextFitsAColumn(t *testing.T) {
	for _, text := range []string{strings.Repeat("é", 40<<10), "x" + strings.Repeat("é", 40<<10), "not UTF-8: \xff\xfe"} {
		var l letters
		c := rpatterns.NewDeadLetterConsumer("test", 0, alwaysFails(errors.New(text)), l.insert)
		require.NoError(t, c.Consume(t.Context(), eventWithID("7")))
		got := l.got[0].text
		require.True(t, utf8.ValidString(got))
		require.LessOrEqual(t, len(got), 32<<10)
		if len(text) > 32<<10 {
			require.True(t, strings.HasSuffix(got, "é [cut]"))
			require.Greater(t, len(got), 32<<10-4)
		}
	}
}

// What can't be recorded must not be passed over, and neither of the two errors be lost.
func TestDeadLetterThatCanNotBeRecordedBlocks(t *testing.T) {
	refused := errors.New("table is full")
	l := letters{err: refused}
	c := rpatterns.NewDeadLetterConsumer("test", 2, alwaysFails(errOfLogic), l.insert)
	for range 2 {
		require.ErrorIs(t, c.Consume(t.Context(), eventWithID("7")), errOfLogic)
	}
	require.Empty(t, l.got)
	for i := range 3 {
		err := c.Consume(t.Context(), eventWithID("7"))
		require.ErrorIs(t, err, errOfLogic)
		require.ErrorIs(t, err, refused)
		require.EqualError(t, err, "the logic failed; dead letter not recorded: table is full")
		require.Len(t, l.got, i+1, "its retries are used up, so recording is tried each time")
	}
	l.err = nil
	require.NoError(t, c.Consume(t.Context(), eventWithID("7")))
}

func TestDeadLettersAreCounted(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	l := letters{err: errOfLogic}
	c := rpatterns.NewDeadLetterConsumer("billing", 0, alwaysFails(errOfLogic), l.insert, reflex.WithConsumerRegisterer(registry))
	require.Error(t, c.Consume(t.Context(), eventWithID("1")))
	require.Empty(t, seriesOf(t, registry, "reflex_consumer_dead_lettered_events_count"))
	l.err = nil
	require.NoError(t, c.Consume(t.Context(), eventWithID("1")))
	require.NoError(t, c.Consume(t.Context(), eventWithID("2")))
	require.Equal(t, map[string]float64{"billing": 2}, seriesOf(t, registry, "reflex_consumer_dead_lettered_events_count"))
}

// seriesOf returns the values of a metric by consumer name: of a histogram, how often it observed.
func seriesOf(tb testing.TB, g prometheus.Gatherer, metric string) map[string]float64 {
	tb.Helper()
	families, err := g.Gather()
	require.NoError(tb, err)
	res := make(map[string]float64)
	for _, family := range families {
		if family.GetName() != metric {
			continue
		}
		for _, m := range family.GetMetric() {
			name := m.GetLabel()[0].GetValue()
			res[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return res
}
