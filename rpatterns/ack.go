package rpatterns

import "github.com/kreflex/kreflex/reflex"

// AckEvent is an event that the logic acknowledges itself.
type AckEvent struct {
	reflex.Event
}
