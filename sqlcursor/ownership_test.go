package sqlcursor

import (
	"database/sql"
	"errors"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func valueOf(id string) value { return value{id: id, order: orderOf(id), text: escape(id)} }

func TestOwnershipDecides(t *testing.T) {
	var o ownership
	set := func(id string) verdict { return o.set(id, orderOf(id)) }
	require.Equal(t, mustOwn, set("7"))
	o.take(3, "7@log:1")
	require.Equal(t, same, set("7"))
	require.Equal(t, backwards, set("6"))
	require.Equal(t, write, set("10"))
	require.Equal(t, write, set("any"))
	o.confirm(3, valueOf("10"))
	require.Equal(t, same, set("10"))
	require.Equal(t, backwards, set("9"))
	o.confirm(3, valueOf("any"))
	require.Equal(t, same, set("any"))
	require.Equal(t, write, set("9"), "what has no order is behind nothing")
	o.confirm(2, valueOf("11"))
	require.Equal(t, write, set("11"), "said by a former epoch")

	first := o.put(3, valueOf("12"))
	require.Equal(t, doubted, set("12"))
	require.Equal(t, doubted, set("13"))
	second := o.put(3, valueOf("13"))
	o.settle(first)
	require.Equal(t, doubted, set("13"), "the newest claim counts")
	o.settle(second)
	require.Equal(t, write, set("13"))
	o.put(2, valueOf("13"))
	require.Equal(t, write, set("13"), "by a former epoch")

	why := errors.New("gone")
	o.lose(2, why)
	require.Equal(t, write, set("13"), "what was lost is a former epoch")
	o.lose(3, why)
	require.Equal(t, notOwned, set("13"))
	require.Equal(t, why, o.why)
	o.take(1, "")
	require.Equal(t, write, set("13"), "the row was removed, and its epoch with it")
}

func TestRowsAreComparedAsNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.Uint64()
		was, is := number.Draw(t, "was"), number.Draw(t, "is")
		r := row{found: true, cursor: sql.NullString{String: strconv.FormatUint(was, 10) + "@log:1", Valid: true}}
		want := level
		switch {
		case was < is:
			want = ahead
		case was > is:
			want = behind
		}
		require.Equal(t, want, r.standing(valueOf(strconv.FormatUint(is, 10))))
	})
	require.Equal(t, ahead, row{found: true}.standing(valueOf("7")), "no cursor")
	text := row{found: true, cursor: sql.NullString{String: "a", Valid: true}}
	require.Equal(t, level, text.standing(valueOf("a")))
	require.Equal(t, ahead, text.standing(valueOf("b")))
	require.Equal(t, ahead, text.standing(valueOf("7")))
}
