package main

import (
	"bytes"
	"context"
	"io"

	"github.com/kreflex/kreflex/reflex"
)

// printer prints events, one JSON object on each line. Each batch is one write
// that is not buffered: the cursor must not be ahead of what left the process.
type printer struct {
	out       io.Writer
	topic     string
	partition int32
}

func (p *printer) take(_ context.Context, events []*reflex.Event) error {
	text, err := linesOf(events, p.topic, p.partition)
	if err != nil {
		return newSinkError(events, "print", err)
	}
	if _, err := p.out.Write(text); err != nil {
		return newSinkError(events, "print", err)
	}
	return nil
}

// linesOf returns events as JSON, one on each line.
func linesOf(events []*reflex.Event, topic string, partition int32) ([]byte, error) {
	var text bytes.Buffer
	for _, e := range events {
		line, err := jsonOf(e, topic, partition)
		if err != nil {
			return nil, err
		}
		text.Write(line)
		text.WriteByte('\n')
	}
	return text.Bytes(), nil
}
