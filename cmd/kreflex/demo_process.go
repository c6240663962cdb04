package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
)

// errWorker says that a worker did something else than to be killed, or to
// reach the head.
var errWorker = errors.New("a worker of the demo failed", j.C("ERR_19d6ce820f7b43a5"))

const (
	// firstEventTimeout bounds how long a worker may take to its first event.
	firstEventTimeout = time.Minute
	// lastGasp bounds how long the output of a dead worker is waited for.
	lastGasp = 5 * time.Second
)

// workerProcess is a worker that runs. One of its methods must be called, once.
type workerProcess struct {
	cmd      *exec.Cmd
	first    chan firstSign
	stderr   bytes.Buffer
	killedAt time.Time // just before the kill
}

// firstSign is that the first event is done, or why there is none.
type firstSign struct{ err error }

// startWorker starts a worker, which dies with ctx.
func startWorker(ctx context.Context, program string, worker workerCommand) (*workerProcess, error) {
	p := &workerProcess{first: make(chan firstSign, 1)}
	p.cmd = exec.CommandContext(ctx, program, worker.args()...) //nolint:gosec // this very program
	p.cmd.WaitDelay = lastGasp
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Wrap(err, "start a worker of the demo")
	}
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Wrap(err, "start a worker of the demo")
	}
	go func() {
		_, err := bufio.NewReader(out).ReadString('\n')
		p.first <- firstSign{err}
	}()
	return p, nil
}

// killAfter kills the worker so long after its first event.
func (p *workerProcess) killAfter(ctx context.Context, lifespan time.Duration) error {
	timeout := time.NewTimer(firstEventTimeout)
	defer timeout.Stop()
	select {
	case sign := <-p.first:
		if sign.err != nil {
			return p.failed(ctx, "it ended before its first event", p.cmd.Wait())
		}
	case <-timeout.C:
		_ = p.cmd.Process.Kill()
		err := p.cmd.Wait()
		<-p.first // its goroutine is done
		return p.failed(ctx, fmt.Sprintf("no event within %s", firstEventTimeout), err)
	}

	moment := time.NewTimer(lifespan)
	defer moment.Stop()
	select {
	case <-moment.C:
	case <-ctx.Done(): // which kills it too
	}
	p.killedAt = time.Now()
	if err := p.cmd.Process.Kill(); err != nil { // it was gone already
		return p.failed(ctx, "it ended before it was killed: publish more events, or kill less often", p.cmd.Wait())
	}
	err := p.cmd.Wait()
	if ctx.Err() != nil || p.cmd.ProcessState.Exited() {
		return p.failed(ctx, "it ended before it was killed: publish more events, or kill less often", err)
	}
	return nil
}

// wait returns when the worker has reached the head of the stream.
func (p *workerProcess) wait(ctx context.Context) error {
	err := p.cmd.Wait()
	<-p.first // its goroutine is done
	if err != nil {
		return p.failed(ctx, "it did not reach the head", err)
	}
	return nil
}

// failed joins what is known of the end of a worker.
func (p *workerProcess) failed(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil {
		err = errors.New("exit code 0", j.C("ERR_2d5be1a8f0976c34"))
	}
	return errors.Wrap(errWorker, fmt.Sprintf("%s (%v): %s", what, err, bytes.TrimSpace(p.stderr.Bytes())))
}
