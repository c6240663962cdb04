package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/internal/tally"
	"github.com/kreflex/kreflex/kafkacursor"
)

const (
	// A worker lives this long after its first event.
	shortestLife = 50 * time.Millisecond
	longestLife  = 500 * time.Millisecond
)

// killed runs the consumer as a process of its own, kills it again and again all
// over the stream, and lets a last one reach the head. Workers journal what they do,
// so that it is known although they die.
func (c *demoCommand) killed(ctx context.Context, s *stage, published []tally.Published, show *screen) (_ []tally.Life, err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "kreflex-demo-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	worker := workerCommand{Brokers: s.addrs, Topic: s.topic, Cursors: s.cursors, FlushInterval: c.FlushInterval}
	onlooker, err := life{kafka: s.kafka, cursors: s.cursors, flushInterval: c.FlushInterval}.open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, onlooker.Close()) }()

	seed := c.Seed
	if seed == 0 {
		seed = rand.Uint64()
	}
	show.line("Killing the consumer %d times at random moments, --seed %d.", c.Kills, seed)
	moments := rand.New(rand.NewPCG(seed, 0))

	killer := killer{program: program, onlooker: onlooker, show: show, published: published}
	for kill := range c.Kills + 1 {
		worker.Journal = filepath.Join(dir, fmt.Sprint("life-", kill))
		left := c.Kills - kill
		worker.Rate = c.Rate
		if c.Rate == 0 {
			worker.Rate = killer.rate(left)
		}
		var lifespan time.Duration // unlimited
		if left > 0 {
			lifespan = shortestLife + time.Duration(moments.Int64N(int64(longestLife-shortestLife)))
		}
		if err := killer.live(ctx, worker, lifespan); err != nil {
			return nil, err
		}
	}
	return killer.lives, nil
}

// killer runs workers, one after the other.
type killer struct {
	program   string
	onlooker  *kafkacursor.Store
	show      *screen
	published []tally.Published

	lives    []tally.Life
	consumed int // over all lives
	newest   int64
}

// rate chooses how many events a worker consumes in a second, so that the kills
// that are left spread over the events that are left.
func (k *killer) rate(killsLeft int) float64 {
	if killsLeft == 0 {
		return 0
	}
	left := float64(len(k.published))
	if n := len(k.lives); n > 0 && len(k.lives[n-1].Consumed) > 0 {
		last := k.published[len(k.published)-1].Offset
		left = float64(last - k.newest)
	}
	return spreadRate(left, killsLeft)
}

// spreadRate is the rate at which a life of average length takes its share of
// what is left, and even the longest one leaves something for the next.
func spreadRate(left float64, killsLeft int) float64 {
	average := (shortestLife + longestLife) / 2
	share := left / float64(killsLeft+1) / average.Seconds()
	const leaveOver = 0.8
	return max(1, min(share, leaveOver*left/longestLife.Seconds()))
}

// live runs one worker, and kills it so long after its first event. With 0 it
// waits for its end.
func (k *killer) live(ctx context.Context, worker workerCommand, lifespan time.Duration) error {
	process, err := startWorker(ctx, k.program, worker)
	if err != nil {
		return err
	}
	stop := k.watch(ctx, worker.Journal)
	end := tally.Life{Crashed: lifespan > 0}
	if end.Crashed {
		err = process.killAfter(ctx, lifespan)
		end.Ended = process.killedAt
	} else {
		err = process.wait(ctx)
	}
	if err = errors.Join(err, stop()); err != nil {
		return err
	}
	if end.Consumed, end.Writes, err = tally.ReadJournal(worker.Journal); err != nil {
		return err
	}
	if end.Cursor, err = storedCursor(ctx, k.onlooker, worker.Topic); err != nil {
		return err
	}
	k.lives = append(k.lives, end)
	k.consumed += len(end.Consumed)
	if n := len(end.Consumed); n > 0 {
		k.newest = end.Consumed[n-1].Offset
	}
	if end.Crashed {
		k.show.line("kill %d after %s: at event %d, %s consumed in this life, cursor %s", len(k.lives), millis(lifespan),
			k.newest, count(len(end.Consumed)), cursorText(end.Cursor))
	}
	return nil
}

// watch shows the progress of a worker until the function is called that it returns.
func (k *killer) watch(ctx context.Context, journal string) (stop func() error) {
	before := k.consumed
	began := time.Now()
	return every(ctx, k.show.every, func(context.Context) error {
		info, err := os.Stat(journal)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		now := tally.JournalSize(info.Size())
		k.show.progress("life %d: consumed %s, in all %s of %s and repeats, %s events/s", len(k.lives)+1, count(now),
			count(before+now), count(len(k.published)), count(int(float64(now)/time.Since(began).Seconds())))
		return nil
	})
}
