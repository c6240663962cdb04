// Package decimal compares numbers as texts, whatever their size: IDs of events and cursors are texts, and may
// be longer than any integer type.
package decimal

// Is reports whether the text is a number as strconv writes it: digits, and
// no zero in front of others. Only such texts have an order.
func Is(text string) bool {
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

// Less compares two decimals of any size without parsing them: the
// longer is the larger, as neither has zeros in front.
func Less(a, b string) bool {
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return a < b
}
