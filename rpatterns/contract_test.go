package rpatterns_test

import (
	"testing"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/reflextest"
	"github.com/kreflex/kreflex/rpatterns"
)

func TestMemCursorStoreKeepsTheContract(t *testing.T) {
	reflextest.RunCursorStoreTests(t, reflextest.CursorStoreHarness{
		New: func(testing.TB) reflextest.CursorBackend {
			store := rpatterns.MemCursorStore()
			return reflextest.CursorBackend{
				Store:  store,
				Reopen: func(testing.TB) reflex.CursorStore { return store },
			}
		},
		StringCursors:  true,
		ReadYourWrites: true,
	})
}
