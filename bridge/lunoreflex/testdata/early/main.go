// Command early links both libraries. A package that doesn't import luno/reflex makes a consumer while it is loaded.
package main

import (
	"context"
	"fmt"

	luno "github.com/luno/reflex"

	"github.com/kreflex/kreflex/bridge/lunoreflex/testdata/early/aconsumer"
	"github.com/kreflex/kreflex/reflex"
)

func main() {
	theirs := luno.NewConsumer("early", func(context.Context, *luno.Event) error { return nil })
	fmt.Println(aconsumer.Early.Consume(context.Background(), &reflex.Event{}), theirs.Consume(context.Background(), &luno.Event{}))
}
