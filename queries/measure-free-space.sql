-- What a row is: what the free-space map of one index lists. Exactly one row. {schema} is replaced by the quoted name of the
-- schema that the extension is in (measure-functions.sql).
-- Source: manual, "pg_freespacemap".
-- Versions: 13 and later. Privileges: EXECUTE on the function, which pg_monitor has through pg_stat_scan_tables.
-- Cost: reads the free-space map, about one page for 4,000 of the index; a microsecond for each page of the index.
-- Locks: ACCESS SHARE on the index for as long as it runs.
-- Columns: an index lists whole pages that are free and no others, so that a page counts with its full size.
select
  (pg_catalog.count(*) * pg_catalog.current_setting('block_size')::int8)::int8 as size_bytes,
  (pg_catalog.count(*) filter (where f.avail > 0) * pg_catalog.current_setting('block_size')::int8)::int8 as free_bytes
from (
  select {schema}.pg_freespace($1::oid::regclass, block.number) as avail
  from pg_catalog.generate_series(
    0::int8,
    pg_catalog.pg_relation_size($1::oid::regclass) / pg_catalog.current_setting('block_size')::int8 - 1
  ) as block(number)
) f
order by 1
