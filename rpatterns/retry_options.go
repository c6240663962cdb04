package rpatterns

import (
	"context"
	"fmt"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"

	"github.com/kreflex/kreflex/internal/growth"
	"github.com/kreflex/kreflex/reflex"
)

// RetryOutcome is what happens to an event when the attempts at it are used up.
type RetryOutcome int

const (
	// RetryStick leaves the cursor before the event.
	RetryStick RetryOutcome = 0
	// RetrySkip goes on behind the event.
	RetrySkip RetryOutcome = 1
	// RetryDeadLetter keeps the event somewhere else, and goes on behind it.
	RetryDeadLetter RetryOutcome = 2
)

// RetryForever as the number of attempts means that they are never used up. The outcome doesn't matter then.
const RetryForever = -1

// RetryVerdict says what becomes of an event that failed with an error.
type RetryVerdict struct {
	// Attempts is how often the event is tried in all, the first time included. 0 is 1: no retry. RetryForever has no limit.
	Attempts int
	// Outcome is what happens then. The default is RetryStick.
	Outcome RetryOutcome
}

// exhausted reports whether no attempt is left after so many.
func (v RetryVerdict) exhausted(attempts int) bool {
	return v.Attempts >= 0 && attempts >= v.Attempts
}

// RetryHook is told of an event that was skipped or dead-lettered, before the cursor moves behind it. It may
// be told again of the same event, if the program ends just then.
type RetryHook func(ctx context.Context, outcome RetryOutcome, consumerName string, e *reflex.Event, cause error)

// RetryOption is an option of NewRetryConsumer. Of two that set the same thing, the later one holds.
type RetryOption func(*retryConfig)

// WithRetryBackoff sets the pause after the first attempt and the longest one. It doubles from one to the other and is
// spread by 20 %. The defaults, also for values that are not positive, are 100 ms and 10 s.
func WithRetryBackoff(initial, longest time.Duration) RetryOption {
	return func(c *retryConfig) {
		c.pauses = growth.New(initial, longest, defaultRetryPause, defaultRetryLongest)
	}
}

// WithRetryRule adds a rule for the errors that match. It may be given several times: the first that
// matches counts. An event that fails with one error and then with another is judged by the
// latest, with all attempts counted. Nothing expected is ever matched: see NewRetryConsumer.
func WithRetryRule(match func(error) bool, verdict RetryVerdict) RetryOption {
	return func(c *retryConfig) { c.rules = append(c.rules, retryRule{match, verdict}) }
}

// WithRetryDefault sets the verdict on errors that no rule matches. The default is 5 attempts, then RetryStick.
func WithRetryDefault(verdict RetryVerdict) RetryOption {
	return func(c *retryConfig) { c.standard = verdict }
}

// WithRetryDeadLetter sets where events of the outcome RetryDeadLetter are kept.
func WithRetryDeadLetter(fn DeadLetterFunc) RetryOption {
	return func(c *retryConfig) { c.deadLetter = fn }
}

// WithRetryHook sets what is told of events that were skipped or dead-lettered, such as to count them.
func WithRetryHook(fn RetryHook) RetryOption {
	return func(c *retryConfig) { c.hook = fn }
}

type retryRule struct {
	match   func(error) bool
	verdict RetryVerdict
}

type retryConfig struct {
	pauses     growth.Plan
	rules      []retryRule
	standard   RetryVerdict
	deadLetter DeadLetterFunc
	hook       RetryHook
}

func newRetryConfig(opts []RetryOption) retryConfig {
	c := retryConfig{standard: RetryVerdict{Attempts: defaultRetryAttempts}}
	WithRetryBackoff(0, 0)(&c)
	for _, opt := range opts {
		opt(&c)
	}
	return c
}

// check returns what is wrong with the rules: NewRetryConsumer has no error to return.
func (c *retryConfig) check() error {
	if err := c.checkVerdict(c.standard); err != nil {
		return err
	}
	for _, rule := range c.rules {
		if err := c.checkVerdict(rule.verdict); err != nil {
			return err
		}
	}
	return nil
}

func (c *retryConfig) checkVerdict(v RetryVerdict) error {
	switch v.Outcome {
	case RetryStick, RetrySkip:
	case RetryDeadLetter:
		if c.deadLetter == nil {
			return errors.Wrap(ErrNoDeadLetter, "give one by WithRetryDeadLetter")
		}
	default:
		return errors.Wrap(ErrRetryVerdict, fmt.Sprintf("outcome %d", v.Outcome), j.KV("outcome", int(v.Outcome)))
	}
	if v.Attempts < RetryForever {
		return errors.Wrap(ErrRetryVerdict, fmt.Sprintf("%d attempts", v.Attempts), j.KV("attempts", v.Attempts))
	}
	return nil
}

func (c *retryConfig) verdict(err error) RetryVerdict {
	for _, rule := range c.rules {
		if rule.match(err) {
			return rule.verdict
		}
	}
	return c.standard
}
