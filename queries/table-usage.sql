-- What a row is: the counters of one table or materialized view on this node since its statistics were last reset.
-- Source: manual, "pg_stat_all_tables".
-- Versions: 13 to 15; table-usage.pg16.sql and table-usage.pg19.sql for later ones.
-- Privileges: none. Cost: one pass over pg_class and the counters in shared memory.
-- Columns: *_total count rows or scans; live_rows, dead_rows and rows_changed_since_analyze are the server's estimates;
--   last_*_at_ms are null when it did not happen since the reset; rows_new_page_updated_total counts the updates whose new
--   version went to another page (never HOT), which 16 was the first to count.
select
  s.relid as table_oid,
  s.seq_scan as sequential_scans_total,
  s.seq_tup_read as sequential_rows_read_total,
  coalesce(s.idx_scan, 0) as index_scans_total,
  s.n_tup_ins as rows_inserted_total,
  s.n_tup_upd as rows_updated_total,
  s.n_tup_hot_upd as rows_hot_updated_total,
  null::int8 as rows_new_page_updated_total,
  s.n_tup_del as rows_deleted_total,
  s.n_live_tup as live_rows,
  s.n_dead_tup as dead_rows,
  s.n_mod_since_analyze as rows_changed_since_analyze,
  (extract(epoch from greatest(s.last_analyze, s.last_autoanalyze)) * 1000)::float8 as last_analyzed_at_ms,
  (extract(epoch from greatest(s.last_vacuum, s.last_autovacuum)) * 1000)::float8 as last_vacuumed_at_ms,
  null::float8 as last_sequential_scan_at_ms,
  null::float8 as stats_reset_at_ms
from pg_catalog.pg_stat_user_tables s
order by s.relid
