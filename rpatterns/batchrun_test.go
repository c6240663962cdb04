package rpatterns

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
)

// The period of a batch ends while an event completes it, and the next event is waiting already. By the time the
// goroutine has its turn there is another batch, whose period has just begun.
func TestPeriodThatIsOverIsNotThatOfTheNextBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sizes, gate := make(chan int, 3), make(chan struct{})
		c := NewBatchConsumer("test", MemCursorStore(), func(_ context.Context, b Batch) error {
			sizes <- len(b)
			<-gate
			return nil
		}, time.Second, 2)
		require.NoError(t, c.Reset(t.Context()))
		run := c.run()
		consume := func(id string) {
			if err := c.Consume(t.Context(), &reflex.Event{ID: id}); err != nil {
				t.Error(err)
			}
		}

		consume("a")
		<-time.After(900 * time.Millisecond)
		run.turn <- struct{}{} // so that b is in front of the goroutine
		go consume("b")
		<-time.After(200 * time.Millisecond)
		<-run.turn
		synctest.Wait()
		require.Equal(t, 2, <-sizes)
		go consume("c")
		synctest.Wait()
		close(gate)
		<-time.After(900 * time.Millisecond)
		synctest.Wait()
		require.Empty(t, sizes, "c has not waited for its period")
		<-time.After(200 * time.Millisecond)
		synctest.Wait()
		require.Len(t, sizes, 1)
		require.NoError(t, c.Stop())
	})
}
