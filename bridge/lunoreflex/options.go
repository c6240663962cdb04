package lunoreflex

import (
	luno "github.com/luno/reflex"

	"github.com/kreflex/kreflex/reflex"
)

// ToLunoOptions returns luno/reflex's options for the same stream. There is one for each
// thing that is set, and none for what isn't: some sources refuse any option.
func ToLunoOptions(opts ...reflex.StreamOption) []luno.StreamOption {
	var (
		set  []luno.StreamOption
		want = reflex.ResolveOptions(opts...)
	)
	if want.Lag != 0 {
		set = append(set, luno.WithStreamLag(want.Lag))
	}
	if want.StreamFromHead {
		set = append(set, luno.WithStreamFromHead())
	}
	if want.StreamToHead {
		set = append(set, luno.WithStreamToHead())
	}
	return set
}

// FromLunoOptions returns the options of kreflex for the same stream, one for each thing
// that is set.
func FromLunoOptions(opts ...luno.StreamOption) []reflex.StreamOption {
	var (
		set  []reflex.StreamOption
		want = luno.ResolveOptions(opts...)
	)
	if want.Lag != 0 {
		set = append(set, reflex.WithStreamLag(want.Lag))
	}
	if want.StreamFromHead {
		set = append(set, reflex.WithStreamFromHead())
	}
	if want.StreamToHead {
		set = append(set, reflex.WithStreamToHead())
	}
	return set
}
