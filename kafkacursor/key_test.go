package kafkacursor

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestKeyIsReadable(t *testing.T) {
	for text, key := range map[string]Key{
		"billing":                 {Consumer: "billing"},
		"billing/orders/0":        {Consumer: "billing", Topic: "orders"},
		"billing/orders/12":       {Consumer: "billing", Topic: "orders", Partition: 12},
		"a%2Fb%2Fc/o.r-d_ers/3":   {Consumer: "a/b/c", Topic: "o.r-d_ers", Partition: 3},
		"a%2Forders%2F0":          {Consumer: "a/orders/0"},
		"100%25":                  {Consumer: "100%"},
		"%C3%A9t%C3%A9":           {Consumer: "été"},
		"billing/orders/21474836": {Consumer: "billing", Topic: "orders", Partition: 21474836},
	} {
		require.Equal(t, text, key.String())
		parsed, err := ParseKey(text)
		require.NoError(t, err)
		require.Equal(t, key, parsed)
	}
}

func TestParseKeyRefusesWhatStringDoesNotReturn(t *testing.T) {
	for _, text := range []string{
		"", "/", "//", "/orders/0", "billing//0", "billing/orders", "billing/orders/", "billing/orders/x",
		"billing/orders/-1", "billing/orders/+1", "billing/orders/01", "billing/orders/2147483648", "billing/orders/0/1",
		"a b", "%", "%4", "%zz", "%62illing", "a%2fb",
	} {
		_, err := ParseKey(text)
		require.ErrorIs(t, err, ErrBadKey, text)
	}
}

func TestKeysDoNotCollide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) Key {
			part := rapid.SampledFrom([]string{"a", "a/b", "a/b/0", "%", "%2F", "", "b", "\xff"})
			key := Key{Consumer: part.Draw(t, name), Topic: part.Draw(t, name+" topic")}
			if key.Topic != "" {
				key.Partition = rapid.Int32Range(0, 3).Draw(t, name+" partition")
			}
			return key
		}
		a, b := draw("a"), draw("b")
		if a != b && a.valid() == nil && b.valid() == nil && a.String() == b.String() {
			t.Fatalf("%#v and %#v are both %s", a, b, a)
		}
	})
}

func TestKeyMustBePossible(t *testing.T) {
	require.ErrorIs(t, Key{}.valid(), ErrBadName)
	require.ErrorIs(t, Key{Topic: "orders"}.valid(), ErrBadName)
	require.ErrorIs(t, Key{Consumer: "a", Partition: 1}.valid(), ErrBadKey)
	require.ErrorIs(t, Key{Consumer: "a", Topic: "b", Partition: -1}.valid(), ErrBadKey)
	require.NoError(t, Key{Consumer: "a", Topic: "b", Partition: 1}.valid())
}

func FuzzParseKey(f *testing.F) {
	for _, seed := range []string{"billing", "billing/orders/0", "a%2Fb/c/1", "%", "a/b/01"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		key, err := ParseKey(text)
		if err != nil {
			require.ErrorIs(t, err, ErrBadKey)
			require.Less(t, len(err.Error()), 1000+6*len(text))
			return
		}
		require.NoError(t, key.valid())
		require.Equal(t, text, key.String())
		require.False(t, strings.HasPrefix(text, "/"))
	})
}
