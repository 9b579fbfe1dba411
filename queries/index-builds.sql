-- What a row is: one CREATE INDEX or REINDEX that is running in this database.
-- Source: manual, "CREATE INDEX Progress Reporting".
-- Versions: 13 and later. Privileges: pg_monitor sees all; others see their own, and nulls elsewhere.
-- Cost: constant.
-- Columns: index_oid is null until the index exists and for plain CREATE INDEX; blocks and tuples are of the current phase;
--   started_at_ms is when the command was sent, in milliseconds since the epoch, null where the session has ended meanwhile.
select
  p.pid as backend_pid,
  nullif(p.relid, 0) as table_oid,
  nullif(p.index_relid, 0) as index_oid,
  coalesce(p.command, 'unknown') as command,
  coalesce(p.phase, 'unknown') as phase,
  coalesce(p.blocks_done, 0) as blocks_done,
  coalesce(p.blocks_total, 0) as blocks_total,
  coalesce(p.tuples_done, 0) as tuples_done,
  coalesce(p.tuples_total, 0) as tuples_total,
  -- Built concurrently an index takes several transactions, but one statement.
  pg_catalog.round(extract(epoch from a.query_start) * 1000)::float8 as started_at_ms
from pg_catalog.pg_stat_progress_create_index p
left join pg_catalog.pg_stat_activity a on a.pid = p.pid
where p.datname = pg_catalog.current_database()
order by p.pid
