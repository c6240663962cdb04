package lunoreflex

import (
	luno "github.com/luno/reflex"

	"github.com/kreflex/kreflex/reflex"
)

// ToLunoErrorInsert returns a function that records the errors of consumers for luno/reflex's dead-letter
// consumer. It is called with what that consumer calls it with: the name of the consumer and the ID of the event
// have changed places there. That of nil is nil.
func ToLunoErrorInsert(insert reflex.ErrorInsertFunc) luno.ErrorInsertFunc {
	return luno.ErrorInsertFunc(insert)
}

// FromLunoErrorInsert returns a function that records the errors of consumers, such as ToErrorInsertFunc of an rsql
// errors table, for kreflex's dead-letter consumer. That of nil is nil.
func FromLunoErrorInsert(insert luno.ErrorInsertFunc) reflex.ErrorInsertFunc {
	return reflex.ErrorInsertFunc(insert)
}
