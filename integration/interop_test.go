package integration_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/integration/kafkaharness"
	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

// The tools of Kafka that these tests run in a broker's container.
const (
	consoleProducer = "org.apache.kafka.tools.ConsoleProducer"
	consoleConsumer = "org.apache.kafka.tools.consumer.ConsoleConsumer"
)

// What Kafka's console producer writes is consumed: keys are foreign IDs, values are metadata,
// and a header is the type where somebody wrote one.
func TestConsoleProducerIsConsumed(t *testing.T) {
	cluster := lab.Containers(t, 1)
	topic := cluster.Topic(t, 1)
	cluster.Broker(t, 1).Tool(t,
		"type:2\torder-1\t{\"total\": 3}\n"+"type:3,other:x\tbestellung-ü\t{}\n",
		consoleProducer, "--topic "+topic+" --property parse.key=true --property parse.headers=true")

	typed := consumeAll(t, cluster, topic, kafkastream.TypeFromHeader("type", nil))
	require.Equal(t, []string{`0 2 order-1 {"total": 3}`, `1 3 bestellung-ü {}`}, summaries(typed))
	plain := consumeAll(t, cluster, topic, kafkastream.Plain())
	require.Equal(t, []string{`0 0 order-1 {"total": 3}`, `1 0 bestellung-ü {}`}, summaries(plain))
}

// What kcat, which is librdkafka, writes is consumed.
func TestKcatIsConsumed(t *testing.T) {
	cluster := lab.Cluster(t, 1)
	topic := cluster.Topic(t, 1)
	kcat(t, cluster, "order-1|{\"total\": 3}\nbestellung-ü|{}\n", "-P", "-t", topic, "-K", "|", "-H", "type=2", "-z", "lz4")

	typed := consumeAll(t, cluster, topic, kafkastream.TypeFromHeader("type", nil))
	require.Equal(t, []string{`0 2 order-1 {"total": 3}`, `1 2 bestellung-ü {}`}, summaries(typed))
}

// Events and cursors of ours read right with Kafka's console consumer.
func TestConsoleConsumerReadsUs(t *testing.T) {
	cluster := lab.Containers(t, 1)
	events, cursors := publishAndRun(t, cluster)
	read := func(topic string) []string {
		ends, err := cluster.Admin(t).ListEndOffsets(t.Context(), topic)
		require.NoError(t, err)
		end, _ := ends.Lookup(topic, 0)
		return lines(cluster.Broker(t, 1).Tool(t, "", consoleConsumer, fmt.Sprintf(
			"--topic %s --from-beginning --max-messages %d --timeout-ms 20000 --isolation-level read_committed "+
				"--formatter-property print.key=true --formatter-property print.headers=true --formatter-property print.offset=true",
			topic, end.Offset)))
	}
	require.Equal(t, []string{
		"Offset:0\tt:2\torder-1\t{\"total\": 3}",
		"Offset:1\tt:3\tbestellung-ü\t{}",
		"Offset:2\tNO_HEADERS\tnull\tnull",
	}, read(events))

	entries := read(cursors)
	require.NotEmpty(t, entries)
	last := strings.Split(entries[len(entries)-1], "\t")
	require.Regexp(t, `(^|,)epoch:\d+(,|$)`, last[1])
	require.Equal(t, "billing/"+events+"/0", last[2])
	require.Regexp(t, `^2@[A-Za-z0-9_-]{22}:\d+$`, last[3])
}

// Events and cursors of ours read right with kcat.
func TestKcatReadsUs(t *testing.T) {
	cluster := lab.Cluster(t, 1)
	events, cursors := publishAndRun(t, cluster)
	require.Equal(t, []string{
		`0|order-1|{"total": 3}|t=2`, `1|bestellung-ü|{}|t=3`, `2|||`,
	}, lines(kcat(t, cluster, "", "-C", "-t", events, "-o", "beginning", "-e", "-q", "-f", `%o|%k|%s|%h\n`)))

	entries := lines(kcat(t, cluster, "", "-C", "-t", cursors, "-o", "beginning", "-e", "-q", "-f", `%k %s\n`))
	require.NotEmpty(t, entries)
	require.Regexp(t, "^billing/"+events+`/0 2@[A-Za-z0-9_-]{22}:\d+$`, entries[len(entries)-1])
}

// publishAndRun publishes three events, consumes them under the name billing, and
// returns the names of the topics of events and of cursors.
func publishAndRun(t *testing.T, cluster *kafkaharness.Cluster) (events, cursors string) {
	t.Helper()
	events = cluster.Topic(t, 1)
	p := newPublisher(t, cluster.Opts(), events)
	_, err := p.Publish(t.Context(),
		&reflex.Event{ForeignID: "order-1", Type: eventType(2), MetaData: []byte(`{"total": 3}`)},
		&reflex.Event{ForeignID: "bestellung-ü", Type: eventType(3), MetaData: []byte(`{}`)},
		&reflex.Event{})
	require.NoError(t, err)

	store, cursors := openStore(t, cluster)
	orders := kafkastream.NewPartition(cluster.Opts(), events, 0)
	consumer := reflex.NewConsumer("billing", func(context.Context, *reflex.Event) error { return nil })
	err = reflex.Run(t.Context(), reflex.NewSpec(orders.Stream, store.For(orders), consumer, reflex.WithStreamToHead()))
	require.ErrorIs(t, err, reflex.ErrHeadReached)
	entry, ok, err := store.Peek(t.Context(), kafkacursor.Key{Consumer: "billing", Topic: events})
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, "2", strings.Split(entry.Cursor, "@")[0])
	return events, cursors
}

// consumeAll returns all events of a topic.
func consumeAll(t *testing.T, cluster *kafkaharness.Cluster, topic string, decoder kafkastream.Decoder) []*reflex.Event {
	t.Helper()
	orders := kafkastream.NewPartition(cluster.Opts(), topic, 0, kafkastream.WithDecoder(decoder))
	stream, err := orders.Stream(t.Context(), "", reflex.WithStreamToHead())
	require.NoError(t, err)
	defer closeStream(stream)
	var events []*reflex.Event
	for {
		e, err := stream.Recv()
		if errors.Is(err, reflex.ErrHeadReached) {
			return events
		}
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), e.Timestamp, time.Minute)
		events = append(events, e)
	}
}

func summaries(events []*reflex.Event) []string {
	all := make([]string, len(events))
	for i, e := range events {
		var number int
		if e.Type != nil {
			number = e.Type.ReflexType()
		}
		all[i] = fmt.Sprintf("%s %d %s %s", e.ID, number, e.ForeignID, e.MetaData)
	}
	return all
}

// kcat runs kcat against a cluster and returns what it printed.
func kcat(t *testing.T, cluster *kafkaharness.Cluster, input string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("kcat"); err != nil {
		kafkaharness.Unavailable(t, "there is no kcat", "install Debian's package kcat, or what other systems call it")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "kcat", append([]string{"-b", strings.Join(cluster.Addrs(), ",")}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	require.NoError(t, err, errs.String())
	return string(out)
}

func lines(text string) []string {
	text = strings.TrimRight(text, "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
