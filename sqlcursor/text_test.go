package sqlcursor

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCursorsOfKafkaAreStoredAsTheyAre(t *testing.T) {
	for _, cursor := range []string{"0", "-1", "7", "7@Rk3sT1x2Q9ilbZk9Pb1xGg", "7@Rk3sT1x2Q9ilbZk9Pb1_-g:4"} {
		require.Equal(t, cursor, escape(cursor))
	}
}

func FuzzText(f *testing.F) {
	for _, seed := range []string{"", "7@a:4", "a b", "%", "%4", "%zz", "a%20b", "été", "\xff\x00", "+", "key|17"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		stored := escape(text)
		for _, c := range []byte(stored) {
			require.Truef(t, c > ' ' && c < 0x7f, "%q is stored as %q", text, stored)
		}
		back, err := unescapeKey(stored)
		require.NoError(t, err)
		require.Equal(t, text, back)
		require.Equal(t, orderOf(text), orderOf(stored))

		// The same text as somebody else may have written it.
		if read, err := unescapeKey(text); err == nil {
			require.Equal(t, text, escape(read))
		}
	})
}
