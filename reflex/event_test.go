package reflex_test

import (
	"math"
	"strconv"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
)

type otherType int

func (t otherType) ReflexType() int { return int(t) }

func TestIntegerIDs(t *testing.T) {
	tests := []struct {
		id    string
		value int64
		isInt bool
	}{
		{"0", 0, true},
		{"42", 42, true},
		{"-7", -7, true},
		{strconv.FormatInt(math.MaxInt64, 10), math.MaxInt64, true},
		{"", 0, false},
		{"x1", 0, false},
		{"1.5", 0, false},
		{"0x10", 0, false},
		{"9223372036854775808", 0, false},
	}
	for _, test := range tests {
		t.Run(test.id, func(t *testing.T) {
			e := reflex.Event{ID: test.id, ForeignID: test.id}
			require.Equal(t, test.value, e.IDInt())
			require.Equal(t, test.isInt, e.IsIDInt())
			require.Equal(t, test.value, e.ForeignIDInt())
			require.Equal(t, test.isInt, e.IsForeignIDInt())
		})
	}
}

func TestTypesAreComparedByNumberOnly(t *testing.T) {
	require.True(t, reflex.IsType(testType(1), otherType(1)))
	require.False(t, reflex.IsType(testType(1), testType(2)))
	require.True(t, reflex.IsAnyType(testType(2), otherType(1), otherType(2)))
	require.False(t, reflex.IsAnyType(testType(3), otherType(1), otherType(2)))
	require.False(t, reflex.IsAnyType(testType(1)))
	require.Panics(t, func() { reflex.IsType(nil, testType(1)) })
}

// Events of a batch share the batch's memory, and so one kept event keeps the batch.
func TestCloneSharesNothing(t *testing.T) {
	e := &reflex.Event{
		ID:        "12",
		Type:      testType(3),
		ForeignID: "foreign",
		Timestamp: time.Unix(1, 2),
		MetaData:  []byte("meta"),
		Trace:     []byte("trace"),
	}
	clone := e.Clone()
	require.Equal(t, e, clone)
	require.NotSame(t, e, clone)
	require.NotSame(t, unsafe.StringData(e.ID), unsafe.StringData(clone.ID))
	require.NotSame(t, unsafe.StringData(e.ForeignID), unsafe.StringData(clone.ForeignID))
	require.NotSame(t, &e.MetaData[0], &clone.MetaData[0])
	require.NotSame(t, &e.Trace[0], &clone.Trace[0])

	clone = (&reflex.Event{MetaData: []byte{}}).Clone()
	require.NotNil(t, clone.MetaData, "empty stays empty")
	require.Nil(t, clone.Trace, "nil stays nil")
}
