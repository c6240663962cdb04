// Package complaint is how errors say what was asked for, what is there, and what to do about it: in one
// line, in the same order everywhere.
package complaint

import "strings"

// Line returns the text of an error. Parts that are empty are left out; about is what it is about, such as a
// topic and partition.
func Line(kind error, about, asked, found string, cause error, do string) string {
	var text strings.Builder
	text.WriteString(kind.Error())
	if about != "" {
		text.WriteString(" (" + about + ")")
	}
	if asked != "" {
		text.WriteString(": asked for " + asked)
	}
	if found != "" {
		text.WriteString(": found " + found)
	}
	if cause != nil {
		text.WriteString(": " + cause.Error())
	}
	if do != "" {
		text.WriteString(": " + do)
	}
	return text.String()
}

// Chain returns what such an error unwraps to, for errors.Is and errors.As.
func Chain(kind, cause error) []error {
	if cause == nil {
		return []error{kind}
	}
	return []error{kind, cause}
}
