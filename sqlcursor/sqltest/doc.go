// Package sqltest has the tests of sqlcursor on PostgreSQL, MariaDB and SQLite.
package sqltest
