package sqlcursor

import (
	"context"
	"fmt"

	"github.com/kreflex/kreflex/reflex"
)

var _ reflex.CursorStore = (*Cursors)(nil)

// Cursors are those of the consumers of one log, or of none: see Store.Bind. They are safe for
// concurrent use.
type Cursors struct {
	store *Store
	log   Log // nil is none
}

// GetCursor takes the consumer over and returns its cursor. It waits for a transaction that has
// set the cursor and is not over, as what is consumed depends on how that ends.
func (c *Cursors) GetCursor(ctx context.Context, consumerName string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	sl, err := c.slot(consumerName)
	if err != nil {
		return "", err
	}
	return c.store.acquire(ctx, sl)
}

// SetCursor writes the cursor; it is durable when it returns. The cursor that Transact has set
// costs nothing, and that of SetCursorTx a query by primary key, which tells whether that
// was committed: ErrNotCommitted.
func (c *Cursors) SetCursor(ctx context.Context, consumerName, cursor string) error {
	sl, v, err := c.value(consumerName, cursor)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	p := sl.plan(v)
	if p.verdict == mustOwn {
		if _, err := c.store.acquire(ctx, sl); err != nil {
			return err
		}
		p = sl.plan(v)
	}
	if p.verdict == doubted {
		if err := c.store.confirmClaim(ctx, sl, p, c.store.look); err != nil {
			return err
		}
		p = sl.plan(v)
	}
	switch p.verdict {
	case same:
		return nil
	case write:
		return c.store.write(ctx, sl, p.epoch, v)
	default:
		return c.store.refusal(sl, p, v)
	}
}

// Flush has nothing to do, as SetCursor writes.
func (c *Cursors) Flush(ctx context.Context) error { return ctx.Err() }

// slot returns that of the consumer.
func (c *Cursors) slot(consumer string) (*slot, error) {
	key := Key{Consumer: consumer}
	if c.log != nil {
		key.Topic, key.Partition = c.log.Topic(), c.log.Partition()
		if key.Topic == "" {
			return nil, &Error{
				Kind: ErrBadKey, Table: c.store.config.table, Asked: fmt.Sprintf("a cursor of %q in a log without a topic", clip(consumer)), Do: "give the log its topic",
			}
		}
	}
	return c.store.slot(key)
}

// value returns the cursor as it is to be written.
func (c *Cursors) value(consumer, cursor string) (*slot, value, error) {
	sl, err := c.slot(consumer)
	if err != nil {
		return nil, value{}, err
	}
	v := value{id: cursor, order: orderOf(cursor), text: cursor}
	if c.log != nil {
		v.text = c.log.Stamp()(cursor)
	}
	v.text = escape(v.text)
	switch {
	case cursor == "":
		err = c.store.complaint(sl.key, &Error{Kind: ErrBadCursor, Asked: "an empty cursor", Do: "use Reset to have a consumer begin at the start"})
	case len(v.text) > maxCursor:
		err = c.store.complaint(sl.key, &Error{Kind: ErrBadCursor, Asked: tooLong("a cursor", v.text, maxCursor), Do: "use a shorter one"})
	}
	return sl, v, err
}
