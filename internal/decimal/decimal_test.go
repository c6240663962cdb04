package decimal_test

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kreflex/kreflex/internal/decimal"
)

func TestOnlyCanonicalDecimalsHaveAnOrder(t *testing.T) {
	for _, text := range []string{"0", "7", "10", "9223372036854775808", "340282366920938463463374607431768211456"} {
		require.True(t, decimal.Is(text), text)
	}
	for _, text := range []string{"", "00", "007", "-1", "+1", "1.5", "1e3", " 1", "1 ", "0x1", "a", "1@b", "١"} {
		require.False(t, decimal.Is(text), text)
	}
}

func TestDecimalsCompareAsNumbersOfAnySize(t *testing.T) {
	number := rapid.Custom(func(t *rapid.T) *big.Int {
		n := new(big.Int).SetUint64(rapid.Uint64().Draw(t, "digits"))
		return n.Lsh(n, rapid.UintRange(0, 100).Draw(t, "shift"))
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := number.Draw(t, "a"), number.Draw(t, "b")
		if got, want := decimal.Less(a.String(), b.String()), a.Cmp(b) < 0; got != want {
			t.Fatalf("%s < %s is %v", a, b, got)
		}
	})
}
