package testmock

import (
	"context"

	"github.com/stretchr/testify/mock"

	"github.com/kreflex/kreflex/reflex"
)

// CursorStore is a mock of a reflex.CursorStore. Say with On which calls are expected; any other is a panic.
//
// A value given to Return may also be a function with the parameters of the method, which is then called for
// it: of one result, or for GetCursor the only value and of both results.
type CursorStore struct {
	mock.Mock
}

var _ reflex.CursorStore = (*CursorStore)(nil)

// GetCursor is GetCursor of a reflex.CursorStore.
func (s *CursorStore) GetCursor(ctx context.Context, consumerName string) (string, error) {
	res := s.Called(ctx, consumerName)
	if both, ok := res.Get(0).(func(context.Context, string) (string, error)); ok {
		return both(ctx, consumerName)
	}
	var cursor string
	if fn, ok := res.Get(0).(func(context.Context, string) string); ok {
		cursor = fn(ctx, consumerName)
	} else {
		cursor = res.String(0)
	}
	if fn, ok := res.Get(1).(func(context.Context, string) error); ok {
		return cursor, fn(ctx, consumerName)
	}
	return cursor, res.Error(1)
}

// SetCursor is SetCursor of a reflex.CursorStore.
func (s *CursorStore) SetCursor(ctx context.Context, consumerName string, cursor string) error {
	res := s.Called(ctx, consumerName, cursor)
	if fn, ok := res.Get(0).(func(context.Context, string, string) error); ok {
		return fn(ctx, consumerName, cursor)
	}
	return res.Error(0)
}

// Flush is Flush of a reflex.CursorStore.
func (s *CursorStore) Flush(ctx context.Context) error {
	res := s.Called(ctx)
	if fn, ok := res.Get(0).(func(context.Context) error); ok {
		return fn(ctx)
	}
	return res.Error(0)
}
