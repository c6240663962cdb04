package rpatterns_test

import (
	"context"
	"fmt"
	"time"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

// An event that is not valid will never be, so it is put aside at once. All other errors are retried,
// and then end the run: a broken database must not let events go by.
func ExampleNewRetryConsumer() {
	errInvalid := errors.New("invalid order", errors.C("ERR_INVALID_ORDER"))
	outages := 1
	ship := reflex.NewConsumer("retry-shipping", func(_ context.Context, e *reflex.Event) error {
		switch {
		case e.ForeignID == "":
			return errInvalid
		case outages > 0:
			outages--
			fmt.Println("no database for", e.ForeignID)
			return errors.New("no database")
		}
		fmt.Println("ship", e.ForeignID)
		return nil
	})

	consumer := rpatterns.NewRetryConsumer(ship,
		rpatterns.WithRetryBackoff(time.Millisecond, time.Second),
		rpatterns.WithRetryRule(
			func(err error) bool { return errors.Is(err, errInvalid) },
			rpatterns.RetryVerdict{Outcome: rpatterns.RetryDeadLetter}),
		rpatterns.WithRetryDefault(rpatterns.RetryVerdict{Attempts: 10, Outcome: rpatterns.RetryStick}),
		rpatterns.WithRetryDeadLetter(func(_ context.Context, consumer string, e *reflex.Event, cause error) error {
			fmt.Printf("%s puts event %s aside: %v\n", consumer, e.ID, cause)
			return nil
		}))

	stream := reflex.NewMockStream([]*reflex.Event{
		{ID: "1", ForeignID: "order-7"},
		{ID: "2"},
		{ID: "3", ForeignID: "order-9"},
	}, reflex.ErrStopped)
	err := reflex.Run(context.Background(), reflex.NewSpec(stream, rpatterns.MemCursorStore(), consumer))
	fmt.Println(err)
	// Output:
	// no database for order-7
	// ship order-7
	// retry-shipping puts event 2 aside: invalid order
	// ship order-9
	// recv error: the event stream has been stopped
}
