package kafkacursor

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/kreflex/kreflex/internal/kafka"
)

func limited(key kmsg.Key, version int16) *kversion.Versions {
	v := kversion.Stable()
	v.SetMaxKeyVersion(int16(key), version)
	return v
}

// How offsets are committed must be how kgo makes transactions, whatever the cluster has and
// the user allows.
func TestVersionsLeaveOneWayToCommitOffsets(t *testing.T) {
	for name, c := range map[string]struct {
		user     *kversion.Versions
		second   bool
		most     int16
		implicit bool
	}{
		"second kind":                  {nil, true, 5, true},
		"first kind":                   {nil, false, 4, false},
		"user of an old release":       {kversion.V3_0_0(), true, 3, false},
		"user without produce 12":      {limited(kmsg.Produce, 11), true, 4, false},
		"user without end 5":           {limited(kmsg.EndTxn, 4), true, 4, false},
		"user with 4":                  {limited(kmsg.TxnOffsetCommit, 4), true, 4, false},
		"user of before there was any": {kversion.V2_4_0(), true, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			var user []kgo.Opt
			if c.user != nil {
				user = append(user, kgo.MaxVersions(c.user))
			}
			cl, err := kafka.NewClient(user)
			require.NoError(t, err)
			defer cl.Close()
			v := newVersions(cl, c.second)
			most, _ := v.most.LookupMaxKeyVersion(int16(kmsg.TxnOffsetCommit))
			require.Equal(t, c.most, most)
			require.Equal(t, c.implicit, v.implicit)
			least, _ := v.least.LookupMaxKeyVersion(int16(kmsg.TxnOffsetCommit))
			require.Equal(t, int16(leastCommit), least)
			if c.user != nil {
				v.most.SetMaxKeyVersion(int16(kmsg.TxnOffsetCommit), 0)
				kept, _ := c.user.LookupMaxKeyVersion(int16(kmsg.TxnOffsetCommit))
				require.GreaterOrEqual(t, kept, int16(2), "what the user gave is the user's")
			}
		})
	}
}

func TestNextOffsetOfACursor(t *testing.T) {
	for cursor, want := range map[string]int64{
		"7": 8, "0": 1, "-1": 0, "": 0, "7@Rk3sT1x2Q9ilbZk9Pb1xGg:4": 8, "9223372036854775806": math.MaxInt64,
		"9223372036854775807": math.MaxInt64, "99999999999999999999": math.MaxInt64,
	} {
		next, ok := nextOffset(cursor)
		require.True(t, ok, cursor)
		require.Equal(t, want, next, cursor)
	}
	for _, cursor := range []string{"-2", "monday", "7.5", "@x", "7 "} {
		_, ok := nextOffset(cursor)
		require.False(t, ok, cursor)
	}
}
