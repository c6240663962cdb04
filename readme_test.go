package kreflex_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
)

// A snippet that nobody compiles goes stale with the next change of the API.
func TestSnippetsOfTheDocumentsStandInCompiledCode(t *testing.T) {
	var code []string
	require.NoError(t, filepath.WalkDir(".", func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && entry.Name() == ".git" {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		code = append(code, unindent(string(content)))
		return nil
	}))

	for _, document := range []string{"README.md", "DESIGN.md", "MIGRATION.md", "ERRORS.md"} {
		content, err := os.ReadFile(document)
		require.NoError(t, err)
		for _, snippet := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(content), -1) {
			found := false
			for _, file := range code {
				found = found || strings.Contains(file, unindent(snippet[1]))
			}
			require.Truef(t, found, "this snippet of %s is in no Go file, word for word:\n%s", document, snippet[1])
		}
	}
}

// A table that names a test which was renamed proves nothing any more.
func TestTestsThatTheDocumentsNameAreThere(t *testing.T) {
	var code strings.Builder
	require.NoError(t, filepath.WalkDir(".", func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") {
			return err
		}
		content, err := os.ReadFile(path)
		code.Write(content)
		return err
	}))
	for _, document := range []string{"README.md", "DESIGN.md", "MIGRATION.md", "ERRORS.md"} {
		content, err := os.ReadFile(document)
		require.NoError(t, err)
		for _, name := range regexp.MustCompile("`((?:Test|Benchmark|Fuzz)[A-Z][A-Za-z0-9_]+)`").FindAllStringSubmatch(string(content), -1) {
			found := strings.Contains(code.String(), "func "+name[1]+"(") || strings.Contains(code.String(), "type "+name[1]+" ")
			require.Truef(t, found, "%s names %s, which is in no Go file", document, name[1])
		}
	}
}

// unindent drops what differs between a snippet and the function it stands in.
func unindent(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// The program of the README, built and run as a reader would, but on the
// embedded broker.
func TestQuickstartConsumesAndResumes(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
	binary := filepath.Join(t.TempDir(), "quickstart")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./examples/quickstart").CombinedOutput()
	require.NoError(t, err, string(out))

	publisher, err := kafkastream.NewPublisher(broker.Opts(), "orders")
	require.NoError(t, err)
	defer func() { require.NoError(t, publisher.Close()) }()
	publish := func(order, state string) {
		_, err := publisher.Publish(t.Context(), &reflex.Event{ForeignID: order, MetaData: []byte(state)})
		require.NoError(t, err)
	}

	publish("o-1", "paid")
	require.Equal(t, "order o-1 event 0 paid", runQuickstart(t, binary, broker.Addrs()))
	publish("o-2", "shipped")
	require.Equal(t, "order o-2 event 1 shipped", runQuickstart(t, binary, broker.Addrs()))
}

// runQuickstart returns the first line that the program prints, and ends it
// by an interrupt, as a person would.
func runQuickstart(t *testing.T, binary string, brokers []string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	cmd := exec.CommandContext(ctx, binary)
	cmd.Env = append(os.Environ(), "KAFKA_BROKERS="+brokers[0])
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())

	line := make([]byte, 256)
	n, err := stdout.Read(line)
	if err != nil {
		// Only once it has ended may its output be read.
		cancel()
		require.Failf(t, "the program printed nothing", "%v, %v: %s", err, cmd.Wait(), &stderr)
	}
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	err = cmd.Wait()
	require.NoError(t, err, stderr.String())
	return strings.TrimSpace(string(line[:n]))
}
