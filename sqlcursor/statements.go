package sqlcursor

import (
	"strconv"
	"strings"
)

// statements are the SQL of a table. The arguments of those about one cursor end with its key: consumer, topic,
// partition. In takeOver and overrule it is in front.
type statements struct {
	create string // the table
	// takeOver makes owner the owner: key, owner, owner.
	takeOver string
	// overrule sets the cursor as another owner: key, cursor, owner, cursor, owner.
	overrule string
	// remove takes the cursor away as another owner: owner, key.
	remove string
	// advance sets a cursor that is a number to a larger one: cursor, length, number, key, epoch, owner.
	// A cursor that isn't one is replaced by any number.
	advance string
	// change sets a cursor that is no number to another one: cursor, cursor, key, epoch, owner.
	change string
	// look reads a row as of the last commit, or of the transaction's own.
	look string
	// lookLocked waits for whoever has changed the row, and keeps others from it.
	lookLocked string
	list       string // all rows with a cursor
	shape      string // no row, of all columns
	probe      string // inserts a row: key, cursor, owner
	count      string // rows of a topic: topic
	forget     string // removes them: topic
}

func newStatements(d Dialect, table string) (statements, error) {
	create, err := Schema(d, table)
	if err != nil {
		return statements{}, err
	}
	quoted, _ := quoteTable(d, table) // as Schema did

	now, micros, position, isNumber, lock := d.expressions()
	key := "{consumer} = ? and {topic} = ? and {partition} = ?"
	mine := key + " and {epoch} = ? and {owner} = ?"
	insert := "insert into {table}{alias} ({consumer}, {topic}, {partition}, {cursor}, {epoch}, {owner}, {updated_at}) values "
	conflict, held := " on conflict ({consumer}, {topic}, {partition}) do update set ", "held.{epoch}"
	alias := " as held" // or PostgreSQL would not know whose epoch is meant
	if d == MySQL {
		conflict, held, alias = " on duplicate key update ", "{epoch}", ""
	}
	columns := "{consumer}, {topic}, {partition}, {cursor}, {epoch}, {owner}, " + micros
	set := "update {table} set {cursor} = ?, {updated_at} = " + now + " where "
	look := "select " + columns + " from {table} where " + key

	names := []string{
		"{table}", quoted, "{alias}", alias, "{position}", position,
	}
	for _, column := range []string{"consumer", "topic", "partition", "cursor", "epoch", "owner", "updated_at"} {
		names = append(names, "{"+column+"}", d.quote(column))
	}
	fill := func(sql string) string {
		sql = strings.NewReplacer(names[4:6]...).Replace(sql) // which has names itself
		return d.placeholders(strings.NewReplacer(names...).Replace(sql))
	}
	return statements{
		create:   create,
		takeOver: fill(insert + "(?, ?, ?, null, 1, ?, " + now + ")" + conflict + "{epoch} = " + held + " + 1, {owner} = ?"),
		overrule: fill(insert + "(?, ?, ?, ?, 1, ?, " + now + ")" + conflict +
			"{cursor} = ?, {epoch} = " + held + " + 1, {owner} = ?, {updated_at} = " + now),
		remove: fill("update {table} set {cursor} = null, {epoch} = {epoch} + 1, {owner} = ?, {updated_at} = " + now + " where " + key),
		advance: fill(set + "({cursor} is null or not (" + isNumber + ") or length({position}) < ? or (length({position}) = ? and {position} < ?)) and " +
			mine),
		change:     fill(set + "({cursor} is null or {cursor} <> ?) and " + mine),
		look:       fill(look),
		lookLocked: fill(look + lock),
		list:       fill("select " + columns + " from {table} where {cursor} is not null"),
		shape:      fill("select " + columns + " from {table} where 1 = 0"),
		probe:      fill(insert + "(?, ?, ?, ?, 1, ?, " + now + ")"),
		count:      fill("select count(*) from {table} where {topic} = ?"),
		forget:     fill("delete from {table} where {topic} = ?"),
	}, nil
}

// expressions returns what each database writes in a way of its own: the time, the microseconds of updated_at since 1970,
// the part of the cursor that is compared, whether that is a number as decimal.Is has it, and the end of
// a query that locks its rows.
func (d Dialect) expressions() (now, micros, position, isNumber, lock string) {
	switch d {
	case PostgreSQL:
		return "clock_timestamp()",
			"cast(extract(epoch from {updated_at}) * 1000000 as bigint)",
			"split_part({cursor}, '@', 1)",
			"{position} ~ '^(0|[1-9][0-9]*)$'",
			" for update"
	case MySQL:
		return "utc_timestamp(6)",
			"timestampdiff(microsecond, '1970-01-01', {updated_at})",
			"substring_index({cursor}, '@', 1)",
			"{position} regexp '^(0|[1-9][0-9]*)$'",
			" for update"
	default: // SQLite locks the whole database, when a transaction writes first
		return "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
			"coalesce(cast(strftime('%s', {updated_at}) as integer) * 1000000 + cast(substr(strftime('%f', {updated_at}), 4) as integer) * 1000, 0)",
			"substr({cursor}, 1, instr({cursor} || '@', '@') - 1)",
			"{position} = '0' or ({position} glob '[1-9]*' and {position} not glob '*[^0-9]*')",
			""
	}
}

// placeholders numbers the question marks for PostgreSQL. None of our statements has one in a text.
func (d Dialect) placeholders(sql string) string {
	if d != PostgreSQL {
		return sql
	}
	var numbered strings.Builder
	n := 0
	for _, c := range sql {
		if c != '?' {
			numbered.WriteRune(c)
			continue
		}
		n++
		numbered.WriteString("$" + strconv.Itoa(n))
	}
	return numbered.String()
}
