package kafkadeadletter

import (
	"fmt"

	"github.com/luno/jettison/errors"
)

// ReplayOption changes what Replay replays.
type ReplayOption func(*replayConfig)

type replayConfig struct {
	consumer    string
	from, until int64
	limit       int
	keepGoing   bool
}

// WithLettersOf replays the letters of a consumer of another name: one that was renamed, or whose
// letters a consumer made for it takes over. By default they are those of the consumer's own name.
func WithLettersOf(consumerName string) ReplayOption {
	return func(c *replayConfig) { c.consumer = consumerName }
}

// WithOffsets replays only letters of events from an offset on and before another; 0 as the second is no
// end.
func WithOffsets(from, until int64) ReplayOption {
	return func(c *replayConfig) { c.from, c.until = from, until }
}

// WithLimit replays the first n letters at most. 0, the default, is no limit.
func WithLimit(n int) ReplayOption {
	return func(c *replayConfig) { c.limit = n }
}

// WithKeepGoing goes on behind a letter that can't be consumed. By default Replay ends there, because
// what follows in the partition may depend on it.
func WithKeepGoing() ReplayOption {
	return func(c *replayConfig) { c.keepGoing = true }
}

// resolveReplay applies the options and reports all that is wrong with them.
func resolveReplay(topic, consumer string, opts []ReplayOption) (replayConfig, error) {
	c := replayConfig{consumer: consumer}
	var wrong []error
	invalid := func(asked, do string) {
		wrong = append(wrong, &Error{Kind: ErrInvalidOption, Topic: topic, Asked: asked, Do: do})
	}
	for _, opt := range opts {
		if opt == nil {
			invalid("a nil ReplayOption", "leave it out")
			continue
		}
		opt(&c)
	}
	if c.consumer == "" {
		wrong = append(wrong, &Error{Kind: ErrBadName, Topic: topic, Asked: "the letters of a consumer without a name", Do: "give the consumer a name, or WithLettersOf"})
	}
	if c.from < 0 || c.until < 0 || (c.until != 0 && c.until <= c.from) {
		invalid(fmt.Sprintf("events from offset %d on and before %d", c.from, c.until), "give WithOffsets the first offset, and the one after the last or 0")
	}
	if c.limit < 0 {
		invalid(fmt.Sprintf("%d letters", c.limit), "give WithLimit at least 1, or leave it out")
	}
	if len(wrong) == 1 {
		return c, wrong[0]
	}
	return c, errors.Join(wrong...)
}
