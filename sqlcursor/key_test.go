package sqlcursor

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/kafkacursor"
)

func TestKeyMustBePossible(t *testing.T) {
	require.ErrorIs(t, Key{}.valid(), ErrBadName)
	require.ErrorIs(t, Key{Topic: "orders"}.valid(), ErrBadName)
	require.ErrorIs(t, Key{Consumer: "a", Partition: 1}.valid(), ErrBadKey)
	require.ErrorIs(t, Key{Consumer: "a", Topic: "b", Partition: -1}.valid(), ErrBadKey)
	require.NoError(t, Key{Consumer: "a", Topic: "b", Partition: 1}.valid())
}

// A name that is cut is that of another consumer.
func TestKeyMustFit(t *testing.T) {
	require.NoError(t, Key{Consumer: strings.Repeat("a", 1000), Topic: strings.Repeat("b", 255)}.valid())
	for _, key := range []Key{
		{Consumer: strings.Repeat("a", 1001)},
		{Consumer: strings.Repeat("é", 167)}, // 6 bytes each
		{Consumer: "a", Topic: strings.Repeat("b", 256)},
	} {
		err := key.valid()
		require.ErrorIs(t, err, ErrBadKey)
		require.Less(t, len(err.Error()), 700)
	}
}

// What moves from one to the other finds its names again.
func TestKeyIsWrittenAsInKafka(t *testing.T) {
	for _, key := range []Key{
		{Consumer: "billing"}, {Consumer: "billing", Topic: "orders", Partition: 12}, {Consumer: "a/b %é", Topic: "x/y"},
	} {
		require.Equal(t, kafkacursor.Key(key).String(), key.String())
	}
}
