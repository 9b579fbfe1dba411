-- What a row is: one column of a user table that takes part in an index (key, included, expression or predicate) or a foreign key.
-- Source: manual, "pg_attribute", "pg_index", "pg_constraint", "pg_depend".
-- Versions: 13 and later. Privileges: none. Cost: one pass over pg_index, pg_constraint and the columns they name.
-- Columns: length_bytes is attlen (-1: variable length); generated is '' (no), 's' (stored) or 'v' (virtual, 18 and later).
with named as materialized (
  select i.indrelid as table_oid, key.attnum
  from pg_catalog.pg_index i
  cross join lateral pg_catalog.unnest(i.indkey::int2[]) as key(attnum)
  where key.attnum > 0
  union
  select k.conrelid, key.attnum
  from pg_catalog.pg_constraint k
  cross join lateral pg_catalog.unnest(k.conkey) as key(attnum)
  where k.contype = 'f'
  union
  select k.confrelid, key.attnum
  from pg_catalog.pg_constraint k
  cross join lateral pg_catalog.unnest(k.confkey) as key(attnum)
  where k.contype = 'f'
)
select
  a.attrelid as table_oid,
  a.attnum as attribute_number,
  a.attname::text as column_name,
  pg_catalog.format_type(a.atttypid, a.atttypmod) as type_name,
  a.attnotnull as is_not_null,
  a.attlen as length_bytes,
  a.attgenerated::text as generated
from named
join pg_catalog.pg_class tc on tc.oid = named.table_oid
join pg_catalog.pg_namespace n on n.oid = tc.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = named.table_oid and a.attnum = named.attnum
where tc.relpersistence <> 't'
  and n.nspname !~ '^pg_'
  and n.nspname <> 'information_schema'
order by a.attrelid, a.attnum
