package cursoradmin_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/cursoradmin"
	"github.com/kreflex/kreflex/kafkacursor"
)

func states(standings []cursoradmin.Standing) map[string]cursoradmin.State {
	states := make(map[string]cursoradmin.State)
	for _, s := range standings {
		states[s.Consumer] = s.State
	}
	return states
}

func TestListSaysWhereEachCursorIs(t *testing.T) {
	e := newEnv(t)
	e.write(0, 10)
	e.cut(0, 3)
	e.put("behind", 0, "6")
	e.put("beginner", 0, "")
	e.put("late", 0, "1")
	e.put("far", 0, "99")
	e.put("foreign", 0, "5@Rk3sT1x2Q9ilbZk9Pb1xGg")
	e.put("garbage", 0, "seven")
	e.put("nowhere", 7, "1")
	require.NoError(t, e.store.Reset(e.ctx, kafkacursor.Key{Consumer: "unbound"}, "x"))
	require.NoError(t, e.store.Reset(e.ctx, kafkacursor.Key{Consumer: "gone", Topic: "odrers"}, "1"))
	require.NoError(t, e.client.ProduceSync(e.ctx,
		&kgo.Record{Topic: e.cursors, Key: []byte("a/b"), Value: []byte("1")},
		&kgo.Record{Topic: e.cursors, Key: []byte("epoch/orders/0"), Value: []byte("1"), Headers: []kgo.RecordHeader{{Key: "epoch", Value: []byte("x")}}},
	).FirstErr())

	standings, err := e.admin().List(e.ctx, cursoradmin.Filter{})
	require.NoError(t, err)
	require.Equal(t, map[string]cursoradmin.State{
		"behind": cursoradmin.OK, "beginner": cursoradmin.OK, "late": cursoradmin.Expired, "far": cursoradmin.BeyondEnd,
		"foreign": cursoradmin.Recreated, "garbage": cursoradmin.Corrupt, "nowhere": cursoradmin.NoTopic,
		"unbound": cursoradmin.Unbound, "gone": cursoradmin.NoTopic, "a/b": cursoradmin.Corrupt, "epoch": cursoradmin.Corrupt,
	}, states(standings))
	lags := map[string]int64{"behind": 3, "beginner": 7, "late": 7, "far": 0, "foreign": 7, "garbage": -1, "nowhere": -1, "unbound": -1, "gone": -1, "a/b": -1, "epoch": -1}
	for _, s := range standings {
		require.Equal(t, lags[s.Consumer], s.Lag, s.Consumer)
		if s.State == cursoradmin.Corrupt {
			require.NotEmpty(t, s.Why, s.Consumer)
		}
	}

	standings, err = e.admin().List(e.ctx, cursoradmin.Filter{Consumers: []string{"late", "behind"}, Topic: "orders"})
	require.NoError(t, err)
	require.Len(t, standings, 2)
	require.Equal(t, int64(7), standings[0].Next)

	canceled, cancel := context.WithCancel(e.ctx)
	cancel()
	_, err = e.admin().List(canceled, cursoradmin.Filter{})
	require.ErrorIs(t, err, context.Canceled)
}

func TestLagCountsPartitionsWithoutACursor(t *testing.T) {
	e := newEnv(t)
	e.write(0, 4)
	e.write(1, 6)
	e.put("billing", 1, "1")
	standings, err := e.admin().Lag(e.ctx, cursoradmin.Filter{Consumers: []string{"billing"}, Topic: "orders"})
	require.NoError(t, err)
	require.Len(t, standings, 2)
	require.Equal(t, cursoradmin.None, standings[0].State)
	require.Equal(t, []int64{4, 4}, []int64{standings[0].Lag, standings[1].Lag})

	e.put("shipping", 0, "3")
	standings, err = e.admin().Lag(e.ctx, cursoradmin.Filter{})
	require.NoError(t, err)
	require.Len(t, standings, 4)
	require.Equal(t, []int64{4, 4, 0, 6}, []int64{standings[0].Lag, standings[1].Lag, standings[2].Lag, standings[3].Lag})

	_, err = e.admin().Lag(e.ctx, cursoradmin.Filter{Consumers: []string{"biling"}, Topic: "orders"})
	require.ErrorIs(t, err, cursoradmin.ErrUnknownConsumer)
	require.ErrorContains(t, err, "consumers with cursors: billing, shipping")
	_, err = e.admin().Lag(e.ctx, cursoradmin.Filter{Consumers: []string{"billing"}, Topic: "odrers"})
	require.ErrorContains(t, err, "topics in which it has cursors: orders")
	_, err = e.admin().Lag(e.ctx, cursoradmin.Filter{Topic: "odrers"})
	require.ErrorContains(t, err, "topics with cursors: orders")
}

// What an open transaction holds back can't be consumed, and so is no lag.
func TestLagEndsAtTheLastStableOffset(t *testing.T) {
	e := newEnv(t)
	e.write(0, 2)
	e.put("billing", 0, "0")
	client, err := kgo.NewClient(append(e.broker.Opts(), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.TransactionalID("open"))...)
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.BeginTransaction())
	require.NoError(t, client.ProduceSync(e.ctx, &kgo.Record{Topic: "orders", Value: []byte("x")}).FirstErr())
	standings, err := e.admin().Lag(e.ctx, cursoradmin.Filter{Consumers: []string{"billing"}, Topic: "orders"})
	require.NoError(t, err)
	require.Equal(t, []int64{2, 3, 1}, []int64{standings[0].End, standings[0].HighWatermark, standings[0].Lag})
	require.NoError(t, client.EndTransaction(e.ctx, kgo.TryAbort))
}

func TestStandingsComeBackFromJSON(t *testing.T) {
	e := newEnv(t)
	e.write(0, 4)
	e.put("billing", 0, "1")
	e.put("billing", 1, "")
	standings, err := e.admin().List(e.ctx, cursoradmin.Filter{})
	require.NoError(t, err)
	var text bytes.Buffer
	require.NoError(t, cursoradmin.WriteStandings(&text, standings))
	read, err := cursoradmin.ReadStandings(&text)
	require.NoError(t, err)
	require.Equal(t, standings, read)

	for _, bad := range []string{
		"", "x", `{}`, `[]`, `{"consumer":"billing","state":"ok"}`, `{"consumer":"billing","state":"ok","cusror":"1"}`,
		`{"consumer":"billing","state":"ok","cursor":7}`, `{"cursor":"1","state":"ok"}`,
	} {
		_, err := cursoradmin.ReadStandings(bytes.NewBufferString(bad))
		require.ErrorIs(t, err, cursoradmin.ErrBadFile, bad)
	}
	read, err = cursoradmin.ReadStandings(bytes.NewBufferString(`[{"consumer":"billing","topic":"orders","state":"ok","cursor":"1"}]`))
	require.NoError(t, err)
	require.Equal(t, "1", read[0].Cursor)
}
