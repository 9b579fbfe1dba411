-- What a row is: the planner's statistics of one column of a user table, as far as this role may see them.
-- Source: manual, "pg_stats". No data values are read: of the most common values only their frequencies.
-- Versions: 13 and later.
-- Privileges: SELECT on the column, and no row security on the table for this role; under pg_monitor alone the view has no rows
--   for user tables. What was not visible is counted by column-visibility.sql, so that no rows never reads as "nothing there".
-- Cost: one pass over pg_statistic; materialised, since a join into pg_stats per index is quadratic.
-- Columns: null_fraction 0 to 1; average_width_bytes; distinct_values as pg_stats has it (negative: a share of the rows).
select
  tc.oid as table_oid,
  a.attnum as attribute_number,
  st.null_frac as null_fraction,
  st.avg_width as average_width_bytes,
  st.n_distinct as distinct_values,
  coalesce(st.most_common_freqs, '{}') as common_frequencies
from pg_catalog.pg_stats st
join pg_catalog.pg_namespace n on n.nspname = st.schemaname
join pg_catalog.pg_class tc on tc.relnamespace = n.oid and tc.relname = st.tablename
join pg_catalog.pg_attribute a on a.attrelid = tc.oid and a.attname = st.attname
where st.schemaname !~ '^pg_'
  and st.schemaname <> 'information_schema'
  and tc.relpersistence <> 't'
  and st.inherited = (tc.relkind = 'p')
order by tc.oid, a.attnum
