-- What a row is: the planner's statistics of one column of a user table, read through the optional view
-- indexwarden.column_statistics (deploy/column-statistics-view.sql), which exposes no data values.
-- Source: manual, "pg_statistic". Versions: 13 and later.
-- Privileges: USAGE on schema indexwarden and SELECT on the view.
-- Cost: one pass over pg_statistic.
-- Columns: as column-statistics.sql; the view also covers expression indexes, whose statistics belong to the index.
select
  v.starelid as table_oid,
  v.staattnum as attribute_number,
  v.stanullfrac as null_fraction,
  v.stawidth as average_width_bytes,
  v.stadistinct as distinct_values,
  coalesce(v.most_common_freqs, '{}') as common_frequencies
from indexwarden.column_statistics v
join pg_catalog.pg_class tc on tc.oid = v.starelid
join pg_catalog.pg_namespace n on n.oid = tc.relnamespace
where n.nspname !~ '^pg_'
  and n.nspname <> 'information_schema'
  and tc.relpersistence <> 't'
order by v.starelid, v.staattnum
