package logic_test

import (
	"context"
	"testing"

	"github.com/luno/fate"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/internal/logic"
)

type (
	named        func(context.Context, int) error
	namedTempted func(context.Context, fate.Fate, int) error
)

// noFate can be told from any other.
type noFate struct{}

func (noFate) Tempt() error { return nil }

func TestEachFormIsCalledWithWhatItTakes(t *testing.T) {
	var got []any
	plain := func(_ context.Context, i int) error {
		got = append(got, i)
		return nil
	}
	tempted := func(_ context.Context, f fate.Fate, i int) error {
		got = append(got, f, i)
		return nil
	}
	forms := []func(context.Context, fate.Fate, int) error{
		logic.Tempted[int](plain),
		logic.Tempted[int](named(plain)),
		logic.Tempted[int](tempted),
		logic.Tempted[int](namedTempted(tempted)),
	}
	for i, form := range forms {
		require.NoError(t, form(t.Context(), noFate{}, i))
	}
	require.Equal(t, []any{0, 1, noFate{}, 2, noFate{}, 3}, got)
}

func TestSplitFindsTheForm(t *testing.T) {
	plain, tempted := logic.Split[int](named(func(context.Context, int) error { return nil }))
	require.NotNil(t, plain)
	require.Nil(t, tempted)

	plain, tempted = logic.Split[int](namedTempted(func(context.Context, fate.Fate, int) error { return nil }))
	require.Nil(t, plain)
	require.NotNil(t, tempted)
}
