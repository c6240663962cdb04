package kafkacursor

// view is what a partition's records amount to, as far as they are read.
type view struct {
	keys map[string]*standing
}

// standing is what the records of one key amount to.
type standing struct {
	// best is the record that counts: of those with the highest epoch the last of the owner who wrote first.
	best entry
	// shadowed means that a record of a lower epoch came after it. Compaction will
	// keep that one, so the best has to be written again.
	shadowed bool
	// contested means that two owners wrote under the epoch.
	contested bool
}

func newView() *view { return &view{keys: make(map[string]*standing)} }

// apply adds the next record.
//
// A late write of somebody who was superseded has a lower epoch: it may be of an
// older event than the best, and would make events come again.
func (v *view) apply(e entry) {
	s := v.keys[e.text]
	switch {
	case s == nil:
		v.keys[e.text] = &standing{best: e}
	case e.epoch > s.best.epoch:
		*s = standing{best: e}
	case e.epoch == s.best.epoch && e.owner == s.best.owner:
		s.best, s.shadowed = e, false
	case e.epoch == s.best.epoch:
		// Two took the epoch, neither knowing of the other: one was frozen before it wrote anything, say. The first
		// in the log keeps it, which is what both of them see, see cell.observe; the other may be far behind.
		s.contested, s.shadowed = true, true
	default:
		s.shadowed = true
	}
}

// get returns what there is of a key. Without any record it is of epoch 0 and
// deleted.
func (v *view) get(key string) standing {
	if s := v.keys[key]; s != nil {
		return *s
	}
	return standing{best: entry{text: key, deleted: true}}
}
