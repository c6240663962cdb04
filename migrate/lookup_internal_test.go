package migrate

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
)

// The one pass over growing numbers says what a look at each copy by itself does: the largest
// ID that is not above the cursor.
func TestLookupIsTheLargestIDUpToTheCursor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfDistinct(rapid.IntRange(0, 200), rapid.ID[int]).Draw(t, "ids")
		slices.Sort(ids)
		wanted := rapid.SliceOf(rapid.IntRange(0, 220)).Draw(t, "cursors")
		start := rapid.SampledFrom([]int64{0, 5}).Draw(t, "start of the log")

		var cursors []string
		for _, w := range wanted {
			cursors = append(cursors, strconv.Itoa(w))
		}
		l := newLookup("orders", 0, start, cursors)
		for i, id := range ids {
			require.NoError(t, l.take(copied{offset: start + 2*int64(i), sourceID: strconv.Itoa(id)}))
		}
		for i, w := range wanted {
			offset, err := l.place(cursors[i], false)
			above, exact := slices.BinarySearch(ids, w)
			switch {
			case exact:
				require.NoError(t, err)
				require.Equal(t, start+2*int64(above), offset)
			case above == len(ids):
				require.ErrorIs(t, err, ErrNotCopied)
			case above == 0 && start > 0:
				require.ErrorIs(t, err, ErrGone)
			case above == 0:
				require.NoError(t, err)
				require.EqualValues(t, startOfLog, offset)
			default:
				require.NoError(t, err)
				require.Equal(t, start+2*int64(above-1), offset)
			}
		}
	})
}

func TestLookupRefusesWhatNoCopyWrites(t *testing.T) {
	for name, ids := range map[string][]string{
		"falling":         {"2", "1"},
		"twice":           {"2", "2"},
		"a text behind":   {"2", "a"},
		"a number behind": {"a", "2"},
	} {
		l := newLookup("orders", 0, 0, nil)
		require.NoError(t, l.take(copied{sourceID: ids[0]}), name)
		require.ErrorIs(t, l.take(copied{offset: 1, sourceID: ids[1]}), ErrSourceOrder, name)
	}
}

// A search must not start behind a copy that a cursor stands on: whatever the transactions, their
// markers in between, and what publishers wrote behind the copies.
func TestSearchFindsWhatReadingAllDoes(t *testing.T) {
	broker := kafkatest.Start(t)
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		topic := fmt.Sprintf("orders-%d", runs)
		require.NoError(t, broker.CreateTopic(topic, 1, map[string]string{"retention.ms": "-1"}))
		ids := rapid.SliceOfNDistinct(rapid.IntRange(1, 60), 1, 20, rapid.ID[int]).Draw(t, "ids")
		slices.Sort(ids)
		var events []*reflex.Event
		for _, id := range ids {
			events = append(events, &reflex.Event{ID: strconv.Itoa(id)})
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		source := reflex.NewMockStream(events, reflex.ErrHeadReached)
		_, err := Copy(ctx, source, broker.Opts(), topic, 0, WithBatchEvents(rapid.IntRange(1, 8).Draw(t, "batch")))
		require.NoError(t, err)

		var cursors []string
		for _, w := range rapid.SliceOfN(rapid.IntRange(1, 65), 1, 4).Draw(t, "cursors") {
			cursors = append(cursors, strconv.Itoa(w))
		}
		all, searching := Copied(broker.Opts(), topic, 0), Copied(broker.Opts(), topic, 0)
		all.searched, searching.searched = 1<<62, 0
		want, _, err := all.resolve(ctx, cursors, waiting{})
		require.NoError(t, err)
		got, _, err := searching.resolve(ctx, cursors, waiting{})
		require.NoError(t, err)
		for _, cursor := range cursors {
			require.Equal(t, want[cursor].cursor, got[cursor].cursor)
			require.Equal(t, want[cursor].next, got[cursor].next)
			require.Equal(t, want[cursor].err == nil, got[cursor].err == nil)
		}
	})
}

// Numbers of any size compare as numbers, and an ID is taken once.
func TestIDsOfASourceMustBeNew(t *testing.T) {
	for name, tc := range map[string]struct {
		ids   []string
		wrong bool
	}{
		"growing numbers":           {ids: []string{"0", "9", "10", "18446744073709551616"}},
		"the same number":           {ids: []string{"7", "7"}, wrong: true},
		"a smaller number":          {ids: []string{"10", "9"}, wrong: true},
		"texts without order":       {ids: []string{"b", "a", "c"}},
		"a text again":              {ids: []string{"b", "a", "b"}, wrong: true},
		"a text behind a number":    {ids: []string{"1", "a"}, wrong: true},
		"a number behind a text":    {ids: []string{"a", "1"}, wrong: true},
		"no ID":                     {ids: []string{""}, wrong: true},
		"zeros in front are a text": {ids: []string{"01", "1"}, wrong: true},
	} {
		var o idOrder
		for i, id := range tc.ids {
			wrong := o.next(id)
			require.Equal(t, tc.wrong && i == len(tc.ids)-1, wrong != "", "%s: %s", name, wrong)
		}
	}
}

func TestManyTextsAreRememberedInBoundedMemory(t *testing.T) {
	var o idOrder
	for i := range 3 * rememberedIDs {
		require.Empty(t, o.next(fmt.Sprintf("id-%d", i)))
	}
	require.Len(t, o.recent, rememberedIDs)
	require.NotEmpty(t, o.next(fmt.Sprintf("id-%d", 2*rememberedIDs)))
	require.Empty(t, o.next("id-0"), "forgotten by now")
}

// What was copied is compared field by field, nil and empty metadata too; the trace may be gone from the source.
func TestDifferenceNamesTheField(t *testing.T) {
	base := reflex.Event{ForeignID: "a", Timestamp: time.UnixMilli(1), MetaData: []byte{}, Trace: []byte("trace")}
	for want, change := range map[string]func(*reflex.Event){
		"":           func(e *reflex.Event) { e.Trace = nil },
		"type":       func(e *reflex.Event) { e.Type = number(0) },
		"foreign id": func(e *reflex.Event) { e.ForeignID = "b" },
		"timestamp":  func(e *reflex.Event) { e.Timestamp = e.Timestamp.Add(1) },
		"metadata":   func(e *reflex.Event) { e.MetaData = nil },
	} {
		other := base
		change(&other)
		require.Equal(t, want, difference(&base, &other))
	}
	typed, other := base, base
	typed.Type, other.Type = number(1), number(1)
	require.Empty(t, difference(&typed, &other))
}

type number int

func (n number) ReflexType() int { return int(n) }
