package kafkastream

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func drawCursor(t *rapid.T) Cursor {
	c := Cursor{Offset: rapid.Int64Range(-1, math.MaxInt64-1).Draw(t, "offset"), LeaderEpoch: unknownEpoch}
	if rapid.Bool().Draw(t, "identity") {
		copy(c.TopicID[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "topic ID"))
		c.TopicID[3] |= 1 // zero is no ID
		c.LeaderEpoch = rapid.Int32Min(-1).Draw(t, "epoch")
	}
	return c
}

func TestCursorSurvivesItsText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCursor(t)
		got, err := ParseCursor(c.String())
		require.NoError(t, err)
		require.Equal(t, c, got)
	})
}

func TestCursorText(t *testing.T) {
	id := [16]byte{0x46, 0x4d, 0xec, 0x4f, 0x1d, 0x71, 0xd9, 0x0e, 0x25, 0x99, 0xb1, 0xe4, 0x3d, 0xbd, 0x71, 0x1a}
	for text, want := range map[string]Cursor{
		"0":                             {Offset: 0, LeaderEpoch: -1},
		"-1":                            {Offset: -1, LeaderEpoch: -1},
		"-1@Rk3sTx1x2Q4lmbHkPb1xGg":     {Offset: -1, TopicID: id, LeaderEpoch: -1},
		"9223372036854775806":           {Offset: math.MaxInt64 - 1, LeaderEpoch: -1},
		"7@Rk3sTx1x2Q4lmbHkPb1xGg":      {Offset: 7, TopicID: id, LeaderEpoch: -1},
		"7@Rk3sTx1x2Q4lmbHkPb1xGg:0":    {Offset: 7, TopicID: id, LeaderEpoch: 0},
		"123@Rk3sTx1x2Q4lmbHkPb1xGg:45": {Offset: 123, TopicID: id, LeaderEpoch: 45},
	} {
		got, err := ParseCursor(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
		require.Equal(t, text, want.String())
	}
	require.Equal(t, "7", Cursor{Offset: 7, LeaderEpoch: 4}.String(), "an epoch of nobody knows which topic")
}

func TestTextsThatAreNoCursors(t *testing.T) {
	for _, text := range []string{
		"", "x", "-0", "-2", "-01", "--1", "+1", "01", "00", " 1", "1 ", "1.0", "1e3", "0x1", "1_000", "٣",
		"9223372036854775807", "9223372036854775808", "99999999999999999999",
		"@", "7@", "7:4", "7@:4", "7@Rk3sTx1x2Q4lmbHkPb1xG", "7@Rk3sTx1x2Q4lmbHkPb1xGgg", "@Rk3sTx1x2Q4lmbHkPb1xGg",
		"7@Rk3sTx1x2Q4lmbHkPb1xGg:", "7@Rk3sTx1x2Q4lmbHkPb1xGg:-1", "7@Rk3sTx1x2Q4lmbHkPb1xGg:04",
		"7@Rk3sTx1x2Q4lmbHkPb1xGg:2147483648", "7@Rk3sTx1x2Q4lmbHkPb1xGg:4:4", "7@Rk3sTx1x2Q4lmbHkPb1xGg@",
		"7@Rk3sTx1x2Q4lmbHkPb1xGh", // bits that 16 bytes don't have
		"7@AAAAAAAAAAAAAAAAAAAAAA", // no topic has that ID
		"7@Rk3sTx1x2Q4lmbHkPb1+Gg",
	} {
		c, err := ParseCursor(text)
		require.ErrorIs(t, err, ErrBadCursor, "%q", text)
		require.True(t, IsPermanent(err))
		require.Zero(t, c)
	}
}

func FuzzParseCursor(f *testing.F) {
	for _, text := range []string{"", "0", "7@Rk3sTx1x2Q4lmbHkPb1xGg:4", "7@Rk3sTx1x2Q4lmbHkPb1xGg", "9223372036854775807", "-1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCursor(text)
		if err != nil {
			require.ErrorIs(t, err, ErrBadCursor)
			return
		}
		require.Equal(t, text, c.String(), "one text for each cursor")
		require.GreaterOrEqual(t, c.Offset+1, int64(0))
	})
}
