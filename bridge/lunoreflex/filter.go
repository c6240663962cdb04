package lunoreflex

import (
	luno "github.com/luno/reflex"

	"github.com/kreflex/kreflex/reflex"
)

// ToLunoFilter returns a filter of kreflex for luno/reflex's WithEventFilter. That of nil is nil,
// which filters nothing.
func ToLunoFilter(filter reflex.EventFilter) luno.EventFilter {
	if filter == nil {
		return nil
	}
	return func(e *luno.Event) (bool, error) { return filter(FromLunoEvent(e)) }
}

// FromLunoFilter returns a filter of luno/reflex, such as one of its package filters, for
// reflex.WithEventFilter. That of nil is nil, which filters nothing.
func FromLunoFilter(filter luno.EventFilter) reflex.EventFilter {
	if filter == nil {
		return nil
	}
	return func(e *reflex.Event) (bool, error) { return filter(ToLunoEvent(e)) }
}
