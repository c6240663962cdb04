package sqlcursor

import (
	"strings"

	"github.com/kreflex/kreflex/internal/decimal"
)

// orderOf returns the part of a cursor that is compared, or "" if it has no order. Behind an
// @ it says which log it is of, see Log.
func orderOf(cursor string) string {
	position, _, _ := strings.Cut(cursor, "@")
	if !decimal.Is(position) {
		return ""
	}
	return position
}
