package sqlcursor

import "strconv"

// Dialect is the kind of a database.
type Dialect int

// The databases that are known. MySQL is MariaDB too.
const (
	PostgreSQL Dialect = iota + 1
	MySQL
	SQLite
)

// String returns the name of the database.
func (d Dialect) String() string {
	switch d {
	case PostgreSQL:
		return "PostgreSQL"
	case MySQL:
		return "MySQL"
	case SQLite:
		return "SQLite"
	default:
		return "dialect " + strconv.Itoa(int(d))
	}
}

func (d Dialect) known() bool { return d >= PostgreSQL && d <= SQLite }
