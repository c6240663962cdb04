package tally_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/internal/tally"
	"github.com/kreflex/kreflex/reflex"
)

type eventType int

func (t eventType) ReflexType() int { return int(t) }

func TestSumTellsEventsApart(t *testing.T) {
	seen := make(map[uint64]int)
	for i, e := range []*reflex.Event{
		{},
		{Type: eventType(0)},
		{Type: eventType(1)},
		{ForeignID: "ab"},
		{MetaData: []byte("ab")},
		{ForeignID: "a", MetaData: []byte("b")},
		{Type: eventType(1), ForeignID: "a", MetaData: []byte("b")},
	} {
		before, known := seen[tally.Sum(e)]
		require.False(t, known, "events %d and %d", before, i)
		seen[tally.Sum(e)] = i
	}
}

func TestSumIgnoresWhatTheBrokerAdds(t *testing.T) {
	a := &reflex.Event{ForeignID: "a", MetaData: []byte{}}
	b := &reflex.Event{ID: "7", ForeignID: "a", MetaData: nil}
	require.Equal(t, tally.Sum(a), tally.Sum(b))
}
