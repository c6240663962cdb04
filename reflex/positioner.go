package reflex

// Positioner is a StreamClient that knows where it began. A consumer that begins at the head can
// only be resumed there if the head is stored before the first event is consumed: without it, the cursor
// is still that of a consumer which never began, and what could not be consumed is never seen again.
//
// It is optional. rpatterns.NewBootstrapSpec makes use of it. A stream that wraps another one should hand it on.
type Positioner interface {
	// Position returns the cursor after which the stream began. With WithStreamFromHead that is the head as
	// it was when the stream was opened. A stream opened after this cursor delivers the same events. As the ID of an event
	// it is something to set with a CursorStore, and is never empty: it tells the first event of all from no
	// cursor. It is false where the stream can't say.
	Position() (cursor string, ok bool)
}
