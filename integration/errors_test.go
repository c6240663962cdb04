package integration_test

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

var update = flag.Bool("update", false, "write ERRORS.md anew from what the tests saw")

const (
	errorsPage     = "../ERRORS.md"
	errorsTemplate = "testdata/ERRORS.md.tmpl"
)

// atOnce is how long an error may take that needs only an answer of a broker: generous, as
// tests share machines. What it takes is in ERRORS.md.
const atOnce = 5 * time.Second

// provoked is an error as a user sees it.
type provoked struct {
	Text string
	Took time.Duration
}

// provocation makes Kafka and us show an error.
type provocation struct {
	name   string // in ERRORS.md.tmpl
	kind   error
	within time.Duration
	// run returns the error, after the time since it could have been known.
	run func(*testing.T) (time.Duration, error)
}

// Each kind of error is provoked on real Apache Kafka: it has its type, says what
// to do, comes in time, and is in ERRORS.md. With -update that page is written with
// the texts and times of this run.
func TestErrors(t *testing.T) {
	seen := make(map[string]provoked)
	for _, p := range provocations() {
		t.Run(p.name, func(t *testing.T) {
			took, err := p.run(t)
			require.Error(t, err)
			require.ErrorIs(t, err, p.kind)
			require.Less(t, took, p.within)
			text := anonymous(err)
			t.Logf("after %s: %s", took.Round(time.Millisecond), text)
			seen[p.name] = provoked{Text: text, Took: took}
		})
	}
	if *update && !t.Failed() {
		require.NoError(t, writeErrorsPage(seen))
	}
	requirePageOfTemplate(t)
}

// requirePageOfTemplate requires that the page says what the template does, with texts and times in
// its gaps, and that the template lacks no error.
func requirePageOfTemplate(t *testing.T) {
	t.Helper()
	content, err := os.ReadFile(errorsTemplate)
	require.NoError(t, err)
	read, err := os.ReadFile(errorsPage)
	require.NoError(t, err)
	page := string(read)
	for _, prose := range regexp.MustCompile(`\{\{error "[^"]+"\}\}`).Split(string(content), -1) {
		_, rest, ok := strings.Cut(page, prose)
		require.Truef(t, ok, "ERRORS.md is not of its template, run this test with -update; it lacks:\n%s", prose)
		page = rest
	}
	for _, p := range provocations() {
		require.Contains(t, string(content), `{{error "`+p.name+`"}}`, "the template of ERRORS.md lacks an error")
	}
}

func provocations() []provocation {
	return slices.Concat(streamErrors(), logErrors(), accessErrors(), cursorErrors(), ownerErrors(), publisherErrors())
}

// anonymous gives topics the name that they have in the documentation.
func anonymous(err error) string {
	name := "orders"
	if store := (*kafkacursor.Error)(nil); errors.As(err, &store) {
		name = "cursors"
	}
	return topicNames.ReplaceAllString(err.Error(), name)
}

// writeErrorsPage fills the template, in which {{error "name"}} stands for the text and the time.
func writeErrorsPage(seen map[string]provoked) error {
	functions := template.FuncMap{"error": func(name string) (string, error) {
		p, ok := seen[name]
		if !ok {
			return "", errors.New("nobody provoked " + name)
		}
		return "```\n" + p.Text + "\n```\n\nMeasured: " + roundTime(p.Took) + ".", nil
	}}
	content, err := os.ReadFile(errorsTemplate)
	if err != nil {
		return err
	}
	page, err := template.New("errors").Funcs(functions).Parse(string(content))
	if err != nil {
		return err
	}
	var out strings.Builder
	if err := page.Execute(&out, nil); err != nil {
		return err
	}
	return os.WriteFile(errorsPage, []byte(out.String()), 0o644)
}

// roundTime keeps two digits.
func roundTime(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "under 1 ms"
	case d < 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	default:
		return d.Round(100 * time.Millisecond).String()
	}
}

// timed returns how long f took and its error.
func timed(f func() error) (time.Duration, error) {
	start := time.Now()
	err := f()
	return time.Since(start), err
}

// firstError opens a stream, receives until there is an error, and closes it.
func firstError(ctx context.Context, partition *kafkastream.Partition, after string, opts ...reflex.StreamOption) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	stream, err := partition.Stream(ctx, after, opts...)
	if err != nil {
		return err
	}
	defer closeStream(stream)
	for {
		if _, err := stream.Recv(); err != nil {
			return err
		}
	}
}

func closeStream(stream reflex.StreamClient) {
	if closer, ok := stream.(io.Closer); ok {
		_ = closer.Close()
	}
}

// receive returns the stamped cursor of the last of n events.
func receive(t *testing.T, partition *kafkastream.Partition, stream reflex.StreamClient, n int) string {
	t.Helper()
	var cursor string
	for range n {
		e, err := stream.Recv()
		require.NoError(t, err)
		cursor = partition.Stamp()(e.ID)
	}
	return cursor
}

func openStream(t *testing.T, partition *kafkastream.Partition, after string) reflex.StreamClient {
	t.Helper()
	stream, err := partition.Stream(t.Context(), after)
	require.NoError(t, err)
	t.Cleanup(func() { closeStream(stream) })
	return stream
}

// nowhere is an address that refuses connections.
func nowhere() []kgo.Opt { return []kgo.Opt{kgo.SeedBrokers("127.0.0.1:1")} }
