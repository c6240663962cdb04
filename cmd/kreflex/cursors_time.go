package main

import (
	"fmt"
	"time"

	"github.com/luno/jettison/errors"
)

// parseTime reads a time, or how long ago one was.
func parseTime(flag, text string, now time.Time) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	ago, err := time.ParseDuration(text)
	if err != nil {
		return time.Time{}, errors.Wrap(errBadFlag, fmt.Sprintf("%s %q is neither a time such as 2006-01-02T15:04:05Z nor how long ago, such as 90m", flag, text))
	}
	if ago < 0 {
		return time.Time{}, errors.Wrap(errBadFlag, fmt.Sprintf("%s %q is in the future: it says how long ago", flag, text))
	}
	return now.Add(-ago), nil
}
