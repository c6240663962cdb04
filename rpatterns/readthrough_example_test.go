package rpatterns_test

import (
	"context"
	"fmt"

	"github.com/kreflex/kreflex/rpatterns"
)

// A consumer moves to another store. Its cursor comes along when it is first asked for.
func ExampleReadThroughCursorStore() {
	ctx := context.Background()
	before := rpatterns.MemCursorStore(rpatterns.WithMemCursor("example-billing", "41"))
	now := rpatterns.MemCursorStore()

	cursors := rpatterns.ReadThroughCursorStore(now, before)
	fmt.Println(cursors.GetCursor(ctx, "example-billing"))
	fmt.Println(cursors.SetCursor(ctx, "example-billing", "42"))

	fmt.Println(before.GetCursor(ctx, "example-billing"))
	fmt.Println(now.GetCursor(ctx, "example-billing"))
	// Output:
	// 41 <nil>
	// <nil>
	// 41 <nil>
	// 42 <nil>
}

// The store may be filled by hand, to begin a consumer at a certain event.
func ExampleMemCursorStore() {
	ctx := context.Background()
	cursors := rpatterns.MemCursorStore(rpatterns.WithMemCursorInt("example-billing", 41))
	fmt.Println(cursors.GetCursor(ctx, "example-billing"))
	fmt.Println(cursors.SetCursor(ctx, "example-billing", "42"))
	fmt.Println(cursors.GetCursor(ctx, "example-billing"))
	// Output:
	// 41 <nil>
	// <nil>
	// 42 <nil>
}
