package kafka

import (
	"context"
	"fmt"
	"testing"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
)

// A dial inside kgo timed out, nobody's context was done, and the loop around Run
// that asks reflex.IsExpected went on without a word, for ever.
func TestTimeoutInsideARequestIsNotTheCallersOwn(t *testing.T) {
	dial := fmt.Errorf("unable to dial: %w", context.DeadlineExceeded)
	cause := Cause(dial)
	require.EqualError(t, cause, dial.Error())
	require.False(t, errors.Is(cause, context.DeadlineExceeded))

	require.NoError(t, Cause(nil))
	require.Same(t, kerr.NotEnoughReplicas, Cause(kerr.NotEnoughReplicas))
}
