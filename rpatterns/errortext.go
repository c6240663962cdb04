package rpatterns

import (
	"maps"
	"slices"
	"strings"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/reflex"
)

// maxErrorText is what a column of type text has room for, and more than a screen shows. A
// longer one might be refused, and hold the consumer up for ever.
const maxErrorText = 32 << 10

// wholeError returns the text of an error in the first lines, and behind it what the text leaves
// out, in lines of their own:
//
//	consume error: insert failed
//	codes: ERR_09290f5944cb8671
//	order=17
//	stack:
//	  billing/consumer.go:31 charge
//
// An error with neither key-values nor a stack is its text alone.
func wholeError(err error) string {
	var b strings.Builder
	b.WriteString(err.Error())
	keyValues, stack := errors.GetKeyValues(err), stackOf(err)
	if len(keyValues) > 0 || len(stack) > 0 {
		if codes := codesOf(err); len(codes) > 0 {
			b.WriteString("\ncodes: " + strings.Join(codes, ", "))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(keyValues)) {
		b.WriteString("\n" + key + "=" + keyValues[key])
	}
	if len(stack) > 0 {
		b.WriteString("\nstack:")
	}
	for _, line := range stack {
		b.WriteString("\n  " + line)
	}
	return shorten(strings.ToValidUTF8(b.String(), "\uFFFD"), maxErrorText)
}

// codesOf returns the codes of the error. An error without counts its text as a code.
func codesOf(err error) []string {
	return slices.DeleteFunc(errors.GetCodes(err), func(code string) bool { return strings.Contains(err.Error(), code) })
}

func stackOf(err error) []string {
	var panicked *reflex.PanicError
	if errors.As(err, &panicked) {
		return strings.Split(strings.TrimSpace(string(panicked.Stack)), "\n")
	}
	_, stack, _ := errors.GetLastStackTrace(err)
	return stack
}

// shorten cuts the text in a way that shows, between two characters.
func shorten(text string, limit int) string {
	const mark = " [cut]"
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit-len(mark)], "") + mark
}
