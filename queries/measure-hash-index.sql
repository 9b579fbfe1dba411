-- What a row is: the pages and entries of one hash index. Exactly one row. {schema} is replaced by the quoted name of the
-- schema that the extension is in (measure-functions.sql).
-- Source: manual, "pgstattuple".
-- Versions: 13 and later. Privileges: EXECUTE on the function, which pg_monitor has through pg_stat_scan_tables.
-- Cost: reads the whole index once, 0.3 to 5 ms a MiB, through a small ring of buffers.
-- Locks: ACCESS SHARE on the index, and a snapshot, for as long as it runs; see measure-index.sql.
-- Columns: pages of each kind, the metapage in none; live_items are entries.
select
  h.bucket_pages,
  h.overflow_pages,
  h.bitmap_pages,
  h.unused_pages,
  h.live_items,
  pg_catalog.current_setting('block_size')::int4 as block_size_bytes
from {schema}.pgstathashindex($1::oid::regclass) h
order by 1
