package filters_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/filters"
)

// answer is what a filter says.
type answer struct {
	ok  bool
	err error
}

// asked returns filters with the answers, and which of them were asked.
func asked(answers []answer) ([]reflex.EventFilter, *[]int) {
	calls := new([]int)
	efs := make([]reflex.EventFilter, len(answers))
	for i, a := range answers {
		efs[i] = func(*reflex.Event) (bool, error) {
			*calls = append(*calls, i)
			return a.ok, a.err
		}
	}
	return efs, calls
}

func anyAnswers(t *rapid.T) []answer {
	n := rapid.IntRange(0, 6).Draw(t, "filters")
	answers := make([]answer, n)
	for i := range answers {
		answers[i].ok = rapid.Bool().Draw(t, "ok")
		if rapid.IntRange(0, 2).Draw(t, "fails") == 0 {
			answers[i].err = errors.New("error " + strconv.Itoa(i))
		}
	}
	return answers
}

func upTo(n int) []int {
	var res []int
	for i := range n {
		res = append(res, i)
	}
	return res
}

func TestAllEventFilters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		answers := anyAnswers(t)
		efs, calls := asked(answers)
		ok, err := filters.AllEventFilters(efs...)(new(reflex.Event))
		for i, a := range answers {
			if !a.ok || a.err != nil {
				require.False(t, ok)
				require.Equal(t, a.err, err)
				require.Equal(t, upTo(i+1), *calls)
				return
			}
		}
		require.True(t, ok)
		require.NoError(t, err)
		require.Equal(t, upTo(len(answers)), *calls)
	})
}

func TestAnyEventFilters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		answers := anyAnswers(t)
		efs, calls := asked(answers)
		ok, err := filters.AnyEventFilters(efs...)(new(reflex.Event))
		var last error
		for i, a := range answers {
			if a.ok && a.err == nil {
				require.True(t, ok)
				require.NoError(t, err)
				require.Equal(t, upTo(i+1), *calls)
				return
			}
			if a.err != nil {
				last = a.err
			}
		}
		require.False(t, ok)
		require.Equal(t, last, err)
		require.Equal(t, upTo(len(answers)), *calls)
	})
}

// It was a panic, of the event that met it first.
func TestNilFilterIsAnErrorOfEachEvent(t *testing.T) {
	yes, calls := asked([]answer{{ok: true}, {}})
	for name, filter := range map[string]reflex.EventFilter{
		"all":                 filters.AllEventFilters(yes[0], nil),
		"all that is decided": filters.AllEventFilters(yes[1], nil),
		"any":                 filters.AnyEventFilters(yes[1], nil),
		"any that is decided": filters.AnyEventFilters(yes[0], nil),
		"one":                 filters.AllEventFilters(nil),
	} {
		t.Run(name, func(t *testing.T) {
			ok, err := filter(new(reflex.Event))
			require.False(t, ok)
			require.ErrorIs(t, err, filters.ErrNilFilter)
			require.EqualError(t, err, "combine event filters: leave it out: event filter is nil")
		})
	}
	require.Empty(t, *calls)
	_, err := filters.AllEventFilters(yes[0], nil, yes[1])(nil)
	require.Equal(t, map[string]string{"index": "1", "filters": "3"}, errors.GetKeyValues(err))
}

// Through a consumer: no event is consumed, and the cursor stays.
func TestNilFilterEndsTheRun(t *testing.T) {
	stream := reflex.NewMockStream([]*reflex.Event{{ID: "1"}}, nil)
	consumer := reflex.NewConsumer("consumer", func(context.Context, *reflex.Event) error { return nil },
		reflex.WithEventFilter(filters.AnyEventFilters(nil)))
	err := reflex.Run(t.Context(), reflex.NewSpec(stream, noStore{}, consumer))
	require.True(t, reflex.IsFilterErr(err))
	require.ErrorIs(t, err, filters.ErrNilFilter)
}

// noStore is a store that no cursor may be set in.
type noStore struct{}

func (noStore) GetCursor(context.Context, string) (string, error) { return "", nil }
func (noStore) SetCursor(context.Context, string, string) error   { return errors.New("cursor is set") }
func (noStore) Flush(context.Context) error                       { return nil }

// Filters must not follow what the caller does with its slice.
func TestCombinedFiltersAreTheirOwn(t *testing.T) {
	for _, combine := range []func(...reflex.EventFilter) reflex.EventFilter{filters.AllEventFilters, filters.AnyEventFilters} {
		efs, _ := asked([]answer{{ok: true}})
		filter := combine(efs...)
		efs[0] = nil
		ok, err := filter(new(reflex.Event))
		require.NoError(t, err)
		require.True(t, ok)
	}
}

func atoi(b []byte) (int, error) { return strconv.Atoi(string(b)) }

func TestMetadataEventFilter(t *testing.T) {
	errData := errors.New("data")
	filter, err := filters.MetadataEventFilter(atoi, func(n int) (bool, error) {
		if n < 0 {
			return true, errData
		}
		return n > 10, nil
	})
	require.NoError(t, err)

	for metadata, want := range map[string]bool{"7": false, "11": true} {
		ok, err := filter(&reflex.Event{MetaData: []byte(metadata)})
		require.NoError(t, err)
		require.Equal(t, want, ok)
	}

	_, err = filter(&reflex.Event{MetaData: []byte("-1")})
	require.Equal(t, errData, err)
	require.False(t, filters.IsDeserializationErr(err))

	ok, err := filter(&reflex.Event{MetaData: []byte("x")})
	require.False(t, ok)
	require.True(t, filters.IsDeserializationErr(err))
	require.ErrorIs(t, err, strconv.ErrSyntax)
	require.ErrorContains(t, err, "deserialization failed: ")
}

func TestMetadataOfNoEventIsNil(t *testing.T) {
	filter, err := filters.MetadataEventFilter(
		func(b []byte) (bool, error) { return b == nil, nil },
		func(isNil bool) (bool, error) { return isNil, nil },
	)
	require.NoError(t, err)
	for _, e := range []*reflex.Event{nil, {}} {
		ok, err := filter(e)
		require.NoError(t, err)
		require.True(t, ok)
	}
	ok, err := filter(&reflex.Event{MetaData: []byte{}})
	require.NoError(t, err)
	require.False(t, ok)
}

func TestMetadataEventFilterNeedsItsParts(t *testing.T) {
	all := func(int) (bool, error) { return true, nil }
	for _, parts := range []struct {
		ds  filters.Deserializer[int]
		flt filters.DataFilter[int]
	}{{}, {ds: atoi}, {flt: all}} {
		filter, err := filters.MetadataEventFilter(parts.ds, parts.flt)
		require.Nil(t, filter)
		require.True(t, filters.IsMetadataEventFilterErr(err))
		require.EqualError(t, err, "cannot make a MetadataEventFilter from a nil Deserializer or DataFilter")
		require.Equal(t, map[string]string{
			"nil_deserializer": strconv.FormatBool(parts.ds == nil), "nil_filter": strconv.FormatBool(parts.flt == nil),
		}, errors.GetKeyValues(err))
	}
}

func TestErrorsAreKnownByTheirCode(t *testing.T) {
	require.True(t, filters.IsDeserializationErr(errors.New("x", j.C("ERR_7e3f5b8a1c4d2e96"))))
	require.False(t, filters.IsDeserializationErr(errors.New("deserialization failed")))
	require.False(t, filters.IsDeserializationErr(nil))
	require.True(t, filters.IsMetadataEventFilterErr(errors.New("x", j.C("ERR_1a5f8c3e7b2d4f09"))))
	require.False(t, filters.IsMetadataEventFilterErr(nil))
}
