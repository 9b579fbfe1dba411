-- What a row is: an index that this session has scanned and not reported yet. Asked before and after a probe in its transaction, the
--   difference is what the probe adds to the counters, planning included: the planner reads the ends of indexes.
-- Source: manual, "Statistics Functions". Versions: 13 and later.
-- Privileges: none.
-- Cost: one look into the session's own memory for each index; nothing of a user is opened.
-- Columns: index_oid; scans, started by this session alone, its parallel workers not included.
select
  i.indexrelid as index_oid,
  pg_catalog.pg_stat_get_xact_numscans(i.indexrelid)::int8 as scans
from pg_catalog.pg_index i
where i.indexrelid >= 16384 and pg_catalog.pg_stat_get_xact_numscans(i.indexrelid) > 0
order by 1
