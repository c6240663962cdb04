package migrate_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/migrate"
)

func TestReadCursors(t *testing.T) {
	want := map[string]string{"billing": "17", "shipping/eu": "12", "new": ""}
	for name, text := range map[string]string{
		"one object":            `{"billing": "17", "shipping/eu": 12, "new": null}`,
		"an object on a line":   "{\"consumer\":\"billing\",\"cursor\":\"17\"}\n\n{\"cursor\":12,\"consumer\":\"shipping/eu\"}\n{\"consumer\":\"new\",\"cursor\":\"\"}\n",
		"an array":              `[{"consumer":"billing","cursor":17},{"consumer":"shipping/eu","cursor":"12"},{"consumer":"new","cursor":null}]`,
		"an object for each":    `{"billing":17} {"shipping/eu":12} {"new":""}`,
		"with blanks around it": "\n\t {\"billing\": \"17\", \"shipping/eu\": 12, \"new\": null}\n ",
	} {
		got, err := migrate.ReadCursors(strings.NewReader(text))
		require.NoError(t, err, name)
		require.Equal(t, want, got, name)
	}
	large, err := migrate.ReadCursors(strings.NewReader(`{"billing": 18446744073709551616}`))
	require.NoError(t, err)
	require.Equal(t, "18446744073709551616", large["billing"], "a number must not be rounded")
	none, err := migrate.ReadCursors(strings.NewReader(`{}`))
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestReadCursorsRefusesWhatIsNone(t *testing.T) {
	for _, text := range []string{
		"", " ", "17", `"billing"`, "null", "[17]", `[[]]`, `{"billing"`, `{"billing": 1`, `{"billing": 1.5}`, `{"billing": 1e3}`, `{"billing": -1}`,
		`{"billing": true}`, `{"billing": {}}`, `{"billing": []}`, `{"": "17"}`, `{"billing": 1, "billing": 2}`,
		`{"consumer":"billing","cursor":1}{"consumer":"billing","cursor":1}`, `[{"billing":1}`, `]`, `{"billing": 1},`,
	} {
		_, err := migrate.ReadCursors(strings.NewReader(text))
		require.ErrorIs(t, err, migrate.ErrBadExport, text)
	}
	broken := errors.New("disk is broken")
	_, err := migrate.ReadCursors(iotest.ErrReader(broken))
	require.ErrorIs(t, err, broken)
}

func FuzzReadCursors(f *testing.F) {
	for _, seed := range []string{`{"a":"1"}`, `{"a":1,"b":null}`, `{"consumer":"a","cursor":"1"}`, `[{"a":1}]`, `{"a":1}{"b":2}`, `[`, `{"a":[1]}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cursors, err := migrate.ReadCursors(strings.NewReader(text))
		if err != nil {
			require.ErrorIs(t, err, migrate.ErrBadExport)
			return
		}
		// What was read is what it says: written and read again, it is the same. Consumers of just these two
		// names can't be told from one of the other form.
		_, consumer := cursors["consumer"]
		if _, cursor := cursors["cursor"]; consumer && cursor {
			return
		}
		again, err := json.Marshal(cursors)
		require.NoError(t, err)
		back, err := migrate.ReadCursors(strings.NewReader(string(again)))
		require.NoError(t, err)
		require.Equal(t, cursors, back)
	})
}
