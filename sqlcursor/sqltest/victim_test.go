package sqltest_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/sqlcursor"
)

// envVictim has the orders of a process that is there to be killed.
const envVictim = "SQLTEST_VICTIM"

type orders struct {
	Dialect          sqlcursor.Dialect
	Driver, DSN      string
	Cursors, Effects string
	Events           int
	ByHand           bool // with SetCursorTx, not Transact
}

// victim consumes until it is killed, or all is done. It returns the exit code.
func victim() int {
	var o orders
	if err := json.Unmarshal([]byte(os.Getenv(envVictim)), &o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	db, err := sql.Open(o.Driver, o.DSN)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	defer db.Close()
	s, err := sqlcursor.Open(db, o.Dialect, sqlcursor.WithTable(o.Cursors), sqlcursor.WithTimeout(time.Second))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	o.consume(context.Background(), db, s)
	return 0
}

// consume runs the consumer until all events are consumed, whatever fails meanwhile.
func (o orders) consume(ctx context.Context, db *sql.DB, s *sqlcursor.Store) {
	statement := applyStatement(o.Dialect, o.Effects)
	done := false
	spec := reflex.NewSpec(reflex.NewMockStream(events(o.Events), errEnd), s, reflex.NewConsumer(consumer, func(ctx context.Context, e *reflex.Event) error {
		apply := func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, statement, e.ID)
			return err
		}
		var err error
		if o.ByHand {
			err = byHand(ctx, db, s, e.ID, apply)
		} else {
			err = s.Transact(ctx, consumer, e.ID, apply)
		}
		return err
	}))
	for ctx.Err() == nil && !done {
		if done = errors.Is(reflex.Run(ctx, spec), errEnd); !done {
			timer := time.NewTimer(time.Millisecond)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
			}
		}
	}
}

// byHand is logic that begins and commits its transaction itself.
func byHand(ctx context.Context, db *sql.DB, s *sqlcursor.Store, id string, apply func(context.Context, *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if err := apply(ctx, tx); err != nil {
		return err
	}
	if err := s.SetCursorTx(ctx, tx, consumer, id); err != nil {
		return err
	}
	return tx.Commit()
}

// Processes are killed at any moment, and two at a time run the consumer.
func TestEffectsAreExactlyOnceThoughProcessesAreKilled(t *testing.T) {
	for _, dialect := range []sqlcursor.Dialect{sqlcursor.SQLite, sqlcursor.PostgreSQL, sqlcursor.MySQL} {
		for _, hand := range []bool{false, true} {
			name := dialect.String() + " with Transact"
			if hand {
				name = dialect.String() + " with SetCursorTx"
			}
			t.Run(name, func(t *testing.T) {
				d := newDatabase(t, dialect)
				d.created()
				e := d.effects()
				o := orders{Dialect: d.dialect, Driver: d.driver, DSN: d.dsn, Cursors: d.table, Effects: e.name, Events: 1000, ByHand: hand}
				kills := o.massacre(t, e)
				require.Equal(t, once(numbers(o.Events)...), e.read())
				require.Equal(t, fmt.Sprint(o.Events), d.peek())
				require.GreaterOrEqual(t, kills, 3)
				t.Logf("%d processes killed", kills)
			})
		}
	}
}

// massacre starts processes, one or two at a time, and kills them in the middle of their work, until one has ended by
// itself. It returns how many it killed.
func (o orders) massacre(t *testing.T, e effects) (kills int) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	text, err := json.Marshal(o)
	require.NoError(t, err)
	for {
		var all []*exec.Cmd
		for range 1 + rand.IntN(2) {
			cmd := exec.Command(self)
			cmd.Env = append(os.Environ(), envVictim+"="+string(text))
			cmd.Stderr = os.Stderr
			require.NoError(t, cmd.Start())
			all = append(all, cmd)
		}
		// Where in its work that hits a process is chance.
		enough := len(e.read()) + 1 + rand.IntN(80)
		require.Eventually(t, func() bool { return len(e.read()) >= min(enough, o.Events) }, time.Minute, time.Millisecond)
		if enough < o.Events {
			for _, cmd := range all {
				require.NoError(t, cmd.Process.Kill())
			}
		}
		for _, cmd := range all {
			err := cmd.Wait()
			if err == nil {
				continue // it came to the end
			}
			require.Equal(t, -1, cmd.ProcessState.ExitCode(), "it failed, and was not killed")
			kills++
		}
		if enough >= o.Events {
			return kills
		}
	}
}
