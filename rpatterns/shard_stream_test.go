package rpatterns_test

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/reflextest"
	"github.com/kreflex/kreflex/rpatterns"
)

// shardSource is a log whose events have the IDs 1 to size. What is behind an @ in a cursor is ignored, as
// that of a store may tell more than the ID.
type shardSource struct {
	mu      sync.Mutex
	size    int
	payload int
	grown   chan struct{}
	opened  []string // the cursors
	open    int
	reads   int   // events, by all streams
	endErr  error // of a stream that is at the end, instead of waiting
	openErr error
}

func newShardSource(size int) *shardSource {
	return &shardSource{size: size, grown: make(chan struct{})}
}

func (s *shardSource) grow(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.size += n
	close(s.grown)
	s.grown = make(chan struct{})
}

// end ends streams that are at the end with err.
func (s *shardSource) end(err error) {
	s.mu.Lock()
	s.endErr = err
	s.mu.Unlock()
	s.grow(0)
}

type shardCounts struct{ opened, open, reads int }

func (s *shardSource) counts() shardCounts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return shardCounts{len(s.opened), s.open, s.reads}
}

func (s *shardSource) stream(ctx context.Context, after string, _ ...reflex.StreamOption) (reflex.StreamClient, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.openErr != nil {
		return nil, s.openErr
	}
	next := 1
	if after != "" {
		id, _, _ := strings.Cut(after, "@")
		n, err := strconv.Atoi(id)
		if err != nil {
			return nil, err
		}
		next = n + 1
	}
	s.opened = append(s.opened, after)
	s.open++
	return &shardSourceClient{ctx: ctx, source: s, next: next}, nil
}

type shardSourceClient struct {
	ctx    context.Context
	source *shardSource
	next   int
	closed bool
}

var _ io.Closer = (*shardSourceClient)(nil)

func (c *shardSourceClient) Recv() (*reflex.Event, error) {
	for {
		if err := c.ctx.Err(); err != nil {
			return nil, err
		}
		c.source.mu.Lock()
		there, grown, endErr := c.next <= c.source.size, c.source.grown, c.source.endErr
		if there {
			c.source.reads++
		}
		c.source.mu.Unlock()
		if there {
			id := strconv.Itoa(c.next)
			c.next++
			return &reflex.Event{ID: id, ForeignID: id, MetaData: make([]byte, c.source.payload)}, nil
		}
		if endErr != nil {
			return nil, endErr
		}
		select {
		case <-grown:
		case <-c.ctx.Done():
		}
	}
}

func (c *shardSourceClient) Close() error {
	c.source.mu.Lock()
	defer c.source.mu.Unlock()
	if !c.closed {
		c.closed = true
		c.source.open--
	}
	return nil
}

func share(s *shardSource) reflex.StreamFunc { return rpatterns.ShareStream(s.stream, 16, 1<<20) }

func openShard(ctx context.Context, t *testing.T, stream reflex.StreamFunc, after string, opts ...reflex.StreamOption) reflex.StreamClient {
	t.Helper()
	c, err := stream(ctx, after, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.(io.Closer).Close() })
	return c
}

func closeShard(t *testing.T, c reflex.StreamClient) {
	t.Helper()
	require.NoError(t, c.(io.Closer).Close())
}

// requireFollowing receives the events from first to last.
func requireFollowing(t *testing.T, c reflex.StreamClient, first, last int) {
	t.Helper()
	for id := first; id <= last; id++ {
		requireRecv(t, c, strconv.Itoa(id))
	}
}

func TestASharedStreamKeepsTheContract(t *testing.T) {
	reflextest.RunStreamTests(t, reflextest.StreamHarness{
		New: func(testing.TB) reflextest.Source {
			l := &pollLog{page: 2}
			poller := rpatterns.NewPoller(l.poll, rpatterns.WithPollBackoff(time.Millisecond))
			return reflextest.Source{
				Stream: rpatterns.ShareStream(poller.Stream, 16, 1<<20),
				Append: func(_ context.Context, events ...reflex.Event) ([]string, error) {
					return l.add(events...), nil
				},
			}
		},
		Live:               true,
		ToHead:             true,
		Lag:                true,
		Cancel:             true,
		IntegerIDs:         true,
		BadCursors:         []string{"x"},
		TimestampPrecision: time.Nanosecond,
		BinaryForeignIDs:   true,
		EmptyMetaData:      true,
		Trace:              true,
	})
}

// A shard starts elsewhere than the others and reads by itself until they meet.
func TestAShardMeetsTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShardSource(10)
		stream := share(s)
		first := openShard(t.Context(), t, stream, "")
		requireFollowing(t, first, 1, 8)

		// The ID of an event that is kept: no stream is needed.
		second := openShard(t.Context(), t, stream, "3")
		requireFollowing(t, second, 4, 10)
		require.Equal(t, 1, s.counts().opened)

		// The same in another form. It is known when an event came.
		third := openShard(t.Context(), t, stream, "3@log")
		require.Equal(t, shardCounts{opened: 2, open: 2, reads: 10}, s.counts())
		requireFollowing(t, third, 4, 10)
		require.Equal(t, shardCounts{opened: 2, open: 1, reads: 11}, s.counts())

		// It is ahead of the others until they come.
		fourth := openShard(t.Context(), t, stream, "9@log")
		requireFollowing(t, fourth, 10, 10)
		s.grow(1)
		for _, c := range []reflex.StreamClient{second, third, fourth} {
			requireFollowing(t, c, 11, 11)
		}
		requireFollowing(t, first, 9, 11)
		require.Equal(t, shardCounts{opened: 3, open: 1, reads: 13}, s.counts())
	})
}

// A slow shard must not hold up the others, nor make them keep all that it has not consumed. It falls
// out, reads by itself, and comes back.
func TestAStuckShardStallsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShardSource(100)
		stream := share(s)
		stuck := openShard(t.Context(), t, stream, "")
		requireFollowing(t, stuck, 1, 1)
		fast := openShard(t.Context(), t, stream, "1")

		requireFollowing(t, fast, 2, 100)
		require.Equal(t, 1, s.counts().opened)

		requireFollowing(t, stuck, 2, 100)
		require.Equal(t, 2, s.counts().opened)
		s.grow(1)
		requireFollowing(t, fast, 101, 101)
		requireFollowing(t, stuck, 101, 101)
		require.Equal(t, 1, s.counts().open)
	})
}

// What is kept is bounded by bytes as well, but what the fastest needs next is always there.
func TestASharedStreamIsBoundedByBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShardSource(40)
		s.payload = 1 << 10
		stream := rpatterns.ShareStream(s.stream, 1<<10, 8<<10) // 6 events
		slow := openShard(t.Context(), t, stream, "")
		synctest.Wait()
		require.Equal(t, 2, s.counts().reads) // a quarter is read ahead
		requireFollowing(t, slow, 1, 1)
		fast := openShard(t.Context(), t, stream, "1")
		requireFollowing(t, fast, 2, 40)
		requireFollowing(t, slow, 2, 40)
		require.Equal(t, 2, s.counts().opened)
	})
	synctest.Test(t, func(t *testing.T) {
		s := newShardSource(40)
		s.payload = 1 << 10
		c := openShard(t.Context(), t, rpatterns.ShareStream(s.stream, 1<<10, 1), "") // each event is too much
		requireFollowing(t, c, 1, 40)
		require.Equal(t, 1, s.counts().opened)
	})
}

// The last shard to leave ends the stream, whoever opened it.
func TestTheLastShardClosesTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShardSource(3)
		stream := share(s)
		ctx, cancel := context.WithCancel(t.Context())
		opener := openShard(ctx, t, stream, "")
		other := openShard(t.Context(), t, stream, "")
		requireFollowing(t, opener, 1, 3)

		cancel()
		_, err := opener.Recv()
		require.Equal(t, context.Canceled, err)
		closeShard(t, opener)
		requireFollowing(t, other, 1, 3)
		s.grow(1)
		requireFollowing(t, other, 4, 4)
		require.Equal(t, shardCounts{opened: 1, open: 1, reads: 4}, s.counts())

		closeShard(t, other)
		require.Zero(t, s.counts().open)
		closeShard(t, other) // again

		// And then it starts anew.
		requireFollowing(t, openShard(t.Context(), t, stream, "4", reflex.WithStreamLag(0)), 5, 4)
		require.Equal(t, 2, s.counts().opened)
	})
}

// Two shards read by themselves, and the shared stream that they would have met is gone. One of them has to open the next, or
// they would read apart for ever.
func TestShardsThatReadAloneFindEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShardSource(10)
		stream := share(s)
		gone := openShard(t.Context(), t, stream, "")
		a := openShard(t.Context(), t, stream, "8@log")
		b := openShard(t.Context(), t, stream, "9@log")
		closeShard(t, gone)
		require.Equal(t, 2, s.counts().open)
		requireFollowing(t, a, 9, 10)
		requireFollowing(t, b, 10, 10)

		s.grow(5)
		requireFollowing(t, a, 11, 15)
		requireFollowing(t, b, 11, 15)

		require.Equal(t, 1, s.counts().open)
	})
}

// The events are there, then the error, for each of the shards. Until they have left the stream stays open: a source may
// forget what log they are of with its last stream.
func TestTheErrorOfASharedStreamIsForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShardSource(3)
		stream := share(s)
		a := openShard(t.Context(), t, stream, "")
		b := openShard(t.Context(), t, stream, "")
		s.end(errRunBroken)
		synctest.Wait()
		for _, c := range []reflex.StreamClient{a, b} {
			requireFollowing(t, c, 1, 3)
			_, err := c.Recv()
			require.Same(t, errRunBroken, err)
		}
		require.Equal(t, shardCounts{opened: 1, open: 1, reads: 3}, s.counts())

		// A stream that has ended is not joined.
		late := openShard(t.Context(), t, stream, "")
		requireFollowing(t, late, 1, 3)
		require.Equal(t, 2, s.counts().opened)

		for _, c := range []reflex.StreamClient{a, b, late} {
			closeShard(t, c)
		}
		require.Zero(t, s.counts().open)
	})
}

func TestASharedStreamThatCannotBeOpened(t *testing.T) {
	s := newShardSource(3)
	s.openErr = errRunBroken
	_, err := share(s)(t.Context(), "")
	require.Same(t, errRunBroken, err)
}

// The one that opens the stream gives up. Nobody else is there, so its goroutine ends as well.
func TestOpeningASharedStreamEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hanging := func(ctx context.Context, _ string, _ ...reflex.StreamOption) (reflex.StreamClient, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := rpatterns.ShareStream(hanging, 16, 1<<20)(ctx, "")
		require.Equal(t, context.DeadlineExceeded, err)
	})
}

// There are clients that ignore their context and end when they are closed.
func TestASharedStreamThatOnlyCloseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream := rpatterns.ShareStream(func(context.Context, string, ...reflex.StreamOption) (reflex.StreamClient, error) {
			return make(closable), nil
		}, 16, 1<<20)
		c := openShard(t.Context(), t, stream, "")
		synctest.Wait()
		closeShard(t, c)
	})
}

// The source still needs a second when it is told to end. The last shard's Close is over when that is: nothing is left
// behind.
func TestTheLastShardWaitsForTheSharedStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := openShard(t.Context(), t, rpatterns.ShareStream(func(ctx context.Context, _ string, _ ...reflex.StreamOption) (reflex.StreamClient, error) {
			return lingering{ctx}, nil
		}, 16, 1<<20), "")
		synctest.Wait()
		start := time.Now()
		closeShard(t, c)
		require.Equal(t, time.Second, time.Since(start))
	})
}

type lingering struct{ ctx context.Context }

func (c lingering) Recv() (*reflex.Event, error) {
	<-c.ctx.Done()
	passTime(time.Second)
	return nil, c.ctx.Err()
}

// The goroutine of the shared stream is nobody's who could recover from it.
func TestAPanicOfASharedStreamIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var panicErr *reflex.PanicError
		_, err := rpatterns.ShareStream(func(context.Context, string, ...reflex.StreamOption) (reflex.StreamClient, error) {
			panic("open")
		}, 16, 1<<20)(t.Context(), "")
		require.ErrorAs(t, err, &panicErr)

		c := openShard(t.Context(), t, rpatterns.ShareStream(func(context.Context, string, ...reflex.StreamOption) (reflex.StreamClient, error) {
			return panicking{}, nil
		}, 16, 1<<20), "")
		_, err = c.Recv()
		require.ErrorAs(t, err, &panicErr)
	})
}

type panicking struct{}

func (panicking) Recv() (*reflex.Event, error) { panic("recv") }

// Each shard that starts at the head has a head of its own, and so has one that ends there.
func TestShardsFromOrToTheHeadDontShare(t *testing.T) {
	for _, opt := range []reflex.StreamOption{reflex.WithStreamFromHead(), reflex.WithStreamToHead()} {
		synctest.Test(t, func(t *testing.T) {
			s := newShardSource(3)
			stream := share(s)
			openShard(t.Context(), t, stream, "", opt)
			openShard(t.Context(), t, stream, "", opt)
			require.Equal(t, 2, s.counts().opened)
		})
	}
}

// What one shard does to an event, the others don't see.
func TestShardsDontShareEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShardSource(1)
		stream := share(s)
		a, b := openShard(t.Context(), t, stream, ""), openShard(t.Context(), t, stream, "")
		e, err := a.Recv()
		require.NoError(t, err)
		e.ID, e.ForeignID = "changed", "changed"
		requireRecv(t, b, "1")
	})
}

// Whatever shards do, stalling, failing, starting anew with whatever form of their cursor, each gets each event
// once and in order, and in the end nothing is left open.
func TestShardsLoseAndRepeatNothing(t *testing.T) {
	const size = 60
	rapid.Check(t, func(rt *rapid.T) {
		s := shardSource{
			size:    rapid.IntRange(0, size).Draw(rt, "size"),
			payload: rapid.SampledFrom([]int{0, 200}).Draw(rt, "payload"),
		}
		buffer := rapid.Int64Range(4, 24).Draw(rt, "buffer")
		plans := rapid.SliceOfN(shardPlans(size), 1, 5).Draw(rt, "shards")
		var problems []string
		synctest.Test(t, func(*testing.T) {
			s.grown = make(chan struct{})
			problems = runShards(&s, rpatterns.ShareStream(s.stream, buffer, 8<<10), plans, size)
		})
		if len(problems) > 0 {
			rt.Fatal(problems)
		}
	})
}

// runShards runs the plans while the source grows to the size, and returns what is wrong.
func runShards(s *shardSource, stream reflex.StreamFunc, plans []shardPlan, size int) (problems []string) {
	var wg sync.WaitGroup
	found := make(chan string, len(plans))
	left := size - s.size
	for shard, plan := range plans {
		wg.Go(func() {
			if problem := plan.run(stream, size); problem != "" {
				found <- fmt.Sprintf("shard %d: %s", shard, problem)
			}
		})
	}
	for range left {
		passTime(3 * time.Millisecond)
		s.grow(1)
	}
	wg.Wait()
	close(found)
	for problem := range found {
		problems = append(problems, problem)
	}
	if c := s.counts(); c.open != 0 {
		problems = append(problems, fmt.Sprintf("left open: %+v", c))
	}
	return problems
}

// shardPlan is what a shard does.
type shardPlan struct {
	Start  int           // the cursor, 0 is none
	Delay  time.Duration // before it starts
	Stalls map[int]time.Duration
	Fails  map[int]bool // starts anew before these events
	Plain  bool         // the form of its cursors
	Cancel bool         // by its context, before it closes
}

func shardPlans(size int) *rapid.Generator[shardPlan] {
	ms := func(most int) *rapid.Generator[time.Duration] {
		return rapid.Map(rapid.IntRange(0, most), func(n int) time.Duration { return time.Duration(n) * time.Millisecond })
	}
	return rapid.Custom(func(t *rapid.T) shardPlan {
		return shardPlan{
			Start:  rapid.IntRange(0, size).Draw(t, "start"),
			Delay:  ms(50).Draw(t, "delay"),
			Stalls: rapid.MapOfN(rapid.IntRange(1, size), ms(100), 0, 10).Draw(t, "stalls"),
			Fails:  rapid.MapOfN(rapid.IntRange(1, size), rapid.Just(true), 0, 10).Draw(t, "fails"),
			Plain:  rapid.Bool().Draw(t, "plain"),
			Cancel: rapid.Bool().Draw(t, "cancel"),
		}
	})
}

// run receives up to the event with the ID last and returns what is wrong.
func (p shardPlan) run(stream reflex.StreamFunc, last int) string {
	passTime(p.Delay)
	failed := make(map[int]bool)
	for done := p.Start; done < last; {
		got, problem := p.runOnce(stream, done, last, failed)
		if problem != "" {
			return problem
		}
		done = got
	}
	return ""
}

func (p shardPlan) runOnce(stream reflex.StreamFunc, done, last int, failed map[int]bool) (int, string) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	after := ""
	if done > 0 {
		after = strconv.Itoa(done)
		if !p.Plain {
			after += "@log"
		}
	}
	c, err := stream(ctx, after)
	if err != nil {
		return done, err.Error()
	}
	defer c.(io.Closer).Close()
	for done < last {
		e, err := c.Recv()
		if err != nil {
			return done, err.Error()
		}
		if e.ID != strconv.Itoa(done+1) {
			return done, fmt.Sprintf("event %s after %d", e.ID, done)
		}
		passTime(p.Stalls[done+1])
		if p.Fails[done+1] && !failed[done+1] {
			failed[done+1] = true
			if p.Cancel {
				cancel()
			}
			return done, ""
		}
		done++
	}
	return done, ""
}
