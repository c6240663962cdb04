package kafkacursor

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/internal/partition"
	"github.com/kreflex/kreflex/reflex"
)

var _ reflex.CursorStore = (*Store)(nil)

// closeTimeout bounds Close.
const closeTimeout = 10 * time.Second

// Store keeps cursors in a compacted topic. It is safe for concurrent use. Close it in
// the end.
//
// As a reflex.CursorStore its cursors belong to a consumer alone, are any text, and are
// the text that was set. Use For to have them belong to a consumer's position in a log.
type Store struct {
	kafka  []kgo.Opt
	topic  string
	owner  string // tells our records from others'
	config config

	cl      *kafka.Client // asks and produces; the tails have their own
	tails   []*tail
	writer  *writer
	group   *group // nil without WithMemberFencing
	unbound bound

	//nolint:containedctx // the life of the goroutines, which no single call has
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu      sync.RWMutex // before that of a slot
	slots   map[string]*slot
	closing bool

	closeOnce sync.Once
	closeErr  error
}

// Open opens the store in the topic, which it creates if there is none. The kgo
// options say how to reach Kafka: seed brokers, TLS, SASL, client ID.
//
// It waits for the brokers as long as ctx and WithTimeout allow, and returns the error of
// ctx or an *Error: ErrInvalidOption, ErrTopicConfig, ErrPartitionCount,
// ErrUnknownTopic, ErrNotAuthorised, ErrUnreachable, ErrRefused.
func Open(ctx context.Context, kafkaOpts []kgo.Opt, topic string, opts ...Option) (*Store, error) {
	c, err := resolve(topic, opts)
	if err != nil {
		return nil, err
	}
	cl, err := newClient(topic, kafkaOpts, produceOpts(c.timeout)...)
	if err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	id, err := openTopic(bounded, cl, topic, c)
	if err != nil {
		cl.Close()
		return nil, waitError(ctx, topic, err)
	}
	return newStore(slices.Clone(kafkaOpts), cl, topic, id, c), nil
}

func newStore(kafkaOpts []kgo.Opt, cl *kafka.Client, topic string, topicID [16]byte, c config) *Store {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Store{
		kafka: kafkaOpts, topic: topic, owner: newOwner(), config: c, cl: cl,
		ctx: ctx, cancel: cancel, slots: make(map[string]*slot),
	}
	s.unbound.store = s
	send := s.sendPlain
	switch {
	case c.fenced:
		send = s.sendFenced
	case c.memberFenced:
		s.group = newGroup(c.transactionalID)
		send = s.sendAsMember
	}
	s.writer = newWriter(c.flushInterval, send)
	s.start(s.writer.run)
	for p := range c.partitions {
		s.tails = append(s.tails, &tail{
			topic: topic, partition: p, topicID: topicID, observed: s.observe,
			newClient: func() (*kafka.Client, error) { return newClient(topic, s.kafka) },
		})
	}
	return s
}

// newOwner returns a name that no other store has.
func newOwner() string {
	var random [5]byte
	_, _ = rand.Read(random[:]) // never fails
	return strings.ToLower(base32.StdEncoding.EncodeToString(random[:]))
}

// start runs fn until the store is closed, and reports whether it isn't yet.
func (s *Store) start(fn func(context.Context)) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closing {
		return false
	}
	s.running.Go(func() { fn(s.ctx) })
	return true
}

// GetCursor takes the consumer over and returns its cursor, or "" if it has none. It
// reads all that was written before. See For for how to read it in a log.
func (s *Store) GetCursor(ctx context.Context, consumerName string) (string, error) {
	return s.unbound.GetCursor(ctx, consumerName)
}

// SetCursor keeps the cursor to be written within the flush interval.
func (s *Store) SetCursor(ctx context.Context, consumerName, cursor string) error {
	return s.unbound.SetCursor(ctx, consumerName, cursor)
}

// Flush returns when all cursors of the store that were set before are durable, or
// with why they are not. It is bounded by ctx and WithTimeout.
func (s *Store) Flush(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.open(); err != nil {
		return err
	}
	s.mu.RLock()
	slots := slices.Collect(maps.Values(s.slots))
	s.mu.RUnlock()
	return s.flush(ctx, slots)
}

// Close writes what is pending and ends all that the store runs, within 10 s. It
// returns why not all that was set is durable. Closing again returns the same.
func (s *Store) Close() error {
	s.closeOnce.Do(func() { s.closeErr = s.close() })
	return s.closeErr
}

func (s *Store) close() error {
	s.mu.Lock()
	s.closing = true
	slots := slices.Collect(maps.Values(s.slots))
	for _, sl := range slots {
		sl.mu.Lock()
		sl.closed = true // what is set from now on would not be flushed
		sl.mu.Unlock()
	}
	s.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	err := s.flushAll(ctx, slots)

	s.cancel()
	s.cl.Close()
	s.running.Wait()
	for _, sl := range slots {
		_ = sl.lock(context.Background()) // whoever has it sees that all is closed
		sl.closeFence()
		sl.unlock()
	}
	if s.group != nil {
		_ = s.group.lock(context.Background()) // as above
		s.group.closeClient()
		s.group.unlock()
	}
	return err
}

// flush is flushAll that also says why the topic isn't followed.
func (s *Store) flush(ctx context.Context, slots []*slot) error {
	if err := s.flushAll(ctx, slots); err != nil {
		return err
	}
	var errs joined
	for _, sl := range slots {
		sl.mu.Lock()
		isOwned := sl.cell.state == owned
		sl.mu.Unlock()
		if isOwned {
			errs.add(s.tails[sl.partition].revive(s.start))
		}
	}
	return errs.err()
}

func (s *Store) flushAll(ctx context.Context, slots []*slot) error {
	if len(slots) == 0 {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, s.config.timeout)
	defer cancel()
	err := s.writer.flush(bounded, slots)
	if bounded.Err() == nil || !errors.Is(err, bounded.Err()) {
		return err
	}
	if ctx.Err() != nil {
		return errors.Wrap(ctx.Err(), "flush cursors")
	}
	return &Error{
		Kind: ErrUnreachable, Topic: s.topic, Asked: "the cursors to be written within " + s.config.timeout.String(), Found: "no answer",
		Do: slowDo,
	}
}

// slot returns that of the key, and makes it if there is none.
func (s *Store) slot(key Key) (*slot, error) {
	if err := key.valid(); err != nil {
		return nil, err
	}
	text := key.String()
	s.mu.RLock()
	sl := s.slots[text]
	closing := s.closing
	s.mu.RUnlock()
	if closing {
		return nil, s.closedError()
	}
	if sl != nil {
		return sl, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return nil, s.closedError()
	}
	if sl = s.slots[text]; sl == nil {
		sl = newSlot(key, text, partitionOf(text, s.config.partitions))
		s.slots[text] = sl
	}
	return sl, nil
}

// observe looks at a record that was just read back.
func (s *Store) observe(e entry) {
	s.mu.RLock()
	sl := s.slots[e.text]
	s.mu.RUnlock()
	if sl == nil {
		return
	}
	sl.mu.Lock()
	defer sl.mu.Unlock()
	switch sl.cell.observe(e.epoch, e.owner == s.owner) {
	case superseded:
		kind := ErrSuperseded
		if (s.config.fenced || s.config.memberFenced) && e.fenced {
			kind = ErrFenced // as the next write would find out
		}
		sl.cell.lose(&Error{
			Kind: kind, Topic: s.topic, Key: sl.key, Found: "cursor " + clip(e.cursor) + " of owner " + clip(e.owner),
			Do: "run the consumer again if it should run here; it goes on from there",
		})
		s.writer.done.change()
	case overwritten:
		s.writer.enqueue(sl)
	}
}

// acquire takes the cursor over and returns it.
func (s *Store) acquire(ctx context.Context, sl *slot) (string, error) {
	bounded, cancel := context.WithTimeout(ctx, s.config.timeout)
	defer cancel()
	cursor, err := s.acquireInTurn(ctx, bounded, sl)
	s.enqueue(sl)
	return cursor, err
}

func (s *Store) acquireInTurn(ctx, bounded context.Context, sl *slot) (cursor string, err error) {
	if err := sl.lock(bounded); err != nil {
		return "", s.keyed(sl.key, waitError(ctx, s.topic, err))
	}
	defer sl.unlock()
	if s.ctx.Err() != nil {
		return "", s.closedError()
	}
	if s.config.memberFenced {
		if err := s.admit(bounded, sl.key); err != nil {
			return "", s.keyed(sl.key, waitError(ctx, s.topic, err))
		}
	}
	if s.config.fenced {
		sl.closeFence()
		defer func() {
			if err != nil {
				s.disown(sl, err)
			}
		}()
		if sl.fence, err = s.openFence(bounded, sl); err != nil {
			return "", s.keyed(sl.key, waitError(ctx, s.topic, err))
		}
	}
	if err := s.alone(sl); err != nil {
		return "", err
	}
	err = s.look(ctx, bounded, sl.partition, func(v *view) error {
		current, err := choose(v, sl)
		if err != nil {
			return err
		}
		sl.mu.Lock()
		defer sl.mu.Unlock()
		if sl.closed {
			return s.closedError()
		}
		cursor = sl.cell.acquire(current)
		if sl.fence != nil {
			sl.fence.epoch = sl.cell.epoch
		}
		return nil
	})
	return cursor, s.keyed(sl.key, err)
}

// disown ends an ownership whose transactional client is gone.
func (s *Store) disown(sl *slot, cause error) {
	sl.closeFence()
	sl.mu.Lock()
	sl.cell.lose(&Error{Kind: ErrOwnershipUnknown, Topic: s.topic, Key: sl.key, Cause: kafka.Cause(cause), Do: "run the consumer again"})
	sl.mu.Unlock()
	s.writer.done.change()
}

// choose returns the record that counts, unless it can't be used.
func choose(v *view, sl *slot) (standing, error) {
	current := v.get(sl.text)
	if current.best.bad != "" {
		return standing{}, current.best.export().Err
	}
	return current, nil
}

// alone returns an error if another partition is known to have a cursor under the
// key: then neither is known to be the newest.
func (s *Store) alone(sl *slot) error {
	for _, t := range s.tails {
		if t.partition != sl.partition && t.holds(sl.text) {
			return s.misplaced(sl.key, t.partition, sl.partition)
		}
	}
	return nil
}

// look calls fn with all that was written to the partition before. It is called
// with ctx bounded.
func (s *Store) look(ctx, bounded context.Context, p int32, fn func(*view) error) error {
	t := s.tails[p]
	t.ensure(s.start)
	log, err := partition.Describe(bounded, s.cl, s.topic, p)
	if err != nil {
		return waitError(ctx, s.topic, err)
	}
	if err := sameTopic(s.topic, t.topicID, log.TopicID); err != nil {
		return err
	}
	// Up to the high watermark: what is above the last stable offset may be acknowledged
	// already, and a cursor before it would make its events come again.
	var fnErr error
	at, err := t.look(bounded, log.HighWatermark, func(v *view) { fnErr = fn(v) })
	if err != nil {
		return s.lookError(ctx, err, p, at)
	}
	return fnErr
}

// closedError is returned after Close.
func (s *Store) closedError() error { return &Error{Kind: ErrClosed, Topic: s.topic} }
