// Package aconsumer knows kreflex only, and makes a consumer while the program is loaded.
package aconsumer

import (
	"context"

	"github.com/kreflex/kreflex/reflex"
)

// Early is that consumer.
var Early = reflex.NewConsumer("early", func(context.Context, *reflex.Event) error { return nil })
