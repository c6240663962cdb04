package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/kafkatest"
)

// serveArg makes this program the embedded broker.
const serveArg = "serve-embedded-broker"

// serve is the embedded broker until its standard input ends, which is when the
// process that started it ends, however that happens.
func serve(context.Context) error {
	broker, err := kafkatest.New()
	if err != nil {
		return err
	}
	defer broker.Close()
	fmt.Println(broker.Addrs()[0])
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// openEmbedded starts the embedded broker in a process of its own, so that its CPU and
// allocations are not the client's.
func openEmbedded(context.Context, settings) ([]kgo.Opt, string, func() error, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", nil, err
	}
	cmd := exec.Command(self, serveArg) // ends with its input, not with a context
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, "", nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", nil, err
	}
	closing := func() error {
		_ = in.Close()
		return cmd.Wait()
	}
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = closing()
		return nil, "", nil, fmt.Errorf("embedded broker did not start: %w", err)
	}
	return []kgo.Opt{kgo.SeedBrokers(strings.TrimSpace(addr))}, "Embedded broker", closing, nil
}
