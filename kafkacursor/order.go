package kafkacursor

import "strings"

// orderOf returns the part of a cursor that is compared. Behind an @ it says which log
// it is of, see Log.
func orderOf(cursor string) string {
	position, _, _ := strings.Cut(cursor, "@")
	return position
}
