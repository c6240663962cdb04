package lunoreflex_test

import (
	"reflect"
	"testing"
	"time"
	"unsafe"

	luno "github.com/luno/reflex"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/bridge/lunoreflex"
	"github.com/kreflex/kreflex/reflex"
)

func TestEventsCrossFieldByField(t *testing.T) {
	for _, e := range []*reflex.Event{
		{},
		{ID: "0", Type: eventType(0), MetaData: []byte{}, Trace: []byte{}},
		{
			ID: "7", Type: eventType(3), ForeignID: "order", MetaData: []byte("meta"), Trace: []byte("trace"),
			Timestamp: time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("here", 3600)),
		},
	} {
		theirs := lunoreflex.ToLunoEvent(e)
		require.Equal(t, &luno.Event{
			ID: e.ID, Type: e.Type, ForeignID: e.ForeignID, Timestamp: e.Timestamp, MetaData: e.MetaData, Trace: e.Trace,
		}, theirs)
		require.Equal(t, e, lunoreflex.FromLunoEvent(theirs))
	}
	require.Nil(t, lunoreflex.ToLunoEvent(nil))
	require.Nil(t, lunoreflex.FromLunoEvent(nil))
}

// A field that is new in either library would be lost on the way, without a word from the compiler.
func TestEventsHaveNoFieldThatIsForgotten(t *testing.T) {
	fields := func(typ reflect.Type) (names []string) {
		for _, f := range reflect.VisibleFields(typ) {
			names = append(names, f.Name)
		}
		return names
	}
	known := []string{"ID", "Type", "ForeignID", "Timestamp", "MetaData", "Trace"}
	require.Equal(t, known, fields(reflect.TypeFor[reflex.Event]()))
	require.Equal(t, known, fields(reflect.TypeFor[luno.Event]()))
	require.Equal(t, []string{"Lag", "StreamFromHead", "StreamToHead"}, fields(reflect.TypeFor[luno.StreamOptions]()))
	_ = luno.StreamOptions(reflex.StreamOptions{}) // the compiler compares these
}

// A cache of rsql gives one event to several consumers, and a batch of Kafka's is one piece of memory: what
// a consumer of the other side does to its event is seen by nobody.
func TestEventsShareNoMemory(t *testing.T) {
	ours := &reflex.Event{ID: "12", ForeignID: "order", MetaData: []byte("meta"), Trace: []byte("trace")}
	theirs := lunoreflex.ToLunoEvent(ours)
	theirs.MetaData[0], theirs.Trace[0] = 'X', 'X'
	require.Equal(t, "meta", string(ours.MetaData))
	require.Equal(t, "trace", string(ours.Trace))
	require.NotSame(t, unsafe.StringData(ours.ID), unsafe.StringData(theirs.ID))
	require.NotSame(t, unsafe.StringData(ours.ForeignID), unsafe.StringData(theirs.ForeignID))

	back := lunoreflex.FromLunoEvent(theirs)
	back.MetaData[0], back.Trace[0] = 'Y', 'Y'
	require.Equal(t, "Xeta", string(theirs.MetaData))
	require.Equal(t, "Xrace", string(theirs.Trace))
}
