-- What a row is: how many columns of user tables there are and of how many this role may see statistics in pg_stats.
-- Exactly one row. Catalogue tables do not count: their statistics are visible to everybody and prove nothing.
-- Source: manual, "pg_stats", "Access Privilege Inquiry Functions".
-- Versions: 13 and later. Privileges: none. Cost: one privilege look-up a column.
-- Columns: user_columns and visible_columns are counts; columns of indexes and dropped ones are in neither.
select
  pg_catalog.count(*)::int4 as user_columns,
  (pg_catalog.count(*) filter (
    where pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'select')
      and not (tc.relrowsecurity and pg_catalog.row_security_active(tc.oid))
  ))::int4 as visible_columns
from pg_catalog.pg_attribute a
join pg_catalog.pg_class tc on tc.oid = a.attrelid
join pg_catalog.pg_namespace n on n.oid = tc.relnamespace
where a.attnum > 0
  and not a.attisdropped
  and tc.relkind in ('r', 'm', 'p')
  and tc.relpersistence <> 't'
  and n.nspname !~ '^pg_'
  and n.nspname not in ('information_schema', 'indexwarden')
order by 1
