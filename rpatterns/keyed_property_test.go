package rpatterns_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

// No fault loses an event, takes the cursor past one, or changes the order of a key: events take their time, fail,
// panic, or ignore that they should end; runs are cancelled, and processes die with what
// they had not flushed. At the end all is done.
func TestKeyedConsumerUnderFailuresAndKills(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		plan := drawKeyedPlan(rt)
		var history keyedHistory
		// What is drawn is drawn before: rapid can't be called from inside.
		synctest.Test(t, func(t *testing.T) { plan.run(t.Context(), &history) })
		for _, violation := range history.violations {
			rt.Error(violation)
		}
	})
}

// keyedPlan is what happens, in virtual time.
type keyedPlan struct {
	limit, window int
	keyed         bool // otherwise concurrent, of which keys have no order
	events        []plannedEvent
	kills         []plannedKill
}

type plannedEvent struct {
	key      string
	takes    time.Duration
	failures int // so many times, before it is done
	panics   bool
	stubborn bool // ignores its context
}

type plannedKill struct {
	after time.Duration // of the beginning of a run
	crash bool          // nothing is left but what was flushed
}

func drawKeyedPlan(t *rapid.T) keyedPlan {
	limit := rapid.IntRange(1, 6).Draw(t, "limit")
	keys := rapid.IntRange(1, 8).Draw(t, "keys")
	event := rapid.Custom(func(t *rapid.T) plannedEvent {
		return plannedEvent{
			key: "key-" + strconv.Itoa(rapid.IntRange(1, keys).Draw(t, "key")),
			// Handlers that take no time are a case of their own.
			takes:    time.Duration(max(0, rapid.IntRange(-5, 30).Draw(t, "takes"))) * time.Millisecond,
			failures: max(0, rapid.IntRange(-30, 2).Draw(t, "failures")),
			panics:   rapid.Bool().Draw(t, "panics"),
			stubborn: rapid.IntRange(0, 9).Draw(t, "stubborn") == 0,
		}
	})
	kill := rapid.Custom(func(t *rapid.T) plannedKill {
		return plannedKill{
			after: time.Duration(rapid.IntRange(0, 100).Draw(t, "after")) * time.Millisecond,
			crash: rapid.Bool().Draw(t, "crash"),
		}
	})
	return keyedPlan{
		limit:  limit,
		window: rapid.IntRange(limit, 4*limit).Draw(t, "window"),
		keyed:  rapid.IntRange(0, 3).Draw(t, "keyed") > 0,
		events: rapid.SliceOfN(event, 10, 100).Draw(t, "events"),
		kills:  rapid.SliceOfN(kill, 0, 6).Draw(t, "kills"),
	}
}

// run carries the plan out, until all events are done.
func (p keyedPlan) run(parent context.Context, h *keyedHistory) {
	log := newFakeLog()
	for i, e := range p.events {
		// IDs are no numbers, and in no order.
		id := fmt.Sprintf("id-%d-%d", i*7%10, i)
		log.appendEvents(&reflex.Event{ID: id, ForeignID: e.key, Type: fakeType(1)})
		h.ids = append(h.ids, id)
	}
	h.plan, h.done, h.failed = p, make([]bool, len(p.events)), make([]int, len(p.events))

	store, spec := h.process("")
	kills := p.kills
	for attempt := 0; ; attempt++ {
		if attempt > 500 {
			h.violate("not done after %d runs", attempt)
			return
		}
		ctx, cancel := context.WithCancel(parent)
		var (
			crashed bool
			durable string
			killing sync.WaitGroup
		)
		if len(kills) > 0 {
			kill := kills[0]
			kills = kills[1:]
			killing.Go(func() {
				if sleepFor(ctx, kill.after) == nil {
					crashed, durable = kill.crash, store.durable()
					cancel()
				}
			})
		}
		h.begin(store)
		err := reflex.Run(ctx, spec(log.stream, reflex.WithStreamToHead()))
		cancel()
		killing.Wait()
		if errors.Is(err, rpatterns.ErrInFlight) {
			h.violate("in flight: %v", err)
			return
		}
		if reflex.IsHeadReachedErr(err) {
			break
		}
		if crashed {
			// What was done is done, but only what was flushed before the crash is known to be.
			store, spec = h.process(durable)
		}
	}
	h.finish(store)
}

// keyedHistory is what happened, and which promises that broke.
type keyedHistory struct {
	plan keyedPlan
	ids  []string

	mu         sync.Mutex
	done       []bool // ever
	failed     []int
	violations []string

	// Of the run:
	from   int // the first event
	undone map[int]bool
	busy   map[string]int // the event of each key in hand
	last   map[string]int // the event of each key that was begun last
	inHand int
	// Of the process:
	cursor int
}

func (h *keyedHistory) violate(format string, args ...any) {
	h.violations = append(h.violations, fmt.Sprintf(format, args...))
}

// index returns which event has the ID, -1 for the cursor before the first.
func (h *keyedHistory) index(id string) int {
	for i, known := range h.ids {
		if known == id {
			return i
		}
	}
	return -1
}

// process begins a process whose store holds the cursor.
func (h *keyedHistory) process(cursor string) (*fakeStore, specOf) {
	h.cursor = h.index(cursor)
	store := newFakeStore(rpatterns.WithMemCursor("test", cursor))
	store.flushed, store.last = cursor, cursor
	watched := failingStore{fakeStore: store, fail: func(cursor string) error {
		h.set(cursor)
		return nil
	}}
	if !h.plan.keyed {
		c := rpatterns.NewConcurrentConsumer(watched, handler(h.handle), h.plan.limit)
		return store, func(stream reflex.StreamFunc, opts ...reflex.StreamOption) reflex.Spec {
			return rpatterns.NewConcurrentSpec(stream, c, opts...)
		}
	}
	c := rpatterns.NewKeyedConsumer(watched, handler(h.handle), nil, h.plan.limit, rpatterns.WithKeyedWindow(h.plan.window))
	return store, func(stream reflex.StreamFunc, opts ...reflex.StreamOption) reflex.Spec {
		return rpatterns.NewKeyedSpec(stream, c, opts...)
	}
}

// begin begins a run, which must go on after the cursor that was set last.
func (h *keyedHistory) begin(store *fakeStore) {
	cursor, _ := store.CursorStore.GetCursor(context.Background(), "test")
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.inHand != 0 {
		h.violate("a run begins while %d events are in hand", h.inHand)
	}
	h.from = h.index(cursor) + 1
	h.undone = make(map[int]bool)
	for i := h.from; i < len(h.ids); i++ {
		h.undone[i] = true
	}
	h.busy, h.last = make(map[string]int), make(map[string]int)
}

// set checks a cursor: all up to it is done, and it is not behind the one before.
func (h *keyedHistory) set(cursor string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := h.index(cursor)
	for i := range at + 1 {
		if !h.done[i] {
			h.violate("I2: the cursor is at %d, and %d is not done", at, i)
		}
	}
	if at < h.cursor {
		h.violate("I6: the cursor is set back from %d to %d", h.cursor, at)
	}
	h.cursor = at
}

func (h *keyedHistory) handle(ctx context.Context, e *reflex.Event) error {
	i := h.index(e.ID)
	plan := h.plan.events[i]
	h.enter(i, plan.key)
	failure := plan.failures > h.failed[i]

	wait := ctx
	if plan.stubborn {
		wait = context.WithoutCancel(ctx)
	}
	if err := sleepFor(wait, plan.takes); err != nil {
		h.leave(i, plan.key, false)
		return err
	}
	h.leave(i, plan.key, !failure)
	switch {
	case failure && plan.panics:
		panic("planned")
	case failure:
		return errors.New("planned")
	default:
		return nil
	}
}

func (h *keyedHistory) enter(i int, key string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.inHand++
	if h.inHand > h.plan.limit {
		h.violate("I14: %d events are in hand, of %d", h.inHand, h.plan.limit)
	}
	if !h.undone[i] {
		h.violate("event %d is handled again, or was before the cursor, in a run from %d", i, h.from)
	}
	if !h.plan.keyed {
		return
	}
	oldest := i
	for j := range h.undone {
		oldest = min(oldest, j)
	}
	if i-oldest >= h.plan.window {
		h.violate("I7: event %d is begun, %d behind one that is not done, and the window is %d", i, i-oldest, h.plan.window)
	}
	if other, busy := h.busy[key]; busy {
		h.violate("I13: events %d and %d of %s are in hand", other, i, key)
	}
	h.busy[key] = i
	// The last of the key before it, and none in between.
	expected := -1
	for j := h.from; j < i; j++ {
		if h.plan.events[j].key == key {
			expected = j
		}
	}
	last, any := h.last[key]
	if !any {
		last = -1
	}
	if last != expected {
		h.violate("I13: event %d of %s is begun after %d, not %d", i, key, last, expected)
	}
	h.last[key] = i
}

func (h *keyedHistory) leave(i int, key string, done bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.inHand--
	if done {
		h.done[i] = true
		delete(h.undone, i)
	} else {
		h.failed[i]++
	}
	delete(h.busy, key)
}

func (h *keyedHistory) finish(store *fakeStore) {
	for i, done := range h.done {
		if !done {
			h.violate("I1: event %d is lost", i)
		}
	}
	if last := h.ids[len(h.ids)-1]; store.durable() != last {
		h.violate("the cursor is at %q at the end, not %q", store.durable(), last)
	}
}

// The checks find what is wrong. Otherwise the property above would say nothing.
func TestKeyedHistoryFindsViolations(t *testing.T) {
	newHistory := func() *keyedHistory {
		h := &keyedHistory{plan: keyedPlan{limit: 2, window: 2, keyed: true}}
		for i, key := range []string{"a", "a", "b", "c"} {
			h.ids = append(h.ids, strconv.Itoa(i))
			h.plan.events = append(h.plan.events, plannedEvent{key: key})
		}
		h.done, h.failed = make([]bool, 4), make([]int, 4)
		store, _ := h.process("")
		h.begin(store)
		return h
	}
	for want, history := range map[string]func(*keyedHistory){
		"I1: event 3 is lost": func(h *keyedHistory) {
			copy(h.done, []bool{true, true, true})
			store, _ := h.process("")
			h.finish(store)
		},
		"I2: the cursor is at 1, and 0 is not done": func(h *keyedHistory) {
			h.done[1] = true
			h.set("1")
		},
		"I6: the cursor is set back from 1 to 0": func(h *keyedHistory) {
			copy(h.done, []bool{true, true})
			h.set("1")
			h.set("0")
		},
		"I7: event 2 is begun, 2 behind one that is not done, and the window is 2": func(h *keyedHistory) {
			h.enter(2, "b")
		},
		"I13: events 0 and 1 of a are in hand": func(h *keyedHistory) {
			h.enter(0, "a")
			h.enter(1, "a")
		},
		"I13: event 1 of a is begun after -1, not 0": func(h *keyedHistory) {
			h.enter(1, "a")
		},
		"I14: 3 events are in hand, of 2": func(h *keyedHistory) {
			for i, key := range []string{"a", "b", "c"} {
				h.enter(i, key)
			}
		},
		"event 0 is handled again, or was before the cursor, in a run from 0": func(h *keyedHistory) {
			h.enter(0, "a")
			h.leave(0, "a", true)
			h.enter(0, "a")
		},
	} {
		h := newHistory()
		history(h)
		require.Contains(t, h.violations, want)
	}
}
