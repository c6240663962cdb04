package rpatterns

import "github.com/kreflex/kreflex/reflex"

// Batch is events in the order of the stream.
type Batch []*reflex.Event
