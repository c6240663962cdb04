package sqlcursor

import (
	"fmt"
	"regexp"
	"strings"
)

// defaultTable is the table without WithTable.
const defaultTable = "cursors"

// quoteTable returns the name for use in SQL. PostgreSQL cuts longer names without an error.
func quoteTable(d Dialect, table string) (string, error) {
	if !d.known() {
		return "", &Error{Kind: ErrInvalidOption, Asked: d.String(), Do: "give PostgreSQL, MySQL or SQLite"}
	}
	if !regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]{0,62}\.)?[A-Za-z_][A-Za-z0-9_]{0,62}$`).MatchString(table) {
		return "", &Error{
			Kind: ErrInvalidOption, Asked: fmt.Sprintf("the table %q", clip(table)),
			Do: "give letters, digits and underscores, at most 63, with a schema and a dot in front if need be",
		}
	}
	parts := strings.Split(table, ".")
	for i, part := range parts {
		parts[i] = d.quote(part)
	}
	return strings.Join(parts, "."), nil
}

// quote returns an identifier as SQL has it. Quoted, because cursor and partition are words of MySQL.
func (d Dialect) quote(name string) string {
	if d == MySQL {
		return "`" + name + "`"
	}
	return `"` + name + `"`
}
