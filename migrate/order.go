package migrate

import (
	"fmt"

	"github.com/kreflex/kreflex/internal/decimal"
)

// idOrder sees to it that each ID of a source is new, for one goroutine.
//
// Numbers must grow. Other IDs have no order that could be known, so that they must only
// differ from those of late; a source has IDs of one kind.
type idOrder struct {
	last   string // "" is none yet
	recent map[string]struct{}
	ring   []string
	oldest int
}

// rememberedIDs is how many IDs without order are remembered: more than a source would
// send again after a hiccup, and still little memory.
const rememberedIDs = 4096

// next takes the next ID, or says what is wrong with it.
func (o *idOrder) next(id string) (wrong string) {
	switch {
	case id == "":
		return "an event without ID"
	case o.last == "":
	case decimal.Is(id) != decimal.Is(o.last):
		return fmt.Sprintf("ID %s behind ID %s: of a source some IDs are numbers and some are not", quote(id), quote(o.last))
	case decimal.Is(id) && !decimal.Less(o.last, id):
		return fmt.Sprintf("ID %s behind ID %s", quote(id), quote(o.last))
	case !decimal.Is(id) && o.seen(id):
		return fmt.Sprintf("ID %s a second time, behind ID %s", quote(id), quote(o.last))
	}
	o.last = id
	if !decimal.Is(id) {
		o.remember(id)
	}
	return ""
}

func (o *idOrder) seen(id string) bool {
	_, ok := o.recent[id]
	return ok
}

func (o *idOrder) remember(id string) {
	if o.recent == nil {
		o.recent = make(map[string]struct{})
	}
	o.recent[id] = struct{}{}
	if len(o.ring) < rememberedIDs {
		o.ring = append(o.ring, id)
		return
	}
	delete(o.recent, o.ring[o.oldest])
	o.ring[o.oldest] = id
	o.oldest = (o.oldest + 1) % rememberedIDs
}

// quote keeps outside text in a message short.
func quote(text string) string {
	const enough = 64
	if len(text) > enough {
		text = text[:enough] + "..."
	}
	return fmt.Sprintf("%q", text)
}
