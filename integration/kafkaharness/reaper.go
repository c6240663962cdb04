package kafkaharness

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/moby/moby/client"
)

const (
	reaperDisabled = "TESTCONTAINERS_RYUK_DISABLED"
	reaperImage    = "testcontainers/ryuk:0.14.0"
)

// disableReaperWithoutImage turns the reaper of testcontainers off where its
// image is not there and can't be pulled: no container would start at all, for want of one
// that only cleans up after tests that are killed. Who sets the variable is
// left alone.
//
// It has to come before the first use of testcontainers, which reads its environment once.
func disableReaperWithoutImage(ctx context.Context) {
	if _, set := os.LookupEnv(reaperDisabled); set {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	docker, err := client.New(client.FromEnv)
	if err != nil {
		return // testcontainers may know where the engine is, or has the better error
	}
	defer func() { _ = docker.Close() }()
	if _, err := docker.Ping(ctx, client.PingOptions{}); err != nil {
		return
	}
	if _, err := docker.ImageInspect(ctx, reaperImage); err == nil {
		return
	}
	if pull(ctx, docker) != nil {
		_ = os.Setenv(reaperDisabled, "true")
	}
}

func pull(ctx context.Context, docker *client.Client) error {
	progress, err := docker.ImagePull(ctx, reaperImage, client.ImagePullOptions{})
	if err != nil {
		return err
	}
	defer func() { _ = progress.Close() }()
	_, err = io.Copy(io.Discard, progress)
	return err
}
