-- What a row is: what pgstattuple counted in one B-tree or GiST index. Exactly one row. {schema} is replaced by the quoted
-- name of the schema that the extension is in (measure-functions.sql).
-- Source: manual, "pgstattuple".
-- Versions: 13 and later. Privileges: EXECUTE on the function, which pg_monitor has through pg_stat_scan_tables.
-- Cost: reads the whole index once, 0.3 to 5 ms a MiB, through a small ring of buffers, so that the cache stays as it is.
-- Locks: ACCESS SHARE on the index, and a snapshot, for as long as it runs: alone in its transaction, and cancelled as soon as
--   somebody waits for it (measure-waiters.sql). The oid is passed, since a name would need USAGE on its schema.
-- Columns: lengths in bytes; tuple_count counts a posting list of a B-tree once.
select
  s.table_len,
  s.tuple_count,
  s.tuple_len,
  s.free_space
from {schema}.pgstattuple($1::oid::regclass) s
order by s.table_len
