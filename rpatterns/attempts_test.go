package rpatterns

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// A consumer that fails with an event and is gone on with elsewhere leaves its count behind. There
// must be an end to that, and it must not cost an event that is in hand a try.
func TestWhatAttemptsRemembersIsBounded(t *testing.T) {
	a := attempts{limit: 1}
	for id := range 3 * maxFailing {
		require.False(t, a.exhausted(strconv.Itoa(id)))
		require.LessOrEqual(t, len(a.failed), maxFailing)
	}
	last := strconv.Itoa(3*maxFailing - 1)
	require.True(t, a.exhausted(last))
	a.done(last)
	require.False(t, a.exhausted(last))
}
