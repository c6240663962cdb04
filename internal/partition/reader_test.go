package partition

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReadsFromPositionToHead(t *testing.T) {
	e := newEnv(t)
	e.produce("a", "b", "c")
	log := e.describe()
	require.Equal(t, int64(0), log.Start)
	require.Equal(t, int64(3), log.LastStable)
	require.Equal(t, int64(3), log.HighWatermark)
	require.NotZero(t, log.TopicID)

	values, next := e.toHead(e.reader(1, Config{}))
	require.Equal(t, []string{"b", "c"}, values)
	require.Equal(t, int64(3), next)
}
