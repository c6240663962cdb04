package migrate_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/migrate"
)

func TestCopyIsTheSourceInItsOrder(t *testing.T) {
	broker := keeping(t, "orders")
	source := newFakeSource(numbered(1, 1000)...)
	progress, err := migrate.Copy(bounded(t), source.stream, broker.Opts(), "orders", 0, migrate.WithBatchEvents(64))
	require.NoError(t, err)
	require.True(t, progress.AtHead)
	require.EqualValues(t, 1000, progress.Copied)
	require.Equal(t, "1000", progress.LastID)

	ids, _ := copies(t, broker.Opts(), "orders")
	require.Equal(t, source.ids(), ids)

	source.add(numbered(1001, 1100)...)
	progress, err = migrate.Copy(bounded(t), source.stream, broker.Opts(), "orders", 0)
	require.NoError(t, err)
	require.Equal(t, "1000", progress.After)
	require.EqualValues(t, 100, progress.Copied)
	ids, _ = copies(t, broker.Opts(), "orders")
	require.Equal(t, source.ids(), ids)
}
