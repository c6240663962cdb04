package kafkacursor

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestOnlyCanonicalDecimalsHaveAnOrder(t *testing.T) {
	for _, text := range []string{"0", "7", "10", "9223372036854775808", "340282366920938463463374607431768211456"} {
		require.True(t, isDecimal(text), text)
	}
	for _, text := range []string{"", "00", "007", "-1", "+1", "1.5", "1e3", " 1", "1 ", "0x1", "a", "1@b", "١"} {
		require.False(t, isDecimal(text), text)
	}
}

func TestDecimalsCompareAsNumbersOfAnySize(t *testing.T) {
	number := rapid.Custom(func(t *rapid.T) *big.Int {
		n := new(big.Int).SetUint64(rapid.Uint64().Draw(t, "digits"))
		return n.Lsh(n, rapid.UintRange(0, 100).Draw(t, "shift"))
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := number.Draw(t, "a"), number.Draw(t, "b")
		if got, want := lessDecimal(a.String(), b.String()), a.Cmp(b) < 0; got != want {
			t.Fatalf("%s < %s is %v", a, b, got)
		}
	})
}

func TestOrderIsThatOfThePosition(t *testing.T) {
	require.Equal(t, "7", orderOf("7@Rk3sT1x2Q9ilbZk9Pb1xGg:4"))
	require.Equal(t, "7", orderOf("7"))
	require.Empty(t, orderOf(""))
}
