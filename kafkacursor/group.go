package kafkacursor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/kreflex/kreflex/internal/kafka"
)

// group is the consumer group that a store writes for, and the one transactional client that it
// does so with.
type group struct {
	transactionalID string

	// The turn is held by a round from its beginning to its end, and while the client is made.
	turn
	client *groupClient // guarded by the turn, nil before it is needed and after it failed

	mu      sync.Mutex
	member  Member // nil before Join, and after leaving
	leaving bool
	opened  bool // there was a client, so what a process before us left open is aborted
}

func newGroup(transactionalID string) *group {
	return &group{transactionalID: transactionalID, turn: newTurn()}
}

// NeedsMember reports whether the store was opened WithMemberFencing, and so needs Join.
func (s *Store) NeedsMember() bool { return s.group != nil }

// Join has the store write for the member, see WithMemberFencing, until leave is called. Call it
// before the first GetCursor, and leave after the last Flush: what is pending then is not written any more, and
// SetCursor is ErrNotMember until a cursor was got again under the next Join. leave waits for the write that is under
// way, within WithTimeout.
//
// It contacts nobody. It returns ErrInvalidOption without WithMemberFencing, and while another member has
// the store.
func (s *Store) Join(m Member) (leave func(), err error) {
	if s.group == nil {
		return nil, s.invalid("a member for a store that doesn't ask for one", "open the store WithMemberFencing")
	}
	if m == nil {
		return nil, s.invalid("a nil Member", "give the one that the partitions are assigned to")
	}
	if err := s.open(); err != nil {
		return nil, err
	}
	if !s.group.join(m) {
		return nil, s.invalid("a second member", "have the first one leave, or open another Store, with a transactional ID of its own")
	}
	var once sync.Once
	return func() { once.Do(s.leave) }, nil
}

func (s *Store) invalid(asked, do string) error {
	return &Error{Kind: ErrInvalidOption, Topic: s.topic, Asked: asked, Do: do}
}

func (g *group) join(m Member) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.member != nil {
		return false
	}
	g.member, g.leaving = m, false
	return true
}

// current returns the member, or nil while there is none.
func (g *group) current() Member {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.leaving {
		return nil
	}
	return g.member
}

// leave ends what the store does for the member.
func (s *Store) leave() {
	g := s.group
	g.mu.Lock()
	g.leaving = true
	g.mu.Unlock()

	ctx, cancel := context.WithTimeout(s.ctx, s.config.timeout)
	defer cancel()
	if g.lock(ctx) == nil {
		g.unlock() // no round is under way, and those to come find no member
	}
	s.mu.RLock()
	slots := slices.Collect(maps.Values(s.slots))
	s.mu.RUnlock()
	for _, sl := range slots {
		sl.mu.Lock()
		sl.cell.leave(s.notMember(sl.key))
		sl.mu.Unlock()
	}
	s.writer.done.change()

	g.mu.Lock()
	g.member = nil
	g.mu.Unlock()
}

// notMember is the error of a cursor that nobody may write here.
func (s *Store) notMember(key Key) error {
	e := &Error{Kind: ErrNotMember, Topic: s.topic, Key: key, Found: "no member of a consumer group", Do: "Join before a cursor is got, and leave after the last is flushed"}
	switch m := s.group.current(); {
	case key.Topic == "":
		e.Found, e.Do = "a cursor of no partition", "use For, or a Store without WithMemberFencing for this consumer"
	case m != nil:
		e.Found = fmt.Sprintf("that the partition is not assigned to this member of group %q", clip(m.Group()))
		e.Do = "consume it where it is assigned, or use a Store without WithMemberFencing for this consumer"
	}
	return e
}

// admit returns an error unless the cursor is that of a partition of the member. With it comes that
// the transaction which a process of our transactional ID left open is aborted: it would hide the cursors from us
// until it times out.
func (s *Store) admit(ctx context.Context, key Key) error {
	g := s.group
	m := g.current()
	if m == nil || key.Topic == "" || !m.Owns(key.Topic, key.Partition) {
		return s.notMember(key)
	}
	g.mu.Lock()
	opened := g.opened
	g.mu.Unlock()
	if opened {
		return nil
	}
	if err := g.lock(ctx); err != nil {
		return err
	}
	defer g.unlock()
	_, err := s.groupClient(ctx)
	return err
}

// groupClient returns the transactional client, and makes one if there is none. The turn is held.
func (s *Store) groupClient(ctx context.Context) (*groupClient, error) {
	g := s.group
	if g.client != nil {
		return g.client, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Or Close would wait for brokers that don't answer.
	defer context.AfterFunc(s.ctx, cancel)() //nolint:contextcheck // of two contexts whichever ends first
	if s.ctx.Err() != nil {
		return nil, s.closedError()
	}
	client, err := s.openGroupClient(ctx, g.transactionalID)
	if err != nil {
		return nil, err
	}
	g.client = client
	g.mu.Lock()
	g.opened = true
	g.mu.Unlock()
	return client, nil
}

// closeClient throws the client away. The turn is held.
func (g *group) closeClient() {
	if g.client != nil {
		g.client.cl.Close()
		g.client = nil
	}
}

// groupClient is the transactional client of a process.
type groupClient struct {
	cl *kafka.Client
	// implicit means that a commit of offsets makes the group part of the transaction, see versions.
	implicit bool
}

// openGroupClient makes a client, and fences the process that had the transactional ID before.
func (s *Store) openGroupClient(ctx context.Context, transactionalID string) (*groupClient, error) {
	second, err := s.hasSecondTransactions(ctx)
	if err != nil {
		return nil, err
	}
	v := newVersions(s.cl, second)
	opts := append(fenceOpts(s.config.timeout, transactionalID), v.opts()...)
	cl, err := s.openTransactional(ctx, opts)
	if err != nil {
		return nil, err
	}
	return &groupClient{cl: cl, implicit: v.implicit}, nil
}
