// Command bench measures what consuming through kreflex costs beside a bare poll loop of
// the client underneath, kgo: events per second, CPU of the client's process per event, and
// allocations per event.
//
// The contenders read the same topic from start to end, in turns, in one process; the broker
// is another process. First the embedded broker, then Apache Kafka: the one
// that -brokers or KAFKA_BROKERS names, else a container.
//
//	go run ./bench -records 2000000 -rounds 7
//
// With -check it fails if kreflex is slower or dearer than the limits below. Absolute figures are of the
// machine; ratios travel better.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/integration/kafkaharness"
)

// The limits of -check, of reflex.Run against kgo.
const (
	minRate   = 0.8 // of its rate
	maxCPU    = 1.5 // times its CPU
	maxAllocs = 0.1 // more per event
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) > 1 && os.Args[1] == serveArg {
		exit(serve(ctx))
		return
	}
	var s settings
	flag.IntVar(&s.records, "records", 1_000_000, "records per topic")
	flag.IntVar(&s.rounds, "rounds", 5, "rounds that count, after one that doesn't")
	flag.IntVar(&s.bytes, "bytes", 100, "bytes of a value")
	flag.StringVar(&s.brokers, "brokers", os.Getenv("KAFKA_BROKERS"), "host:port,... of Apache Kafka; a container otherwise")
	flag.StringVar(&s.only, "only", "", "embedded or kafka: leave the other out")
	flag.BoolVar(&s.check, "check", false, "fail where a limit is passed")
	flag.Parse()
	exit(run(ctx, s))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type settings struct {
	records, rounds, bytes int
	brokers, only          string
	check                  bool
}

func run(ctx context.Context, s settings) error {
	fmt.Printf("%s, %s/%s, %d CPUs (%s), GOMAXPROCS %d, %s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH,
		runtime.NumCPU(), cpuModel(), runtime.GOMAXPROCS(0), time.Now().UTC().Format(time.RFC3339))
	printClient()
	fmt.Printf("%d records with values of %d bytes in one partition; %d rounds in turns after one of warming up; medians (lowest to highest)\n",
		s.records, s.bytes, s.rounds)
	fmt.Println("kgo: PollFetches, ConsumePartitions, read_committed, otherwise defaults (1 MiB per partition and fetch)")
	fmt.Println("stream: kafkastream.Partition alone, defaults (4 MiB per fetch); reflex.Run: with kafkacursor every 100 ms and default metrics on a registry")

	var broken []string
	for _, broker := range []struct {
		name string
		open func(context.Context, settings) (kafka []kgo.Opt, about string, closing func() error, err error)
	}{{"embedded", openEmbedded}, {"kafka", openKafka}} {
		if s.only != "" && s.only != broker.name {
			continue
		}
		found, err := benchBroker(ctx, s, broker.open)
		if err != nil {
			return fmt.Errorf("%s: %w", broker.name, err)
		}
		broken = append(broken, found...)
	}
	if s.check && len(broken) > 0 {
		return fmt.Errorf("limits passed: %s", strings.Join(broken, "; "))
	}
	return nil
}

// printClient says which client is compared with: its versions differ much.
func printClient() {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return
	}
	for _, dep := range info.Deps {
		if dep.Path == "github.com/twmb/franz-go" || dep.Path == "github.com/twmb/franz-go/pkg/kfake" {
			fmt.Println(dep.Path, dep.Version)
		}
	}
}

func benchBroker(ctx context.Context, s settings, open func(context.Context, settings) ([]kgo.Opt, string, func() error, error)) (broken []string, err error) {
	kafka, about, closing, err := open(ctx, s)
	if err != nil {
		return nil, err
	}
	defer func() { err = cmp.Or(err, closing()) }()
	for _, shape := range shapes() {
		rows, err := benchShape(ctx, s, kafka, shape)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", shape.name, err)
		}
		fmt.Printf("\n%s, %s\n\n%s", about, shape.name, table(rows))
		broken = append(broken, passed(about+", "+shape.name, rows)...)
	}
	return broken, nil
}

// benchShape has all contenders read a topic of records of one shape, in turns.
func benchShape(ctx context.Context, s settings, kafka []kgo.Opt, shape recordShape) ([]row, error) {
	topic, remove, err := load(ctx, kafka, shape, s.records, s.bytes)
	if err != nil {
		return nil, err
	}
	defer remove()
	contenders := contenders(kafka, topic, s.records)
	rows := make([]row, len(contenders))
	for round := range s.rounds + 1 {
		for i, contender := range contenders {
			cost, err := measure(func() (int, error) { return contender.read(ctx, round) })
			if err != nil {
				return nil, fmt.Errorf("%s: %w", contender.name, err)
			}
			if rows[i].name = contender.name; round > 0 {
				rows[i].costs = append(rows[i].costs, cost)
			}
		}
	}
	return rows, nil
}

func openKafka(ctx context.Context, s settings) ([]kgo.Opt, string, func() error, error) {
	if s.brokers != "" {
		return []kgo.Opt{kgo.SeedBrokers(strings.Split(s.brokers, ",")...)}, "Apache Kafka at " + s.brokers, func() error { return nil }, nil
	}
	cluster, err := kafkaharness.Start(ctx, kafkaharness.Config{Brokers: 1})
	if err != nil {
		return nil, "", nil, fmt.Errorf("no Apache Kafka: set KAFKA_BROKERS, or run Docker: %w", err)
	}
	closing := func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		return cluster.Close(ctx)
	}
	return cluster.Opts(), "Apache Kafka in a container", closing, nil
}
