-- What a row is: one statement of this database that reads with a WHERE clause, with what it has cost since it is counted. {schema} is
-- replaced by the quoted name of the schema that the extension is in (statements-source.sql).
-- Source: manual, "pg_stat_statements".
-- Versions: 13 and later, with the extension's SQL objects 1.4 to 1.7, older than any of these servers' own.
-- Privileges: SELECT on the view, which everybody has; texts of other roles' statements need pg_read_all_stats, which pg_monitor has.
--   Those that are hidden are left out: whether the role sees all is a fact of the server.
-- Cost: the server hands out all the texts it keeps (5,000 statements by default), and their beginnings are searched.
-- Parameters: how many statements at most, the costliest first; how many characters of each text.
-- Columns: calls_total, rows_total and the times, in milliseconds, are sums over all roles that ran the statement; counted_since_ms is
--   since when the oldest of them count, null where the extension does not say; is_cut tells that the text is longer than what is here.
with own as materialized (
  select
    s.queryid,
    s.query,
    s.calls,
    s.total_time as total_time,
    s.max_time as max_time,
    s.rows,
    s.blk_read_time as read_time,
    null::timestamptz as since
  from {schema}.pg_stat_statements s
  where s.dbid = (
      select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database()
    )
    and s.calls > 0
    -- Whoever reads the catalogue, as we do, reads no table of a user.
    and s.query not like '%pg_catalog.pg\_%'
    -- Comments of a framework may come first, and brackets.
    and s.query ~* '^(?:\s|\(|/\*.*?\*/)*(?:with|select|update|delete)\M'
    and pg_catalog.left(s.query, $2::int4) ~* '\mwhere\M'
), summed as (
  select
    own.queryid,
    pg_catalog.min(own.query) as query,
    pg_catalog.sum(own.calls)::float8 as calls,
    pg_catalog.sum(own.total_time) as total_time,
    pg_catalog.max(own.max_time) as max_time,
    pg_catalog.sum(own.rows)::float8 as returned,
    pg_catalog.sum(own.read_time) as read_time,
    pg_catalog.min(own.since) as since
  from own
  where own.queryid is not null
  group by own.queryid
  order by pg_catalog.sum(own.total_time) desc, own.queryid
  limit $1::int4
)
select
  summed.queryid::text as query_id,
  summed.calls as calls_total,
  summed.total_time as execution_ms_total,
  summed.max_time as execution_ms_max,
  summed.returned as rows_total,
  summed.read_time as block_read_ms_total,
  (extract(epoch from summed.since) * 1000)::float8 as counted_since_ms,
  pg_catalog.length(summed.query) > $2::int4 as is_cut,
  pg_catalog.left(summed.query, $2::int4) as query_text
from summed
order by summed.queryid
