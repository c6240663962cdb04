package partition

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"
)

// Whatever batches there are, asking ahead asks where reading goes on.
func TestAheadIsWhereReadingGoesOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var raw []byte
		offset := int64(0)
		for range rapid.IntRange(1, 5).Draw(t, "batches") {
			var offsets []int64
			for range rapid.IntRange(1, 4).Draw(t, "records") {
				offset += rapid.Int64Range(1, 3).Draw(t, "hole")
				offsets = append(offsets, offset)
			}
			offset += rapid.Int64Range(0, 2).Draw(t, "compacted")
			raw = append(raw, recordBatch(offset, offsets...)...)
		}
		cut := rapid.IntRange(0, 60).Draw(t, "cut") // brokers send parts of batches
		raw = append(raw, recordBatch(offset+1, offset+1)[:cut]...)

		_, f := decodeAt(0, false, raw)
		require.NoError(t, f.decode)
		require.Equal(t, f.next, behind(raw))
	})
}

func FuzzBehind(f *testing.F) {
	f.Add([]byte{})
	f.Add(recordBatch(4, 2, 3))
	f.Add(concat(recordBatch(1, 0, 1), recordBatch(2, 2)[:30]))
	f.Fuzz(func(_ *testing.T, raw []byte) { behind(raw) })
}

// aheadEnv has several answers to give.
func aheadEnv(t *testing.T) (*env, *Reader) {
	t.Helper()
	e := newEnv(t)
	for i := range 20 {
		e.produce(strconv.Itoa(i))
	}
	return e, e.reader(0, Config{MaxBytes: 1, Ahead: true, Reuse: true}) // a batch each
}

func TestReadingAheadDeliversAllOnce(t *testing.T) {
	e, r := aheadEnv(t)
	for i, value := range e.read(r, 20) {
		require.Equal(t, strconv.Itoa(i), value)
	}
	// A fetch that waits there would have begun before Recv asked for the head.
	require.Nil(t, r.ahead, "nothing is known to come")
	_, next := e.toHead(r)
	require.EqualValues(t, 20, next)
}

// The answer ahead is of another position: the batch before it could not be read.
func TestAnswerAheadOfAnotherPositionIsDropped(t *testing.T) {
	e, r := aheadEnv(t)
	other := e.reader(0, Config{MaxBytes: 1, Ahead: true, Reuse: true})
	e.read(other, 2)
	e.read(r, 1)
	require.NotNil(t, other.ahead)
	r.ahead.cancel()
	r.ahead = other.ahead
	require.Equal(t, []string{"1", "2"}, e.read(r, 2))
}

// The connection breaks while the answer ahead is awaited. Asking again finds another one.
func TestErrorAheadIsAskedAgain(t *testing.T) {
	e, r := aheadEnv(t)
	e.read(r, 1)
	<-r.ahead.done
	r.ahead.resp, r.ahead.err = nil, kgo.ErrClientClosed
	require.Equal(t, []string{"1"}, e.read(r, 1))
	require.NotNil(t, r.ahead)
}

// The client is closed while the broker holds the answer back: Close waits for who asked,
// and goleak sees that nobody is left.
func TestCloseEndsAskingAhead(t *testing.T) {
	e, r := aheadEnv(t)
	held := make(chan struct{})
	t.Cleanup(func() { close(held) })
	e.read(r, 1)
	<-r.ahead.done
	cluster := e.broker.Cluster()
	cluster.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		cluster.SleepControl(func() { <-held })
		return nil, nil, false
	})
	e.read(r, 1) // takes the one that is there, and asks for the next
	a := r.ahead
	r.cl.Close()
	<-a.done
	require.Error(t, a.err)
}
