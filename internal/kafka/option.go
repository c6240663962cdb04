package kafka

import (
	"context"
	"fmt"
	"reflect"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/twmb/franz-go/pkg/kgo"
)

// ErrOption is what an OptionError is.
var ErrOption = errors.New("option is not for this client", j.C("ERR_b83d1f6a40c2e597"))

// OptionError says which option of kgo the user must not give.
type OptionError struct {
	// Option is its name, such as ConsumerGroup, or empty where kgo said no.
	Option string
	// Cause is what kgo said, or nil.
	Cause error
}

// Error names the option and says why it is refused.
func (e *OptionError) Error() string {
	if e.Option == "" {
		return fmt.Sprintf("kgo refuses the options: %v", e.Cause)
	}
	return fmt.Sprintf("kgo.%s makes the client do what it isn't for: leave the option out, "+
		"the options only say how to reach Kafka", e.Option)
}

// Unwrap returns ErrOption, and the cause where there is one.
func (e *OptionError) Unwrap() []error {
	if e.Cause == nil {
		return []error{ErrOption}
	}
	return []error{ErrOption, e.Cause}
}

// checkOptions looks for options that would start something. A kgo.Opt can't be
// looked into, so they are given to a client that is dead before it begins:
// its context is cancelled, and so it contacts nobody.
func checkOptions(user []kgo.Opt) error {
	if !anySpecial(user) {
		return nil
	}
	dead, cancel := context.WithCancel(context.Background())
	cancel()
	probe, err := kgo.NewClient(append(append(defaults(), user...), kgo.WithContext(dead), kgo.DisableClientMetrics())...)
	if err != nil {
		return &OptionError{Cause: err}
	}
	defer probe.CloseAllowingRebalance()
	if name := refused(probe); name != "" {
		return &OptionError{Option: name}
	}
	return nil
}

// anySpecial reports whether any option is about more than how to reach Kafka,
// which spares most users the probe.
func anySpecial(opts []kgo.Opt) bool {
	for _, opt := range opts {
		switch opt.(type) {
		case kgo.GroupOpt, kgo.ConsumerOpt, kgo.ProducerOpt:
			return true
		}
	}
	return false
}

// refused returns the name of the first option that is set and must not be.
func refused(client *kgo.Client) string {
	for _, option := range []struct {
		name string
		opt  any
	}{
		{"ConsumerGroup", kgo.ConsumerGroup},
		{"ShareGroup", kgo.ShareGroup},
		{"InstanceID", kgo.InstanceID},
		{"ConsumeTopics", kgo.ConsumeTopics},
		{"ConsumePartitions", kgo.ConsumePartitions},
		{"ConsumeRegex", kgo.ConsumeRegex},
		{"TransactionalID", kgo.TransactionalID},
	} {
		if isSet(client.OptValues(option.opt)) {
			return option.name
		}
	}
	return ""
}

// isSet reports whether the values of an option, as OptValues gives them, are
// other than what a client without the option has.
func isSet(values []any) bool {
	if len(values) == 0 {
		return false
	}
	value := reflect.ValueOf(values[0])
	switch value.Kind() {
	case reflect.Map:
		return value.Len() > 0
	case reflect.Invalid:
		return false
	default:
		return !value.IsZero()
	}
}
