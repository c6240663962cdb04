package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kreflex/kreflex/reflex"
)

// screen shows what goes on: on a terminal in one line that is rewritten,
// elsewhere in plain lines, fewer of them. It is safe for concurrent use.
//
// What can't be written is dropped: the verdict of a demo is its exit code.
type screen struct {
	mu       sync.Mutex
	out      io.Writer
	terminal bool
	every    time.Duration
	last     time.Time // of the progress shown
	open     bool      // the line of the cursor holds progress
}

const (
	everyOnTerminal = 100 * time.Millisecond
	everyInLines    = time.Second

	rewriteLine = "\r\x1b[K" // to its start, and erase it
)

func newScreen(out io.Writer) *screen {
	s := &screen{out: out, every: everyInLines, last: time.Now()}
	if isTerminal(out) {
		s.terminal, s.every = true, everyOnTerminal
	}
	return s
}

// isTerminal reports whether lines can be rewritten.
func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// line shows a line that stays.
func (s *screen) line(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write(fmt.Sprintf(format, args...) + "\n")
	s.open = false
}

// progress shows how far something is, unless it did so just before.
func (s *screen) progress(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if now.Sub(s.last) < s.every {
		return
	}
	s.last = now
	text := fmt.Sprintf(format, args...)
	if !s.terminal {
		text += "\n"
	}
	s.write(text)
	s.open = s.terminal
}

func (s *screen) write(text string) {
	if s.open {
		text = rewriteLine + text
	}
	_, _ = io.WriteString(s.out, text)
}

// count returns a number with its thousands apart.
func count(n int) string {
	digits := strconv.Itoa(n)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 && digits[i-1] != '-' {
			b.WriteByte(' ')
		}
		b.WriteRune(d)
	}
	return b.String()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

func millis(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }

// slowEnough is the rate, in events per second, up to which each one is shown.
const slowEnough = 20

// event shows an event, if it comes slowly enough for people.
func (s *screen) event(e *reflex.Event, rate float64) {
	if rate > 0 && rate <= slowEnough {
		s.line("event %s: type %d of %s %s", e.ID, e.Type.ReflexType(), e.ForeignID, e.MetaData)
	}
}
