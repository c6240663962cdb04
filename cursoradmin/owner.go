package cursoradmin

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/kreflex/kreflex/internal/groups"
	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
)

const (
	// fresh is how young a record must be for its owner to be looked for: many flush intervals.
	fresh = 10 * time.Second
	// lookTwice is how long a busy owner takes at most to write again.
	lookTwice = time.Second
)

// refuseAtWork refuses the steps of consumers that somebody runs.
func (a *Admin) refuseAtWork(ctx context.Context, steps []Step) error {
	consumer := ""
	for _, s := range steps {
		consumer = s.Consumer // of all of them
	}
	members, err := a.members(ctx, consumer)
	if err != nil {
		return err
	}
	if len(members) > 0 {
		for i := range steps {
			if steps[i].changes() {
				steps[i].refuse(&Error{
					Kind: ErrAtWork, Key: steps[i].key(), Asked: fmt.Sprintf("consumer group %q to have no members", a.groupOf(consumer)),
					Found: strings.Join(members, ", "), Do: "stop them and wait until they have left, or force it",
				})
			}
		}
		return nil
	}
	return a.refuseBusy(ctx, steps)
}

// refuseBusy refuses the steps whose cursors are written while we look.
func (a *Admin) refuseBusy(ctx context.Context, steps []Step) error {
	entries, err := a.store.List(ctx)
	if err != nil {
		return err
	}
	refuse := func() (refused bool) {
		found := byKey(entries)
		for i := range steps {
			s := &steps[i]
			if e := found[s.key()]; s.changes() && s.hasChanged(e, found) {
				s.refuse(&Error{
					Kind: ErrAtWork, Key: s.key(), Asked: "the cursor to be at rest", Found: fmt.Sprintf("that it was set to %q by %s just now", e.Cursor, e.Owner),
					Do: "stop the consumer where it runs, or force it",
				})
				refused = true
			}
		}
		return refused
	}
	if refuse() || !anyFresh(entries, steps) {
		return nil
	}
	if err := wait(ctx, lookTwice); err != nil {
		return err
	}
	if entries, err = a.store.List(ctx); err != nil {
		return err
	}
	refuse()
	return nil
}

// hasChanged reports whether the record is another one than that of the plan.
func (s Step) hasChanged(e kafkacursor.Entry, found map[kafkacursor.Key]kafkacursor.Entry) bool {
	if _, ok := found[s.key()]; !ok {
		return s.Record != unknown
	}
	return e.Offset != s.Record || e.Epoch != s.Epoch
}

// anyFresh reports whether any of the cursors to be changed was written of late. A clock that is ahead of ours is as good.
func anyFresh(entries []kafkacursor.Entry, steps []Step) bool {
	found := byKey(entries)
	for _, s := range steps {
		if e, ok := found[s.key()]; ok && s.changes() && time.Since(e.Time) < fresh {
			return true
		}
	}
	return false
}

// groupOf returns the consumer group that may run a consumer.
func (a *Admin) groupOf(consumer string) string {
	if a.config.group != "" {
		return a.config.group
	}
	return consumer
}

// members names the members of the consumer's group. Who may not ask, and didn't name one, has to do without.
func (a *Admin) members(ctx context.Context, consumer string) ([]string, error) {
	group := a.groupOf(consumer)
	client, err := kafka.NewClient(a.kafka)
	if err != nil {
		return nil, &Error{Kind: ErrInvalidOption, Cause: err}
	}
	defer client.Close()
	bounded, cancel := context.WithTimeout(ctx, a.config.timeout)
	defer cancel()
	admin := kadm.NewClient(client.Client)
	var pause kafka.Backoff
	for {
		members, err := kafka.Do(bounded, client, func(ctx context.Context) ([]string, error) { return groups.Members(ctx, admin, group) })
		class := kafka.Classify(err)
		switch {
		case err == nil:
			return members, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case class == kafka.Unauthorised && a.config.group == "":
			return nil, nil
		case class.Permanent():
			return nil, groupError(group, err)
		}
		if pause.Wait(bounded) != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, groupError(group, err)
		}
	}
}

func groupError(group string, err error) error {
	e := &Error{
		Kind: ErrUnreachable, Asked: fmt.Sprintf("the members of consumer group %q", group),
		Cause: kafka.Cause(err), Do: "check the brokers and try again",
	}
	switch class := kafka.Classify(err); {
	case class == kafka.Unauthorised:
		e.Kind, e.Do = kafkastream.ErrNotAuthorised, "allow DESCRIBE of the group, or force it"
	case class.Permanent():
		e.Kind, e.Do = kafkastream.ErrRefused, "see what the broker says"
	case errors.Is(err, context.DeadlineExceeded):
		e.Found = "no answer"
	}
	return e
}
