package kafkacursor

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/internal/decimal"
	"github.com/kreflex/kreflex/internal/kafka"
)

// line is a cursor of a round, and the offset that the group gets for it.
type line struct {
	*job
	text string
	next int64
}

// patience is how long a member that was refused may take to hear of the generation that took its
// place. A rebalance ends at the coordinator before it ends at the member, so one that is alive and well is
// refused in between; a zombie hears of nothing.
const patience = time.Second

// glance is how often it is looked at meanwhile.
const glance = 10 * time.Millisecond

// sendAsMember writes all jobs in one transaction, which holds only if the member still is one.
func (s *Store) sendAsMember(jobs []*job) {
	ctx, cancel := context.WithTimeout(s.ctx, s.config.timeout)
	defer cancel()
	if s.group.lock(ctx) != nil { // the client is being made, by somebody who will say why it takes so long
		for _, jb := range jobs {
			jb.done(jb, s.slowWrite(jb))
		}
		return
	}
	defer s.group.unlock()
	s.writeLines(ctx, s.lines(jobs))
}

// lines returns the jobs as they are to be written. One without an offset fails, and nothing but
// it: the group can't be given anything for it, so nobody could say whether it may be written.
func (s *Store) lines(jobs []*job) []line {
	lines := make([]line, 0, len(jobs))
	for _, jb := range jobs {
		text := jb.write.value.text()
		next, ok := nextOffset(text)
		if !ok {
			jb.done(jb, &Error{
				Kind: ErrNotOffset, Topic: s.topic, Key: jb.key, Asked: "cursor " + strconv.Quote(clip(text)), Found: "nothing that the group could be given",
				Do: "set IDs of events that are offsets, or use a Store without WithMemberFencing for this consumer",
			})
			continue
		}
		lines = append(lines, line{job: jb, text: text, next: next})
	}
	return lines
}

// nextOffset returns the offset to read next after a cursor, such as 8 after
// "7@Rk3sT1x2Q9ilbZk9Pb1xGg:4". What is beyond all offsets is the last.
func nextOffset(cursor string) (int64, bool) {
	const beforeFirst = "-1"
	position := orderOf(cursor)
	if cursor == "" || position == beforeFirst {
		return 0, true
	}
	if !decimal.Is(position) {
		return 0, false
	}
	offset, err := strconv.ParseInt(position, 10, 64)
	if err != nil || offset == math.MaxInt64 {
		return math.MaxInt64, true
	}
	return offset + 1, true
}

// writeLines writes until there is an answer that stays, or ctx is done.
func (s *Store) writeLines(ctx context.Context, lines []line) {
	var (
		pause   kafka.Backoff
		refused membership
		why     error // refused was
	)
	for {
		m := s.group.current()
		if m == nil {
			s.loseLines(lines, func(l line) error { return s.notMember(l.key) })
			return
		}
		// In this order: a partition that is released between the two is no more ours under the generation
		// after, but would be taken for it.
		at := membershipOf(m)
		lines = s.owned(m, lines)
		if len(lines) == 0 {
			return
		}
		if why != nil && at == refused {
			s.loseLines(lines, func(l line) error { return s.refusedError(l, at, why) })
			return
		}
		end := s.attempt(ctx, at, lines)
		switch {
		case end.outcome == wasRefused:
			refused, why = at, end.err
			s.awaitChange(ctx, m, at, lines)
		case end.outcome == wasNotWritten && isPassing(end.err) && pause.Wait(ctx) == nil:
		default:
			s.conclude(lines, end)
			return
		}
	}
}

// attempt makes a transaction of the lines.
func (s *Store) attempt(ctx context.Context, at membership, lines []line) ending {
	if at.generation < 0 {
		return ending{outcome: wasRefused, err: errNoGeneration}
	}
	client, err := s.groupClient(ctx)
	if err != nil {
		return ending{outcome: wasNotWritten, err: err}
	}
	records := make([]*kgo.Record, 0, len(lines))
	for _, l := range lines {
		records = append(records, newRecord(s.topic, l.partition, l.job.text, []byte(l.text), l.write.epoch, s.owner))
	}
	t := &groupTransaction{client: client, id: s.group.transactionalID, at: at, records: records, offsets: offsetsOf(lines)}
	end := t.do(ctx)
	if !end.reusable {
		s.group.closeClient()
	}
	return end
}

// owned returns the lines of partitions that are the member's. The others have lost their cursors.
func (s *Store) owned(m Member, lines []line) []line {
	isForeign := func(l line) bool { return !m.Owns(l.key.Topic, l.key.Partition) }
	if !slices.ContainsFunc(lines, isForeign) {
		return lines
	}
	var ours, foreign []line
	for _, l := range lines {
		if isForeign(l) {
			foreign = append(foreign, l)
		} else {
			ours = append(ours, l)
		}
	}
	s.loseLines(foreign, func(l line) error {
		return &Error{
			Kind: ErrFenced, Topic: s.topic, Key: l.key,
			Found: fmt.Sprintf("that the partition is not assigned to this member of group %q any more", clip(m.Group())),
			Do:    takenOverDo,
		}
	})
	return ours
}

// awaitChange returns when there is something new to know about a membership that was refused, or it
// is not to be expected any more.
func (s *Store) awaitChange(ctx context.Context, m Member, refused membership, lines []line) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(glance)
	defer ticker.Stop()
	owns := func(l line) bool { return m.Owns(l.key.Topic, l.key.Partition) }
	for {
		now := membershipOf(m)
		if now != refused && now.generation >= 0 || s.group.current() == nil || !slices.ContainsFunc(lines, owns) {
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// loseLines ends the ownership of cursors: of all, before anybody hears of one.
func (s *Store) loseLines(lines []line, why func(line) error) {
	errs := make([]error, len(lines))
	for i, l := range lines {
		errs[i] = why(l)
		l.mu.Lock()
		if l.cell.epoch == l.write.epoch {
			l.cell.lose(errs[i])
		}
		l.mu.Unlock()
	}
	for i, l := range lines {
		l.done(l.job, errs[i])
	}
}

// conclude tells all lines how the transaction ended.
func (s *Store) conclude(lines []line, end ending) {
	switch end.outcome {
	case wasWritten:
		for _, l := range lines {
			l.done(l.job, nil)
		}
	case wasFenced:
		s.loseLines(lines, func(l line) error {
			return &Error{
				Kind: ErrFenced, Topic: s.topic, Key: l.key, Cause: kafka.Cause(end.err),
				Found: fmt.Sprintf("another process with transactional ID %q", clip(s.group.transactionalID)),
				Do:    "give WithMemberFencing an ID of its own in each process, and run the consumer again",
			}
		})
	case wasUnknown:
		s.loseLines(lines, func(l line) error {
			return &Error{Kind: ErrOwnershipUnknown, Topic: s.topic, Key: l.key, Cause: kafka.Cause(end.err), Do: unknownEndDo}
		})
	default:
		for _, l := range lines {
			l.done(l.job, s.notWritten(l, end.err))
		}
	}
}
