// Command oursfirst links both libraries, and uses both before main begins.
package main

import (
	"context"
	"fmt"

	"github.com/kreflex/kreflex/reflex"
	_ "github.com/kreflex/kreflex/reflex/reflexpb"
	_ "github.com/kreflex/kreflex/rpatterns"
	luno "github.com/luno/reflex"
	_ "github.com/luno/reflex/reflexpb"
	_ "github.com/luno/reflex/rpatterns"
	_ "github.com/luno/reflex/rsql"
)

var (
	ours   = reflex.NewConsumer("linked", func(context.Context, *reflex.Event) error { return nil })
	theirs = luno.NewConsumer("linked", func(context.Context, *luno.Event) error { return nil })
)

func main() {
	fmt.Println(ours.Consume(context.Background(), &reflex.Event{}), theirs.Consume(context.Background(), &luno.Event{}))
}
