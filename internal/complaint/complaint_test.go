package complaint_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/internal/complaint"
)

func TestLineHasItsPartsInOrder(t *testing.T) {
	kind, cause := errors.New("topic is gone"), errors.New("kafka said so")
	require.Equal(t, "topic is gone (orders/0): asked for offset 7: found nothing: kafka said so: create it",
		complaint.Line(kind, "orders/0", "offset 7", "nothing", cause, "create it"))
	require.Equal(t, "topic is gone", complaint.Line(kind, "", "", "", nil, ""))
	require.Equal(t, "topic is gone: found nothing", complaint.Line(kind, "", "", "nothing", nil, ""))
}

func TestChainHasNoNil(t *testing.T) {
	kind, cause := errors.New("topic is gone"), errors.New("kafka said so")
	require.Equal(t, []error{kind, cause}, complaint.Chain(kind, cause))
	require.Equal(t, []error{kind}, complaint.Chain(kind, nil))
}
