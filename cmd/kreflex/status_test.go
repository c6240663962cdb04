package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/log"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkarun"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
)

// askStatus runs the command, and returns what it printed.
func askStatus(ctx context.Context, args ...string) (out, complaint string, code exitCode) {
	var stdout, stderr bytes.Buffer
	code = run(ctx, append([]string{"status"}, args...), stdio{in: strings.NewReader(""), out: &stdout, err: &stderr})
	return stdout.String(), stderr.String(), code
}

// A service of two partitions, whose logic fails in one of them.
func TestStatusNamesThePartitionThatFails(t *testing.T) {
	log.SetDefaultLoggerForTesting(t, &bytes.Buffer{})
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 2))
	store, err := kafkacursor.Open(t.Context(), broker.Opts(), "cursors")
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()
	runner, err := kafkarun.New(broker.Opts(), "orders", store, func(p kafkarun.Part) reflex.Spec {
		return reflex.NewSpec(p.Stream, p.Cursors, reflex.NewConsumer("billing", func(context.Context, *reflex.Event) error {
			return errors.New("out of paper")
		}))
	}, kafkarun.WithRetry(time.Minute, time.Minute), kafkarun.WithLookInterval(10*time.Millisecond))
	require.NoError(t, err)
	server := httptest.NewServer(runner.Health())
	defer server.Close()

	out, _, code := askStatus(t.Context(), server.URL)
	require.Equal(t, exitFailed, code)
	require.Contains(t, out, "topic orders, not running: stuck")

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- runner.Run(ctx) }()
	publisher, err := kafkastream.NewPublisher(broker.Opts(), "orders", kafkastream.WithPartition(1))
	require.NoError(t, err)
	_, err = publisher.Publish(t.Context(), &reflex.Event{ForeignID: "o-1"})
	require.NoError(t, err)
	require.NoError(t, publisher.Close())
	require.Eventually(t, func() bool {
		out, _, code = askStatus(t.Context(), server.URL)
		return strings.Contains(out, "failing") && strings.Contains(out, "retrying") && regexp.MustCompile(`(?m)^0 +ok `).MatchString(out)
	}, 20*time.Second, 10*time.Millisecond)
	require.Equal(t, exitOK, code, "it has just begun to fail")
	require.Contains(t, out, "consumer billing, topic orders: failing")
	require.Contains(t, out, "consume error: out of paper")

	out, _, code = askStatus(t.Context(), "--json", server.URL)
	require.Equal(t, exitOK, code)
	require.Contains(t, out, `"condition": "failing"`)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	http.DefaultClient.CloseIdleConnections()
}

func TestStatusExitCodes(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	for name, tc := range map[string]struct {
		code int
		body string
		want exitCode
	}{
		"healthy":        {http.StatusOK, `{"topic":"orders","condition":"slow"}`, exitOK},
		"stuck":          {http.StatusServiceUnavailable, `{"topic":"orders","condition":"stuck"}`, exitFailed},
		"needs operator": {http.StatusServiceUnavailable, `{"topic":"orders","condition":"needs operator"}`, exitPermanent},
		"something else": {http.StatusOK, `<html>`, exitTransient},
		"another JSON":   {http.StatusOK, `{}`, exitTransient},
		"not found":      {http.StatusNotFound, `{"topic":"orders","condition":"ok"}`, exitTransient},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tc.code)
				_, _ = w.Write([]byte(tc.body))
			}))
			defer server.Close()
			_, _, code := askStatus(t.Context(), server.URL)
			require.Equal(t, tc.want, code)
		})
	}
	_, _, code := askStatus(t.Context(), "localhost:8080")
	require.Equal(t, exitUsage, code)
	_, _, code = askStatus(t.Context(), "http://127.0.0.1:1/")
	require.Equal(t, exitTransient, code)

	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer silent.Close()
	_, complaint, code := askStatus(t.Context(), "--timeout=50ms", silent.URL)
	require.Equal(t, exitTransient, code)
	require.Contains(t, complaint, "service gives no status")
}
