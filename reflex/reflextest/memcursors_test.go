package reflextest

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/reflex"
)

var errStore = errors.New("the store refuses")

// Ways to get a cursor store wrong.
const (
	missingIsError  defect = "fails for a consumer without a cursor"
	missingIsZero   defect = "is at 0 without a cursor"
	flushesNothing  defect = "doesn't write on Flush"
	zeroIsNone      defect = "takes 0 for no cursor"
	hidesBuffered   defect = "is nowhere while a cursor is buffered"
	readsBackend    defect = "doesn't return what is buffered"
	keepsFirst      defect = "writes the first of the cursors since the last Flush"
	storesText      defect = "compares cursors as text"
	goesBack        defect = "stores older cursors"
	bufferGoesBack  defect = "compares with what is flushed only"
	readsNumbers    defect = "keeps cursors as numbers"
	lowersNames     defect = "ignores the case of names"
	unescapesNames  defect = "unescapes names"
	trimsNames      defect = "trims names"
	cutsNames       defect = "cuts long names"
	flushesOne      defect = "writes one consumer for each Flush"
	refusesInFlush  defect = "refuses cursors during a Flush"
	failsIdleFlush  defect = "fails a Flush with nothing to do"
	forgetsIdle     defect = "deletes cursors on a Flush with nothing to do"
	diesWithStore   defect = "keeps cursors in the process"
	hangsWhenDone   defect = "waits though the context is done"
	hidesDone       defect = "hides the context's error"
	flushIsDeaf     defect = "ignores the context of Flush"
	flushAnswersOK  defect = "gives up a Flush without an error"
	flushFailsDrops defect = "drops what it could not flush"
)

// cursorDefects are the cases that must tell each defect.
var cursorDefects = map[defect][]string{
	missingIsError:  {"no cursor is empty"},
	missingIsZero:   {"no cursor is empty"},
	flushesNothing:  {"a cursor is kept", "another store sees what was flushed"},
	zeroIsNone:      {"zero is a cursor"},
	hidesBuffered:   {"a cursor not flushed is old or new"},
	readsBackend:    {"reads its own writes"},
	keepsFirst:      {"the last of many sets wins"},
	storesText:      {"cursors grow as numbers", "the last of many sets wins"},
	goesBack:        {"a cursor never goes back"},
	bufferGoesBack:  {"a cursor never goes back"},
	readsNumbers:    {"cursors are any text"},
	lowersNames:     {"names are independent"},
	unescapesNames:  {"names are independent"},
	trimsNames:      {"names are independent"},
	cutsNames:       {"names are independent"},
	flushesOne:      {"concurrent consumers"},
	refusesInFlush:  {"Flush while cursors are set"},
	failsIdleFlush:  {"Flush with nothing to do"},
	forgetsIdle:     {"Flush with nothing to do"},
	diesWithStore:   {"another store sees what was flushed", "a cursor is kept"},
	hangsWhenDone:   {"a done context"},
	hidesDone:       {"a done context"},
	flushIsDeaf:     {"Flush obeys its context"},
	flushAnswersOK:  {"Flush obeys its context"},
	flushFailsDrops: {"Flush obeys its context"},
}

// memBackend is what stores share: the cursors that were flushed.
type memBackend struct {
	defect defect
	ended  chan struct{} // closed with the test: ends what a defect leaves hanging

	mu      sync.Mutex
	cursors map[string]string
	stalled chan struct{} // closed where the backend answers
}

func memCursorHarness(d defect) CursorStoreHarness {
	return CursorStoreHarness{
		New: func(tb testing.TB) CursorBackend {
			tb.Helper()
			answers := make(chan struct{})
			close(answers)
			b := &memBackend{defect: d, ended: make(chan struct{}), cursors: make(map[string]string), stalled: answers}
			tb.Cleanup(func() { close(b.ended) })
			return CursorBackend{Store: b.open(), Reopen: b.reopen, Stall: b.stall}
		},
		StringCursors: true, ReadYourWrites: true, Monotonic: true,
	}
}

func (b *memBackend) open() *memCursors {
	return &memCursors{backend: b, buffer: make(map[string]string)}
}

func (b *memBackend) reopen(testing.TB) reflex.CursorStore {
	if b.defect == diesWithStore {
		b.mu.Lock()
		defer b.mu.Unlock()
		clear(b.cursors)
	}
	return b.open()
}

func (b *memBackend) stall(testing.TB) func() {
	b.mu.Lock()
	defer b.mu.Unlock()
	stalled := make(chan struct{})
	b.stalled = stalled
	return func() { close(stalled) }
}

// memCursors is a store that buffers. With a defect the cases see it.
type memCursors struct {
	backend *memBackend

	mu       sync.Mutex
	buffer   map[string]string
	flushing bool
}

var _ reflex.CursorStore = (*memCursors)(nil)

// key returns what a name is kept under.
func (s *memCursors) key(name string) string {
	switch s.backend.defect {
	case lowersNames:
		return strings.ToLower(name)
	case unescapesNames:
		return strings.ReplaceAll(name, "%2F", "/")
	case trimsNames:
		return strings.TrimSpace(name)
	case cutsNames:
		return name[:min(len(name), 7)]
	}
	return name
}

// newer reports whether a cursor may replace another. Cursors that are not
// numbers always may.
func (s *memCursors) newer(cursor, than string) bool {
	if s.backend.defect == storesText {
		return cursor > than
	}
	n, err := strconv.ParseInt(cursor, 10, 64)
	if err != nil {
		return true
	}
	m, err := strconv.ParseInt(than, 10, 64)
	return err != nil || n > m || s.backend.defect == goesBack
}

func (s *memCursors) done(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	switch s.backend.defect {
	case hangsWhenDone:
		<-s.backend.ended
	case hidesDone:
		return errStore
	}
	return ctx.Err()
}

func (s *memCursors) GetCursor(ctx context.Context, name string) (string, error) {
	if err := s.done(ctx); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	cursor, buffered := s.buffer[s.key(name)]
	if buffered && s.backend.defect == hidesBuffered {
		return "", nil
	}
	if buffered && s.backend.defect != readsBackend {
		return cursor, nil
	}
	s.backend.mu.Lock()
	defer s.backend.mu.Unlock()
	cursor, ok := s.backend.cursors[s.key(name)]
	switch {
	case !ok && s.backend.defect == missingIsError:
		return "", errStore
	case !ok && s.backend.defect == missingIsZero:
		return "0", nil
	}
	return cursor, nil
}

func (s *memCursors) SetCursor(ctx context.Context, name, cursor string) error {
	if err := s.done(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := s.key(name)
	old, buffered := s.buffer[key]
	if !buffered {
		s.backend.mu.Lock()
		old = s.backend.cursors[key]
		s.backend.mu.Unlock()
	}
	switch {
	case s.backend.defect == refusesInFlush && s.flushing:
		return errStore
	case s.backend.defect == zeroIsNone && cursor == "0":
		return nil
	case s.backend.defect == keepsFirst && buffered:
		return nil
	case s.backend.defect == bufferGoesBack && buffered:
		s.buffer[key] = cursor
		return nil
	case !s.newer(cursor, old):
		return nil
	case s.backend.defect == readsNumbers:
		n, err := strconv.Atoi(cursor)
		if err != nil {
			return err
		}
		cursor = strconv.Itoa(n)
	}
	s.buffer[key] = cursor
	return nil
}

func (s *memCursors) Flush(ctx context.Context) error {
	if err := s.done(ctx); err != nil {
		return err
	}
	s.backend.mu.Lock()
	stalled := s.backend.stalled
	s.backend.mu.Unlock()
	if err := s.await(ctx, stalled); err != nil || s.backend.defect == flushAnswersOK && ctx.Err() != nil {
		return err
	}
	if s.backend.defect == refusesInFlush {
		s.setFlushing(true)
		defer s.setFlushing(false)
		timer := time.NewTimer(time.Millisecond)
		defer timer.Stop()
		<-timer.C
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	s.backend.mu.Lock()
	defer s.backend.mu.Unlock()
	if len(s.buffer) == 0 {
		switch s.backend.defect {
		case failsIdleFlush:
			return errStore
		case forgetsIdle:
			clear(s.backend.cursors)
		}
	}
	for key, cursor := range s.buffer {
		if s.backend.defect != flushesNothing {
			s.backend.cursors[key] = cursor
		}
		if s.backend.defect == flushesOne {
			break
		}
	}
	clear(s.buffer)
	return nil
}

func (s *memCursors) setFlushing(is bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flushing = is
}

// await returns when the backend answers.
func (s *memCursors) await(ctx context.Context, answers <-chan struct{}) error {
	done := ctx.Done()
	if s.backend.defect == flushIsDeaf {
		done = nil
	}
	select {
	case <-answers:
		return nil
	case <-s.backend.ended:
		return errStore
	case <-done:
	}
	switch s.backend.defect {
	case flushAnswersOK:
		return nil
	case flushFailsDrops:
		s.mu.Lock()
		defer s.mu.Unlock()
		clear(s.buffer)
	}
	return ctx.Err()
}
