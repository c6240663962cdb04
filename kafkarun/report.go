package kafkarun

import (
	"context"
	"log/slog"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/log"
)

// report logs what is not returned to anybody, as the partition goes on by itself. It is in the status too.
func (r *Runner) report(ctx context.Context, what string, err error, attrs ...slog.Attr) {
	if r.config.logger == nil {
		log.Error(ctx, errors.Wrap(err, what))
		return
	}
	attrs = append(attrs, slog.String("topic", r.topic.Name()), slog.Any("error", err))
	r.config.logger.LogAttrs(ctx, slog.LevelError, what, attrs...)
}

// report is that of the runner, about the lane.
func (l *lane) report(ctx context.Context, what string, err error) {
	l.mu.Lock()
	name := l.name
	l.mu.Unlock()
	l.session.runner.report(ctx, what, err, slog.String("consumer", name), slog.Int("partition", int(l.number)))
}
