package sqlcursor

import (
	"database/sql"

	"github.com/kreflex/kreflex/internal/decimal"
)

// row is one of the table, or none.
type row struct {
	found     bool
	consumer  string // escaped, as topic and cursor are
	topic     string
	partition int64
	cursor    sql.NullString
	epoch     int64
	owner     string
	micros    int64 // since 1970
}

// scan reads the columns of the statements look and list.
func (r *row) scan(scan func(...any) error) error {
	var micros sql.NullInt64
	err := scan(&r.consumer, &r.topic, &r.partition, &r.cursor, &r.epoch, &r.owner, &micros)
	r.found, r.micros = err == nil, micros.Int64
	return err
}

// standing is how a cursor stands to that of the row.
type standing int

const (
	ahead standing = iota
	level
	behind
)

// standing compares a cursor that is to be set with that of the row. It is what the statements advance and
// change do.
func (r row) standing(v value) standing {
	order := orderOf(r.cursor.String)
	switch {
	case !r.cursor.Valid:
		return ahead
	case v.order == "" || order == "":
		if r.cursor.String == v.text {
			return level
		}
		return ahead
	case decimal.Less(order, v.order):
		return ahead
	case order == v.order:
		return level
	default:
		return behind
	}
}

// reached reports whether the row is where the claim says, or further.
func (r row) reached(c *claim) bool { return r.standing(c.value) != ahead }
