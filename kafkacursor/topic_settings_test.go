package kafkacursor

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyCompactKeepsCursors(t *testing.T) {
	for _, policy := range []string{"compact", " compact ", "compact,compact"} {
		require.NoError(t, checkPolicy("cursors", policy), policy)
	}
	for _, policy := range []string{"", "delete", "compact,delete", "delete,compact", "compact, delete", "compacted", "none"} {
		err := checkPolicy("cursors", policy)
		require.ErrorIs(t, err, ErrTopicConfig, policy)
		require.ErrorContains(t, err, "cleanup.policy="+policy)
		require.True(t, IsPermanent(err))
	}
}

// With two replicas, a minimum of two would stop all writes when one broker is
// down; with one, always.
func TestMinimumOfReplicasLeavesOneToLose(t *testing.T) {
	for factor, want := range map[int16]string{brokerDefault: "", 1: "", 2: "", 3: "2", 5: "2"} {
		settings := topicSettings(factor)
		require.Equal(t, want, settings["min.insync.replicas"])
		require.Equal(t, "compact", settings["cleanup.policy"])
		require.NoError(t, checkPolicy("cursors", settings["cleanup.policy"]))
	}
}
