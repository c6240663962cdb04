package kafkacursor

import "strings"

// isDecimal reports whether the text is a number as strconv writes it: digits, and
// no zero in front of others. Only such cursors have an order.
func isDecimal(text string) bool {
	if text == "" || (text[0] == '0' && len(text) > 1) {
		return false
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

// lessDecimal compares two decimals of any size without parsing them: the
// longer is the larger, as neither has zeros in front.
func lessDecimal(a, b string) bool {
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return a < b
}

// orderOf returns the part of a cursor that is compared. Behind an @ it says which log
// it is of, see Log.
func orderOf(cursor string) string {
	position, _, _ := strings.Cut(cursor, "@")
	return position
}
