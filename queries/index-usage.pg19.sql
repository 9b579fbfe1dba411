-- What a row is: the counters of one index on this node since its statistics were last reset.
-- Partitioned index parents have none of their own: their leaves are summed by the reader.
-- Source: manual, "pg_stat_all_indexes", "pg_statio_all_indexes".
-- Versions: 19 and later (a reset time per index came with 19).
-- Privileges: none. Cost: one pass over pg_index and the counters in shared memory.
-- Columns: tuples_read are index entries returned, tuples_fetched live rows fetched by plain index scans; blocks are of
--   block_size; last_scan_at_ms is null when never scanned since the reset.
select
  s.indexrelid as index_oid,
  s.idx_scan as scans_total,
  s.idx_tup_read as tuples_read_total,
  s.idx_tup_fetch as tuples_fetched_total,
  (extract(epoch from s.last_idx_scan) * 1000)::float8 as last_scan_at_ms,
  (extract(epoch from s.stats_reset) * 1000)::float8 as stats_reset_at_ms,
  -- As in pg_statio_all_indexes, which would join the same catalogues once more.
  pg_catalog.pg_stat_get_blocks_fetched(s.indexrelid) - pg_catalog.pg_stat_get_blocks_hit(s.indexrelid) as blocks_read_total,
  pg_catalog.pg_stat_get_blocks_hit(s.indexrelid) as blocks_hit_total
from pg_catalog.pg_stat_user_indexes s
order by s.indexrelid
