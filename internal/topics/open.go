package topics

import (
	"context"
	"fmt"
	"slices"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/internal/partition"
)

// BrokerDefault is the replication factor that leaves the choice to the broker.
const BrokerDefault = -1

// Spec is the topic that a room wants.
type Spec struct {
	Name string
	// Create has the topic created if there is none, with the partitions, replication factor and settings.
	Create            bool
	Partitions        int32
	ReplicationFactor int16
	Settings          map[string]string
	// Describe are the settings to be told of a topic that is there. None spares the question.
	Describe []string
}

// Found is the topic that is there now.
type Found struct {
	ID         [16]byte
	Partitions int32
	// Settings are those that Spec.Describe names, or those that the topic was created with.
	Settings map[string]string
}

// Step is what Open was doing.
type Step int

const (
	// Look asks whether the topic is there, and for its partitions and ID.
	Look Step = iota + 1
	// Create creates it.
	Create
	// Describe asks for its settings.
	Describe
)

// StepError is what a step met.
type StepError struct {
	Step Step
	// Message is what the broker said beside its error code, or empty.
	Message string
	// Cause is the error. It is never nil.
	Cause error
}

// Error says which step it was.
func (e *StepError) Error() string {
	step := map[Step]string{Look: "look for the topic", Create: "create the topic", Describe: "describe the topic"}[e.Step]
	if e.Message != "" {
		return fmt.Sprintf("%s: %v: %s", step, e.Cause, e.Message)
	}
	return fmt.Sprintf("%s: %v", step, e.Cause)
}

// Unwrap returns the cause.
func (e *StepError) Unwrap() error { return e.Cause }

// Open creates the topic, or looks at the one that is there.
func Open(ctx context.Context, cl *kafka.Client, spec Spec) (Found, error) {
	found, step, message, err := open(ctx, cl, spec)
	if err == nil {
		return found, nil
	}
	var gaveUp *partition.GaveUp
	if ctx.Err() != nil || errors.As(err, &gaveUp) {
		return Found{}, err
	}
	return Found{}, &StepError{Step: step, Message: message, Cause: err}
}

func open(ctx context.Context, cl *kafka.Client, spec Spec) (found Found, step Step, message string, err error) {
	found.Partitions, err = ask(ctx, cl, passing, count(cl, spec.Name))
	created := false
	switch {
	case err == nil:
	case kafka.Classify(err) != kafka.Unknown:
		return Found{}, Look, "", err
	case spec.Create:
		if created, message, err = create(ctx, cl, spec); err != nil {
			return Found{}, Create, message, err
		}
	default:
		// The broker asked may not have heard of it yet: this one asks more.
		if _, err := partition.Describe(ctx, cl, spec.Name, 0); err != nil {
			return Found{}, Look, "", err
		}
	}
	switch {
	case created:
		found.Settings = spec.Settings
	case len(spec.Describe) > 0:
		if found.Settings, err = ask(ctx, cl, passingWhenNew, settings(cl, spec)); err != nil {
			return Found{}, Describe, "", err
		}
	}
	if found.Partitions == 0 {
		if found.Partitions, err = ask(ctx, cl, passingWhenNew, count(cl, spec.Name)); err != nil {
			return Found{}, Look, "", err
		}
	}
	log, err := partition.Describe(ctx, cl, spec.Name, 0)
	found.ID = log.TopicID
	return found, Look, "", err
}

func count(cl *kafka.Client, topic string) func(context.Context) (int32, error) {
	return func(ctx context.Context) (int32, error) {
		topics, err := kadm.NewClient(cl.Client).ListTopics(ctx, topic)
		if err != nil {
			return 0, err
		}
		detail, ok := topics[topic]
		if !ok {
			return 0, kerr.UnknownTopicOrPartition
		}
		if detail.Err != nil {
			return 0, detail.Err
		}
		return int32(len(detail.Partitions)), nil //nolint:gosec // partitions are counted in 32 bits
	}
}

// create creates the topic and reports whether it was us.
func create(ctx context.Context, cl *kafka.Client, spec Spec) (created bool, message string, err error) {
	configs := make(map[string]*string)
	for name, value := range spec.Settings {
		configs[name] = &value
	}
	message, err = ask(ctx, cl, passing, func(ctx context.Context) (string, error) {
		resp, err := kadm.NewClient(cl.Client).CreateTopic(ctx, spec.Partitions, spec.ReplicationFactor, configs, spec.Name)
		return resp.ErrMessage, err
	})
	if errors.Is(err, kerr.TopicAlreadyExists) {
		return false, "", nil // somebody was faster, or an answer was lost
	}
	return err == nil, message, err
}

func settings(cl *kafka.Client, spec Spec) func(context.Context) (map[string]string, error) {
	return func(ctx context.Context) (map[string]string, error) {
		configs, err := kadm.NewClient(cl.Client).DescribeTopicConfigs(ctx, spec.Name)
		if err != nil {
			return nil, err
		}
		config, err := configs.On(spec.Name, nil)
		if err != nil {
			return nil, err
		}
		if config.Err != nil {
			return nil, config.Err
		}
		values := make(map[string]string)
		for _, c := range config.Configs {
			if slices.Contains(spec.Describe, c.Key) {
				values[c.Key] = c.MaybeValue()
			}
		}
		return values, nil
	}
}
