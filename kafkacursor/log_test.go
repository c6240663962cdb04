package kafkacursor_test

import (
	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
)

var _ kafkacursor.Log = (*kafkastream.Partition)(nil)
