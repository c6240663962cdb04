package filters

import (
	"slices"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"

	"github.com/kreflex/kreflex/reflex"
)

// ErrNilFilter is the error of a combined filter one of whose parts is nil.
var ErrNilFilter = errors.New("event filter is nil", j.C("ERR_5c483ed8dd6ab00c"))

// AllEventFilters returns a filter that wants an event if all of efs do, and so any event if there are none. They are
// asked in order. The first that doesn't want the event, or returns an error, decides.
//
// If one of efs is nil, the filter returns ErrNilFilter for each event, whichever would have decided.
func AllEventFilters(efs ...reflex.EventFilter) reflex.EventFilter {
	efs = slices.Clone(efs)
	if err := checkFilters(efs); err != nil {
		return refuse(err)
	}
	return func(event *reflex.Event) (bool, error) {
		for _, ef := range efs {
			ok, err := ef(event)
			if err != nil || !ok {
				return false, err
			}
		}
		return true, nil
	}
}

// AnyEventFilters returns a filter that wants an event if any of efs does, and so none if there are none. They are asked
// in order, up to the first that wants the event. Errors before that count for nothing; if
// no filter wants the event, the last of them is the error.
//
// If one of efs is nil, the filter returns ErrNilFilter for each event, whichever would have decided.
func AnyEventFilters(efs ...reflex.EventFilter) reflex.EventFilter {
	efs = slices.Clone(efs)
	if err := checkFilters(efs); err != nil {
		return refuse(err)
	}
	return func(event *reflex.Event) (bool, error) {
		var last error
		for _, ef := range efs {
			ok, err := ef(event)
			switch {
			case err != nil:
				last = err
			case ok:
				return true, nil
			}
		}
		return false, last
	}
}

// checkFilters returns the error of all events, if there is one. A nil filter that only some events meet
// would be found in production.
func checkFilters(efs []reflex.EventFilter) error {
	i := slices.IndexFunc(efs, func(ef reflex.EventFilter) bool { return ef == nil })
	if i < 0 {
		return nil
	}
	return errors.Wrap(ErrNilFilter, "combine event filters: leave it out", j.MKV{"index": i, "filters": len(efs)})
}

func refuse(err error) reflex.EventFilter {
	return func(*reflex.Event) (bool, error) { return false, err }
}
