package lunoreflex_test

import (
	"testing"
	"time"

	luno "github.com/luno/reflex"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kreflex/kreflex/bridge/lunoreflex"
	"github.com/kreflex/kreflex/reflex"
)

func TestOptionsMeanTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var (
			ours   []reflex.StreamOption
			theirs []luno.StreamOption
		)
		for range rapid.IntRange(0, 4).Draw(t, "options") {
			want := reflex.StreamOptions{
				Lag:            time.Duration(rapid.Int64Range(-2, 2).Draw(t, "lag")),
				StreamFromHead: rapid.Bool().Draw(t, "from head"),
				StreamToHead:   rapid.Bool().Draw(t, "to head"),
			}
			// One function that sets all is the hardest.
			ours = append(ours, func(o *reflex.StreamOptions) { *o = want })
			theirs = append(theirs, func(o *luno.StreamOptions) { *o = luno.StreamOptions(want) })
		}
		want := reflex.ResolveOptions(ours...)
		require.Equal(t, luno.StreamOptions(want), luno.ResolveOptions(lunoreflex.ToLunoOptions(ours...)...))
		require.Equal(t, want, reflex.ResolveOptions(lunoreflex.FromLunoOptions(theirs...)...))
	})
}

// A bucket of rblob refuses any option, also one that sets nothing. And Run of luno/reflex takes a
// function that sets a lag away whole.
func TestOptionsAreAsFewAsThereAreThingsToSet(t *testing.T) {
	require.Empty(t, lunoreflex.ToLunoOptions())
	require.Empty(t, lunoreflex.ToLunoOptions(reflex.WithStreamLag(0)))
	require.Len(t, lunoreflex.ToLunoOptions(reflex.WithStreamLag(1), reflex.WithStreamToHead()), 2)
	require.Empty(t, lunoreflex.FromLunoOptions())
	require.Empty(t, lunoreflex.FromLunoOptions(luno.WithStreamLag(0)))
	require.Len(t, lunoreflex.FromLunoOptions(luno.WithStreamLag(1), luno.WithStreamFromHead()), 2)
}
