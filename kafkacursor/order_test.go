package kafkacursor

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOrderIsThatOfThePosition(t *testing.T) {
	require.Equal(t, "7", orderOf("7@Rk3sT1x2Q9ilbZk9Pb1xGg:4"))
	require.Equal(t, "7", orderOf("7"))
	require.Empty(t, orderOf(""))
}
