package sqlcursor

import (
	"fmt"
	"strings"
)

// Schema returns the statement that creates the table if it is missing, for those whose schema is
// kept elsewhere. Store.Create runs it. The table is named as it is, upper case too.
func Schema(dialect Dialect, table string) (string, error) {
	quoted, err := quoteTable(dialect, table)
	if err != nil {
		return "", err
	}
	var text func(length int) string
	var number, when, end string
	switch dialect {
	case PostgreSQL:
		text = func(n int) string { return fmt.Sprintf(`varchar(%d) collate "C"`, n) }
		number, when = "bigint", "timestamptz"
	case MySQL:
		text = func(n int) string { return fmt.Sprintf("varchar(%d) character set ascii collate ascii_bin", n) }
		number, when = "bigint", "datetime(6)"
		// Without transactions nothing here would be true.
		end = " engine=InnoDB"
	default:
		text = func(int) string { return "text" }
		number, when = "integer", "text"
	}
	q := dialect.quote
	lines := []string{
		q("consumer") + " " + text(maxConsumer) + " not null",
		q("topic") + " " + text(maxTopic) + " not null",
		q("partition") + " integer not null",
		q("cursor") + " " + text(maxCursor),
		q("epoch") + " " + number + " not null",
		q("owner") + " " + text(maxOwner) + " not null",
		q("updated_at") + " " + when + " not null",
		fmt.Sprintf("primary key (%s, %s, %s)", q("consumer"), q("topic"), q("partition")),
	}
	return "create table if not exists " + quoted + " (\n\t" + strings.Join(lines, ",\n\t") + "\n)" + end, nil
}
