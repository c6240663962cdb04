// Command theirsfirst links both libraries, and uses both before main begins.
package main

import (
	"context"
	"fmt"

	luno "github.com/luno/reflex"
	_ "github.com/luno/reflex/reflexpb"
	_ "github.com/luno/reflex/rpatterns"
	_ "github.com/luno/reflex/rsql"

	"github.com/kreflex/kreflex/reflex"
	_ "github.com/kreflex/kreflex/reflex/reflexpb"
	_ "github.com/kreflex/kreflex/rpatterns"
)

var (
	theirs = luno.NewConsumer("linked", func(context.Context, *luno.Event) error { return nil })
	ours   = reflex.NewConsumer("linked", func(context.Context, *reflex.Event) error { return nil })
)

func main() {
	fmt.Println(ours.Consume(context.Background(), &reflex.Event{}), theirs.Consume(context.Background(), &luno.Event{}))
}
