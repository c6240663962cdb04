package kafkadeadletter

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// someID is printed as AQIDAAAAAAAAAAAAAAAAAA.
func someID() [16]byte { return [16]byte{1, 2, 3} }

func TestKeyIsReadable(t *testing.T) {
	for text, key := range map[string]Key{
		"billing/orders/0/0":                        {Consumer: "billing", Topic: "orders"},
		"billing/orders/12/7":                       {Consumer: "billing", Topic: "orders", Partition: 12, Offset: 7},
		"billing/orders/0/7@AQIDAAAAAAAAAAAAAAAAAA": {Consumer: "billing", Topic: "orders", Offset: 7, TopicID: someID()},
		"a%2Fb%2Fc/o.r-d_ers/3/1":                   {Consumer: "a/b/c", Topic: "o.r-d_ers", Partition: 3, Offset: 1},
		"100%25/orders/0/9223372036854775806":       {Consumer: "100%", Topic: "orders", Offset: math.MaxInt64 - 1},
		"%C3%A9t%C3%A9/orders/2147483647/0":         {Consumer: "été", Topic: "orders", Partition: math.MaxInt32},
		"a@b/orders/0/7@AQIDAAAAAAAAAAAAAAAAAA":     {Consumer: "a@b", Topic: "orders", Offset: 7, TopicID: someID()},
	} {
		require.Equal(t, text, key.String())
		parsed, err := ParseKey(text)
		require.NoError(t, err)
		require.Equal(t, key, parsed)
	}
	require.Equal(t, "7", Key{Offset: 7}.EventID())
}

func TestParseKeyRefusesWhatStringDoesNotReturn(t *testing.T) {
	for _, text := range []string{
		"", "/", "///", "billing", "billing/orders/0", "/orders/0/1", "billing//0/1", "billing/orders//1", "billing/orders/0/",
		"billing/orders/x/1", "billing/orders/0/x", "billing/orders/-1/1", "billing/orders/0/-1", "billing/orders/+1/1",
		"billing/orders/01/1", "billing/orders/0/01", "billing/orders/2147483648/1", "billing/orders/0/9223372036854775807",
		"billing/orders/0/1/2", "a b/orders/0/1", "%/orders/0/1", "a/%zz/0/1", "%62illing/orders/0/1", "a%2fb/orders/0/1",
		"billing/orders/0/1@", "billing/orders/0/1@x", "billing/orders/0/1@AAAAAAAAAAAAAAAAAAAAAA",
		"billing/orders/0/1@AQIDAAAAAAAAAAAAAAAAAB", "billing/orders/0/1@AQIDAAAAAAAAAAAAAAAAAA:4",
	} {
		_, err := ParseKey(text)
		require.ErrorIs(t, err, ErrBadKey, text)
		require.True(t, IsPermanent(err))
	}
}

func TestKeysDoNotCollide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) Key {
			part := rapid.SampledFrom([]string{"a", "a/b", "a/b/0", "%", "%2F", "@", "b", "\xff"})
			key := Key{
				Consumer: part.Draw(t, name), Topic: part.Draw(t, name+" topic"),
				Partition: rapid.Int32Range(0, 3).Draw(t, name+" partition"), Offset: rapid.Int64Range(0, 3).Draw(t, name+" offset"),
			}
			if rapid.Bool().Draw(t, name+" has ID") {
				key.TopicID = someID()
			}
			return key
		}
		a, b := draw("a"), draw("b")
		if a != b && a.String() == b.String() {
			t.Fatalf("%#v and %#v are both %s", a, b, a)
		}
		parsed, err := ParseKey(a.String())
		require.NoError(t, err)
		require.Equal(t, a, parsed)
	})
}

func TestKeyMustBePossible(t *testing.T) {
	require.ErrorIs(t, Key{Topic: "orders"}.valid(), ErrBadName)
	require.ErrorIs(t, Key{Consumer: "a"}.valid(), ErrBadKey)
	require.ErrorIs(t, Key{Consumer: "a", Topic: "b", Partition: -1}.valid(), ErrBadKey)
	require.ErrorIs(t, Key{Consumer: "a", Topic: "b", Offset: -1}.valid(), ErrBadKey)
	require.ErrorIs(t, Key{Consumer: "a", Topic: "b", Offset: math.MaxInt64}.valid(), ErrBadKey)
	require.NoError(t, Key{Consumer: "a", Topic: "b", Partition: 1, Offset: 0}.valid())
}

func FuzzParseKey(f *testing.F) {
	for _, seed := range []string{"billing/orders/0/7", "billing/orders/0/7@AQIDAAAAAAAAAAAAAAAAAA", "a%2Fb/c/1/0", "%", "a/b/01/1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		key, err := ParseKey(text)
		if err != nil {
			require.ErrorIs(t, err, ErrBadKey)
			return
		}
		require.NoError(t, key.valid())
		require.Equal(t, text, key.String())
	})
}
