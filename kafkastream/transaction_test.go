package kafkastream

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/kreflex/kreflex/kafkatest"
)

var errLogic = errors.New("logic failed")

// requireCommitted compares all that readers of committed events see, in order,
// up to a last event that is published for the purpose.
func requireCommitted(t *testing.T, broker *kafkatest.Broker, want ...string) {
	t.Helper()
	const last = "last"
	plain := newPublisher(t, broker.Opts())
	_, err := plain.Publish(t.Context(), event("", last))
	require.NoError(t, err)
	var got []string
	for _, r := range readCommitted(t, broker, len(want)+1) {
		got = append(got, string(r.Value))
	}
	require.Equal(t, append(want, last), got)
}

// recovered runs fn and returns what it panicked with.
func recovered(fn func()) (value any) {
	defer func() { value = recover() }()
	fn()
	return nil
}

func TestATransactionIsVisibleAsAWholeOrNotAtAll(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
	p := newPublisher(t, broker.Opts(), WithTransactionalID("tx"))

	require.NoError(t, p.Transact(t.Context(), func(tx *Tx) error {
		return errors.Join(tx.Publish(t.Context(), event("o-1", "a")), tx.Publish(t.Context(), event("o-1", "b"), event("o-2", "c")))
	}))
	require.ErrorIs(t, p.Transact(t.Context(), func(tx *Tx) error {
		require.NoError(t, tx.Publish(t.Context(), event("o-1", "returned an error")))
		return errLogic
	}), errLogic)
	require.Equal(t, "panicked", recovered(func() {
		_ = p.Transact(t.Context(), func(tx *Tx) error {
			require.NoError(t, tx.Publish(t.Context(), event("o-1", "panicked")))
			panic("panicked")
		})
	}))
	ctx, cancel := context.WithCancel(t.Context())
	require.ErrorIs(t, p.Transact(ctx, func(tx *Tx) error {
		require.NoError(t, tx.Publish(t.Context(), event("o-1", "cancelled")))
		cancel()
		return nil
	}), context.Canceled)
	require.NoError(t, p.Transact(t.Context(), func(*Tx) error { return nil }))
	require.NoError(t, p.Transact(t.Context(), func(tx *Tx) error { return tx.Publish(t.Context(), event("o-1", "d")) }))

	requireCommitted(t, broker, "a", "b", "c", "d")
}

// An event that is not written must take the others with it, though
// the function didn't look.
func TestATransactionWithAFailedEventIsAborted(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
	p := newPublisher(t, broker.Opts(), WithTransactionalID("tx"))
	var tooLarge int
	err := p.Transact(t.Context(), func(tx *Tx) error {
		require.NoError(t, tx.Publish(t.Context(), event("o-1", "a")))
		require.NoError(t, p.client.Flush(t.Context()))
		broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.MessageTooLarge})
		tooLarge++
		_ = tx.Publish(t.Context(), event("o-1", "b"))
		return nil
	})
	require.ErrorIs(t, err, ErrEventTooLarge)
	require.NoError(t, p.Transact(t.Context(), func(tx *Tx) error { return tx.Publish(t.Context(), event("o-1", "c")) }))
	requireCommitted(t, broker, "c")
}

// Half of the events of one call found room. Whatever the function makes of the
// error, these must not become visible alone.
func TestATransactionWithAnEventNotHandedOverIsAborted(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
	p := newPublisher(t, append(broker.Opts(), kgo.MaxBufferedRecords(1)), WithTransactionalID("tx"))
	fault := broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
	err := p.Transact(t.Context(), func(tx *Tx) error {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, tx.Publish(ctx, event("o-1", "a"), event("o-1", "b")), context.DeadlineExceeded)
		fault.Remove()
		return nil
	})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	requireCommitted(t, broker)
}

// An old publisher, paused while a new one with its id started, must not
// publish any more, whether it has a transaction open or not.
func TestANewPublisherFencesTheOld(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
	for _, when := range []string{"idle", "open", "before commit"} {
		t.Run(when, func(t *testing.T) {
			before := newPublisher(t, broker.Opts(), WithTransactionalID(when))
			after := newPublisher(t, broker.Opts(), WithTransactionalID(when))
			takeOver := func() {
				require.NoError(t, after.Transact(t.Context(), func(tx *Tx) error { return tx.Publish(t.Context(), event("", when+" after")) }))
			}
			require.NoError(t, before.Transact(t.Context(), func(tx *Tx) error { return tx.Publish(t.Context(), event("", when+" before")) }))
			if when == "idle" {
				takeOver()
			}
			err := before.Transact(t.Context(), func(tx *Tx) error {
				switch when {
				case "open":
					require.NoError(t, tx.Publish(t.Context(), event("", "zombie")))
					require.NoError(t, before.client.Flush(t.Context()))
					takeOver()
					_ = tx.Publish(t.Context(), event("", "zombie"))
				case "before commit":
					require.NoError(t, tx.Publish(t.Context(), event("", "zombie")))
					require.NoError(t, before.client.Flush(t.Context()))
					takeOver()
				default:
					_ = tx.Publish(t.Context(), event("", "zombie"))
				}
				return nil
			})
			require.ErrorIs(t, err, ErrPublisherFenced)
			for range 3 {
				err := before.Transact(t.Context(), func(*Tx) error { t.Error("a fenced publisher ran its function"); return nil })
				require.ErrorIs(t, err, ErrPublisherFenced)
			}
			require.NoError(t, after.Transact(t.Context(), func(tx *Tx) error { return tx.Publish(t.Context(), event("", when+" goes on")) }))
		})
	}
	requireCommitted(t, broker, "idle before", "idle after", "idle goes on", "open before", "open after", "open goes on",
		"before commit before", "before commit after", "before commit goes on")
}

// The answer to a commit gets lost: nobody here can know how it ended, so neither
// success nor failure may be claimed. The publisher stays of use.
func TestALostAnswerToACommitIsSaidToBeUnknown(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
	p := newPublisher(t, broker.Opts(), WithTransactionalID("tx"))
	broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, TopLevel: true, Err: kerr.UnknownServerError})
	err := p.Transact(t.Context(), func(tx *Tx) error { return tx.Publish(t.Context(), event("o-1", "a")) })
	require.ErrorIs(t, err, ErrCommitUnknown)
	require.NotErrorIs(t, err, ErrTransactionAborted)
	require.NoError(t, p.Transact(t.Context(), func(tx *Tx) error { return tx.Publish(t.Context(), event("o-1", "b")) }))
	requireCommitted(t, broker, "b")
}

// kgo would take a new transaction after InvalidProducerEpoch from brokers before
// 4.0, under a fresh epoch: a zombie would fence its successor in turn.
func TestAFencedPublisherStaysFenced(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
	for name, fault := range map[string]kfake.Fault{
		"commit":  {Keys: []kmsg.Key{kmsg.EndTxn}, TopLevel: true, Err: kerr.InvalidProducerEpoch},
		"produce": {Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.InvalidProducerEpoch, Count: -1},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPublisher(t, append(broker.Opts(), kgo.MaxVersions(kversion.V3_7_0())), WithTransactionalID(name))
			faults := broker.Cluster().Fault(fault)
			err := p.Transact(t.Context(), func(tx *Tx) error { return tx.Publish(t.Context(), event("o-1", "a")) })
			require.ErrorIs(t, err, ErrPublisherFenced)
			faults.Remove()
			require.ErrorIs(t, p.Transact(t.Context(), func(*Tx) error { return nil }), ErrPublisherFenced)
		})
	}
}

// An abort whose answer is lost leaves kgo in the transaction, and the next one
// could not begin.
func TestAFailedAbortIsMadeUpFor(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
	p := newPublisher(t, broker.Opts(), WithTransactionalID("tx"))
	fault := broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, TopLevel: true, Err: kerr.UnknownServerError})
	require.ErrorIs(t, p.Transact(t.Context(), func(tx *Tx) error {
		require.NoError(t, tx.Publish(t.Context(), event("o-1", "a")))
		require.NoError(t, p.client.Flush(t.Context()))
		return errLogic
	}), errLogic)
	require.Equal(t, 1, fault.Hits())
	require.NoError(t, p.Transact(t.Context(), func(tx *Tx) error { return tx.Publish(t.Context(), event("o-1", "b")) }))
	requireCommitted(t, broker, "b")
}

func TestACommitThatKafkaRefusesIsAborted(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
	p := newPublisher(t, broker.Opts(), WithTransactionalID("tx"))
	broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, TopLevel: true, Err: kerr.TransactionAbortable})
	err := p.Transact(t.Context(), func(tx *Tx) error { return tx.Publish(t.Context(), event("o-1", "a")) })
	require.ErrorIs(t, err, ErrTransactionAborted)
	require.NoError(t, p.Transact(t.Context(), func(tx *Tx) error { return tx.Publish(t.Context(), event("o-1", "b")) }))
	requireCommitted(t, broker, "b")
}

func TestTransactReturnsWhenItsContextIsDone(t *testing.T) {
	t.Run("broker never answers", func(t *testing.T) {
		p := newPublisher(t, blackHole(t), WithTransactionalID("tx"))
		p.closeTimeout = 50 * time.Millisecond
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		err := p.Transact(ctx, func(*Tx) error { t.Error("ran without a transaction"); return nil })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Less(t, time.Since(start), prompt)
	})
	t.Run("events not acknowledged", func(t *testing.T) {
		broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
		p := newPublisher(t, broker.Opts(), WithTransactionalID("tx"))
		fault := broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			_ = fault.Wait(t.Context(), 2)
			cancel()
		}()
		err := p.Transact(ctx, func(tx *Tx) error { return tx.Publish(t.Context(), event("o-1", "a")) })
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, ErrCommitUnknown, "it was not sent yet")
		fault.Remove()
		require.NoError(t, p.Transact(t.Context(), func(tx *Tx) error { return tx.Publish(t.Context(), event("o-1", "b")) }))
		requireCommitted(t, broker, "b")
	})
	t.Run("commit not answered", func(t *testing.T) {
		broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
		p := newPublisher(t, broker.Opts(), WithTransactionalID("tx"))
		held, release := make(chan struct{}), make(chan struct{})
		broker.Cluster().ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
			broker.Cluster().DropControl()
			close(held)
			broker.Cluster().SleepControl(func() { <-release })
			return nil, nil, false
		})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-held
			cancel()
		}()
		err := p.Transact(ctx, func(tx *Tx) error { return tx.Publish(t.Context(), event("o-1", "a")) })
		require.ErrorIs(t, err, ErrCommitUnknown)
		require.ErrorIs(t, err, context.Canceled)

		// The next one waits for it, but not beyond its own context.
		short, cancelShort := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancelShort()
		err = p.Transact(short, func(*Tx) error { t.Error("two transactions at once"); return nil })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		close(release)
		require.NoError(t, p.Transact(t.Context(), func(tx *Tx) error { return tx.Publish(t.Context(), event("o-1", "b")) }))
		requireCommitted(t, broker, "a", "b")
	})
}

func TestTransactionsOfAPublisherDoNotMix(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
	p := newPublisher(t, broker.Opts(), WithTransactionalID("tx"))
	const callers, events = 4, 3
	var inside atomic.Int32
	done := make(chan error, callers)
	for c := range callers {
		go func() {
			done <- p.Transact(t.Context(), func(tx *Tx) error {
				defer inside.Add(-1)
				if inside.Add(1) != 1 {
					return errors.New("two functions at once")
				}
				for i := range events {
					if err := tx.Publish(t.Context(), event("o-1", fmt.Sprint(c, " ", i))); err != nil {
						return err
					}
				}
				if c%2 == 1 {
					return errLogic
				}
				return nil
			})
		}()
	}
	failed := 0
	for range callers {
		if err := <-done; err != nil {
			require.ErrorIs(t, err, errLogic)
			failed++
		}
	}
	require.Equal(t, callers/2, failed)
	seen := 0
	for _, r := range readCommitted(t, broker, callers/2*events) {
		require.Equal(t, strconv.Itoa(seen%events), string(r.Value[2:]), "transactions interleave")
		seen++
	}
}

func TestATxIsOfNoUseAfterItsFunction(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
	p := newPublisher(t, broker.Opts(), WithTransactionalID("tx"))
	var kept *Tx
	require.NoError(t, p.Transact(t.Context(), func(tx *Tx) error { kept = tx; return nil }))
	require.ErrorIs(t, kept.Publish(t.Context(), event("o-1", "late")), ErrTransactionEnded)
	require.ErrorIs(t, kept.Publish(t.Context(), nil), ErrInvalidEvent)
}

func TestPublishAndTransactAreForOneKindOfPublisherEach(t *testing.T) {
	seeds := []kgo.Opt{kgo.SeedBrokers("127.0.0.1:1")}
	plain := newPublisher(t, seeds)
	require.ErrorIs(t, plain.Transact(t.Context(), func(*Tx) error { return nil }), ErrTransactional)
	transactional := newPublisher(t, seeds, WithTransactionalID("tx"))
	_, err := transactional.Publish(t.Context(), event("o-1", ""))
	require.ErrorIs(t, err, ErrTransactional)
	transactional.PublishAsync(t.Context(), event("o-1", ""), func(_ Position, err error) {
		require.ErrorIs(t, err, ErrTransactional)
	})
}

func TestCloseAbortsTheTransactionInProgress(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
	p := newPublisher(t, broker.Opts(), WithTransactionalID("tx"))
	closed := make(chan error, 1)
	err := p.Transact(t.Context(), func(tx *Tx) error {
		require.NoError(t, tx.Publish(t.Context(), event("o-1", "a")))
		go func() { closed <- p.Close() }()
		for p.usable() == nil {
			select {
			case <-t.Context().Done():
				return t.Context().Err()
			case <-time.After(time.Millisecond):
			}
		}
		return nil
	})
	require.ErrorIs(t, err, ErrPublisherClosed)
	require.NoError(t, <-closed)
	require.ErrorIs(t, p.Transact(t.Context(), func(*Tx) error { return nil }), ErrPublisherClosed)
	requireCommitted(t, broker)
}

// kgo sends the first records of a client before it stores what it learned of the
// topic's partitions. If they are acknowledged before that, its EndTransaction sees no
// partition, aborts, and returns nil: Transact said that events were written
// that nobody would ever see. It takes a few hundred clients for one to be that quick.
func TestTheFirstTransactionOfAPublisherIsCommitted(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
	var want []string
	for i := range 300 {
		p := newPublisher(t, broker.Opts(), WithTransactionalID("tx"))
		want = append(want, strconv.Itoa(i))
		require.NoError(t, p.Transact(t.Context(), func(tx *Tx) error { return tx.Publish(t.Context(), event("", want[i])) }))
		require.NoError(t, p.Close())
	}
	requireCommitted(t, broker, want...)
}
