package rpatterns

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// windowModel is a window that looks at all events there ever were.
type windowModel struct {
	ids  []string
	done []bool
}

// low returns how many events are done before the first that is not.
func (m *windowModel) low() int {
	if i := slices.Index(m.done, false); i >= 0 {
		return i
	}
	return len(m.done)
}

func TestMarkIsTheLastEventBeforeWhichAllAreDone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 70).Draw(t, "limit")
		w := newWindow[int](limit)
		var m windowModel
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				if w.room() == 0 {
					t.Skip("full")
				}
				// IDs say nothing: they may be empty, equal, or descend.
				id := rapid.SampledFrom([]string{"", "0", "7", "a|3", "zzz"}).Draw(t, "id")
				id = fmt.Sprint(id, rapid.IntRange(0, 3).Draw(t, "id suffix"))
				n := w.add(id, len(m.ids))
				m.ids, m.done = append(m.ids, id), append(m.done, false)
				require.Equal(t, uint64(len(m.ids)), n)
			},
			"done": func(t *rapid.T) {
				// Also what was never added, is done already, or long gone.
				n := rapid.IntRange(0, len(m.ids)+2).Draw(t, "number")
				before := m.low()
				if n >= 1 && n <= len(m.ids) {
					m.done[n-1] = true
				}
				require.Equal(t, m.low() > before, w.done(uint64(n)))
			},
			"": func(t *rapid.T) {
				low := m.low()
				require.Equal(t, len(m.ids)-low, w.len())
				require.Equal(t, limit-w.len(), w.room())
				require.LessOrEqual(t, len(w.slots), max(firstSlots, 2*limit), "memory is bounded by the limit")
				require.Equal(t, low > 0, w.moved)
				if low > 0 {
					require.Equal(t, m.ids[low-1], w.mark)
				}
				for i := range m.ids {
					v := w.value(uint64(i + 1))
					switch {
					case i < low:
						require.Nil(t, v)
					case m.done[i]:
						require.Zero(t, *v, "what was added with a done event is forgotten")
					default:
						require.Equal(t, i, *v)
					}
				}
			},
		})
	})
}

func TestWindowKeepsNothingOfWhatIsPast(t *testing.T) {
	w := newWindow[*int](4)
	for range 100 {
		w.done(w.add("id", new(int)))
	}
	require.Len(t, w.slots, firstSlots)
	for _, s := range w.slots {
		require.Zero(t, s)
	}
}
