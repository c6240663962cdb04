package filters

import (
	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"

	"github.com/kreflex/kreflex/reflex"
)

// Deserializer decodes the metadata of an event, which may be nil, and must not be changed.
type Deserializer[T any] func(b []byte) (T, error)

// DataFilter reports whether the consumer wants an event with the metadata.
type DataFilter[T any] func(d T) (bool, error)

const (
	deserializationText = "deserialization failed"
	deserializationCode = "ERR_7e3f5b8a1c4d2e96"
)

// The codes are those of luno/reflex.
var (
	errDeserialization     = errors.New(deserializationText, j.C(deserializationCode))
	errMetadataEventFilter = errors.New("cannot make a MetadataEventFilter from a nil Deserializer or DataFilter",
		j.C("ERR_1a5f8c3e7b2d4f09"))
)

// MetadataEventFilter returns a filter that decodes the metadata of an event with ds and asks flt. An error of ds is
// wrapped so that IsDeserializationErr knows it, one of flt is returned as it is.
//
// It returns an error, which IsMetadataEventFilterErr knows, if ds or flt is nil.
func MetadataEventFilter[T any](ds Deserializer[T], flt DataFilter[T]) (reflex.EventFilter, error) {
	if ds == nil || flt == nil {
		return nil, errors.Wrap(errMetadataEventFilter, "", j.MKV{"nil_deserializer": ds == nil, "nil_filter": flt == nil})
	}
	return func(event *reflex.Event) (bool, error) {
		var metadata []byte
		if event != nil {
			metadata = event.MetaData
		}
		data, err := ds(metadata)
		if err != nil {
			return false, errors.Wrap(err, deserializationText, j.C(deserializationCode))
		}
		return flt(data)
	}, nil
}

// IsDeserializationErr reports whether err comes from the Deserializer of a MetadataEventFilter.
func IsDeserializationErr(err error) bool { return errors.Is(err, errDeserialization) }

// IsMetadataEventFilterErr reports whether err is that of MetadataEventFilter itself, for a part that is nil.
func IsMetadataEventFilterErr(err error) bool { return errors.Is(err, errMetadataEventFilter) }
