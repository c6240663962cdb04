package main

import (
	"fmt"
	"strings"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

// decoderOf returns the decoder of a name on the command line.
func decoderOf(name string, numbers map[string]int) (kafkastream.Decoder, error) {
	types := make(map[string]reflex.EventType, len(numbers))
	for name, number := range numbers {
		types[name] = kind(number)
	}
	kindOf, header, _ := strings.Cut(name, ":")
	switch {
	case name == "envelope":
		return kafkastream.Envelope(), nil
	case name == "plain":
		return kafkastream.Plain(), nil
	case kindOf == "header" && header != "" && len(types) == 0:
		return kafkastream.TypeFromHeader(header, nil), nil
	case kindOf == "header" && header != "":
		return kafkastream.TypeFromHeader(header, types), nil
	case name == "cloudevents", name == "debezium":
		if len(types) == 0 {
			return nil, errors.Wrap(errBadFlag, fmt.Sprintf("--decoder %s needs --types: its types are names, reflex's are numbers", name))
		}
		if name == "debezium" {
			return kafkastream.DebeziumOutbox(types), nil
		}
		return kafkastream.CloudEvents(types), nil
	}
	return nil, errors.Wrap(errBadFlag, fmt.Sprintf("there is no --decoder %q: it is envelope, plain, header:NAME, cloudevents or debezium", name))
}
