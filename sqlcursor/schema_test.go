package sqlcursor

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Whoever keeps the schema elsewhere compares it with what stands here.
func TestSchemaOfEachDatabase(t *testing.T) {
	for dialect, want := range map[Dialect]string{
		PostgreSQL: `create table if not exists "app"."cursors" (
	"consumer" varchar(1000) collate "C" not null,
	"topic" varchar(255) collate "C" not null,
	"partition" integer not null,
	"cursor" varchar(4096) collate "C",
	"epoch" bigint not null,
	"owner" varchar(16) collate "C" not null,
	"updated_at" timestamptz not null,
	primary key ("consumer", "topic", "partition")
)`,
		MySQL: "create table if not exists `app`.`cursors` (\n" +
			"\t`consumer` varchar(1000) character set ascii collate ascii_bin not null,\n" +
			"\t`topic` varchar(255) character set ascii collate ascii_bin not null,\n" +
			"\t`partition` integer not null,\n" +
			"\t`cursor` varchar(4096) character set ascii collate ascii_bin,\n" +
			"\t`epoch` bigint not null,\n" +
			"\t`owner` varchar(16) character set ascii collate ascii_bin not null,\n" +
			"\t`updated_at` datetime(6) not null,\n" +
			"\tprimary key (`consumer`, `topic`, `partition`)\n" +
			") engine=InnoDB",
		SQLite: `create table if not exists "app"."cursors" (
	"consumer" text not null,
	"topic" text not null,
	"partition" integer not null,
	"cursor" text,
	"epoch" integer not null,
	"owner" text not null,
	"updated_at" text not null,
	primary key ("consumer", "topic", "partition")
)`,
	} {
		schema, err := Schema(dialect, "app.cursors")
		require.NoError(t, err)
		require.Equal(t, want, schema)
	}
}

func TestTableMustBeAName(t *testing.T) {
	for _, table := range []string{
		"", ".", "a.", ".a", "a.b.c", "1a", "a b", "a-b", `a"b`, "a`b", "a;drop table b", "été", "a\n",
		"a23456789012345678901234567890123456789012345678901234567890123_",
	} {
		_, err := Schema(PostgreSQL, table)
		require.ErrorIs(t, err, ErrInvalidOption, table)
		require.True(t, IsPermanent(err))
	}
	for _, table := range []string{"a", "_", "A1", "App.Cursors", "a23456789012345678901234567890123456789012345678901234567890123"} {
		_, err := Schema(PostgreSQL, table)
		require.NoError(t, err, table)
	}
	_, err := Schema(0, "cursors")
	require.ErrorIs(t, err, ErrInvalidOption)
	require.ErrorContains(t, err, "dialect 0")
}

func TestStatementsOfPostgreSQLNumberTheirArguments(t *testing.T) {
	s, err := newStatements(PostgreSQL, "cursors")
	require.NoError(t, err)
	require.Equal(t, `update "cursors" set "cursor" = $1, "updated_at" = clock_timestamp() where `+
		`("cursor" is null or not (split_part("cursor", '@', 1) ~ '^(0|[1-9][0-9]*)$') or `+
		`length(split_part("cursor", '@', 1)) < $2 or (length(split_part("cursor", '@', 1)) = $3 and split_part("cursor", '@', 1) < $4)) and `+
		`"consumer" = $5 and "topic" = $6 and "partition" = $7 and "epoch" = $8 and "owner" = $9`, s.advance)
	for _, sql := range []string{s.takeOver, s.overrule, s.remove, s.advance, s.change, s.look, s.lookLocked, s.list, s.shape, s.probe, s.count, s.forget} {
		require.NotContains(t, sql, "?")
		require.NotContains(t, sql, "{")
	}
}
