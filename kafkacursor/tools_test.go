package kafkacursor_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/kafkacursor"
)

func TestListHasAllCursorsInOrder(t *testing.T) {
	e := newEnv(t)
	s := e.open(kafkacursor.WithPartitions(4))
	orders := s.For(log{stamp: "@id:4"})
	for _, consumer := range []string{"shipping", "billing", "a/b"} {
		require.NoError(t, orders.SetCursor(e.ctx, consumer, "7"))
		require.NoError(t, s.SetCursor(e.ctx, consumer, "8"))
	}
	require.NoError(t, s.Flush(e.ctx))
	require.NoError(t, s.Delete(e.ctx, kafkacursor.Key{Consumer: "shipping"}))

	entries, err := e.open(kafkacursor.WithPartitions(4), kafkacursor.WithoutCreate()).List(e.ctx)
	require.NoError(t, err)
	var got []string
	for _, entry := range entries {
		require.NoError(t, entry.Err)
		got = append(got, entry.Key.String()+" "+entry.Cursor)
	}
	require.Equal(t, []string{
		"a%2Fb 8", "a%2Fb/orders/0 7@id:4", "billing 8", "billing/orders/0 7@id:4", "shipping/orders/0 7@id:4",
	}, got)
}

func TestPeekFindsNothing(t *testing.T) {
	e := newEnv(t)
	s := e.open()
	_, ok, err := s.Peek(e.ctx, kafkacursor.Key{Consumer: "billing"})
	require.NoError(t, err)
	require.False(t, ok)
	require.NoError(t, s.Delete(e.ctx, kafkacursor.Key{Consumer: "billing"}), "deleting what isn't there")
	_, ok, err = s.Peek(e.ctx, kafkacursor.Key{Consumer: "billing"})
	require.NoError(t, err)
	require.False(t, ok)
	_, _, err = s.Peek(e.ctx, kafkacursor.Key{})
	require.ErrorIs(t, err, kafkacursor.ErrBadName)
}

func TestDeletedConsumerBeginsAtTheStart(t *testing.T) {
	e := newEnv(t)
	a, operator := e.open(), e.open()
	e.requireAt(a, "")
	e.write(a, "7")
	require.NoError(t, operator.Delete(e.ctx, kafkacursor.Key{Consumer: "billing"}))
	require.ErrorIs(t, e.eventuallyRefused(a, "8"), kafkacursor.ErrSuperseded)
	e.requireAt(a, "")
	e.write(a, "0")
	e.requireAt(e.open(), "0")
	require.Equal(t, []string{"7@1", "@2", "0@3"}, e.records())
}

func TestResetGoesBackForthAndToTheStart(t *testing.T) {
	e := newEnv(t)
	s, operator := e.open(), e.open()
	key := kafkacursor.Key{Consumer: "billing"}
	for _, cursor := range []string{"100", "5", "1000", "any text", ""} {
		require.NoError(t, operator.Reset(e.ctx, key, cursor))
		e.requireAt(s, cursor)
	}
	entry, ok, err := operator.Peek(e.ctx, key)
	require.NoError(t, err)
	require.True(t, ok, "the start is a cursor, unlike none")
	require.Empty(t, entry.Cursor)
	require.NoError(t, s.SetCursor(e.ctx, "billing", "0"))
}

// The store that is to overrule may be the owner itself.
func TestResetThroughTheOwnersStore(t *testing.T) {
	e := newEnv(t)
	s := e.open()
	e.requireAt(s, "")
	e.write(s, "7")
	require.NoError(t, s.Reset(e.ctx, kafkacursor.Key{Consumer: "billing"}, "3"))
	require.ErrorIs(t, s.SetCursor(e.ctx, "billing", "8"), kafkacursor.ErrSuperseded)
	e.requireAt(s, "3")
}

// A tool like kcat writes without headers. What it writes counts where nobody with an
// epoch did, and otherwise not.
func TestRecordsOfOtherTools(t *testing.T) {
	e := newEnv(t)
	s := e.open()
	other := e.client()
	e.produce(other, "41", "")
	e.produce(other, "42", "")
	e.requireAt(s, "42")
	e.produce(other, "", "")
	e.requireAt(s, "")
	e.write(s, "43")
	e.produce(other, "1", "")
	e.requireAt(e.open(), "43")
}

func TestCorruptRecordIsNotTakenForACursor(t *testing.T) {
	e := newEnv(t)
	s := e.open()
	other := e.client()
	e.produce(other, "7", "many")
	key := kafkacursor.Key{Consumer: "billing"}
	_, err := s.GetCursor(e.ctx, "billing")
	requireErrorHas(t, err, kafkacursor.ErrCorruptEntry, "billing", "epoch")
	_, _, err = s.Peek(e.ctx, key)
	require.ErrorIs(t, err, kafkacursor.ErrCorruptEntry)
	entries, err := s.List(e.ctx)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.ErrorIs(t, entries[0].Err, kafkacursor.ErrCorruptEntry)

	require.NoError(t, s.Reset(e.ctx, key, "7"))
	e.requireAt(s, "7")
}

// kcat hashes keys otherwise than Kafka's own producer. Were the record in the wrong
// partition overlooked, an operator would believe to have set the cursor.
func TestCursorInTheWrongPartitionIsNoticed(t *testing.T) {
	e := newEnv(t)
	s := e.open(kafkacursor.WithPartitions(2))
	e.requireAt(s, "")
	e.write(s, "7")
	entry, _, err := s.Peek(e.ctx, kafkacursor.Key{Consumer: "billing"})
	require.NoError(t, err)
	other := e.client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, other.ProduceSync(e.ctx, &kgo.Record{
		Topic: cursors, Partition: 1 - entry.Partition, Key: []byte("billing"), Value: []byte("9"),
	}).FirstErr())

	entries, err := s.List(e.ctx)
	require.NoError(t, err)
	require.Len(t, entries, 2)
	for _, got := range entries {
		require.Equal(t, got.Partition != entry.Partition, got.Err != nil, "%+v", got)
	}
	_, err = s.GetCursor(e.ctx, "billing")
	requireErrorHas(t, err, kafkacursor.ErrCorruptEntry, "another partitioner")
}

func TestNamesAndCursorsMustNotBeEmpty(t *testing.T) {
	e := newEnv(t)
	s := e.open()
	_, err := s.GetCursor(e.ctx, "")
	require.ErrorIs(t, err, kafkacursor.ErrBadName)
	require.ErrorIs(t, s.SetCursor(e.ctx, "", "1"), kafkacursor.ErrBadName)
	require.ErrorIs(t, s.SetCursor(e.ctx, "billing", ""), kafkacursor.ErrBadCursor)
	require.NoError(t, s.Flush(e.ctx))
	require.Empty(t, e.records())
}

func TestClosedStoreSaysSo(t *testing.T) {
	for name, opts := range variants() {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			s := e.open(append(opts, kafkacursor.WithFlushInterval(time.Hour))...)
			orders := s.For(log{})
			e.requireAt(s, "")
			require.NoError(t, s.SetCursor(e.ctx, "billing", "7"))
			require.NoError(t, s.Close(), "Close flushes")
			require.NoError(t, s.Close())
			require.Equal(t, []string{"7@1"}, e.records())

			key := kafkacursor.Key{Consumer: "billing"}
			for what, err := range map[string]error{
				"SetCursor":      s.SetCursor(e.ctx, "billing", "8"),
				"SetCursor, new": s.SetCursor(e.ctx, "shipping", "8"),
				"Flush":          s.Flush(e.ctx),
				"bound Flush":    orders.Flush(e.ctx),
				"Delete":         s.Delete(e.ctx, key),
				"Reset":          s.Reset(e.ctx, key, "1"),
				"GetCursor":      second(s.GetCursor(e.ctx, "billing")),
				"bound":          second(orders.GetCursor(e.ctx, "billing")),
				"List":           second(s.List(e.ctx)),
			} {
				require.ErrorIs(t, err, kafkacursor.ErrClosed, what)
			}
			_, _, err := s.Peek(e.ctx, key)
			require.ErrorIs(t, err, kafkacursor.ErrClosed)
		})
	}
}

func second[T any](_ T, err error) error { return err }
