-- What a row is: one foreign key of a user table. Keys and exclusion constraints come with their index (indexes.sql).
-- Left out: the copies that PostgreSQL keeps on partitions (conparentid), since a key is judged where it was declared.
-- Source: manual, "pg_constraint", "pg_amop".
-- Versions: 13 and later (conenforced came with 18 and is read by name).
-- Privileges: none. Cost: one pass over pg_constraint and the operators of its foreign keys.
-- Columns: column_numbers and referenced_column_numbers are in the key's order. equality_positions and equality_families
--   are parallel: the operator family holds, for the key column at that position (1-based), the very equality operator
--   with which the referential check searches. on_delete and on_update: a no action, r restrict, c cascade, n set null, d set default.
select
  k.oid as constraint_oid,
  k.conname::text as constraint_name,
  k.conrelid as table_oid,
  k.confrelid as referenced_table_oid,
  nullif(k.conindid, 0) as referenced_index_oid,
  rn.nspname::text as referenced_schemaname,
  rc.relname::text as referenced_relname,
  k.conkey as column_numbers,
  k.confkey as referenced_column_numbers,
  k.condeferrable as is_deferrable,
  k.convalidated as is_validated,
  coalesce((pg_catalog.to_jsonb(k) ->> 'conenforced')::bool, true) as is_enforced,
  k.confdeltype::text as on_delete,
  k.confupdtype::text as on_update,
  equality.positions as equality_positions,
  equality.families as equality_families
from pg_catalog.pg_constraint k
join pg_catalog.pg_class tc on tc.oid = k.conrelid
join pg_catalog.pg_namespace n on n.oid = tc.relnamespace
join pg_catalog.pg_class rc on rc.oid = k.confrelid
join pg_catalog.pg_namespace rn on rn.oid = rc.relnamespace
cross join lateral (
  select
    coalesce(pg_catalog.array_agg(op.position::int4 order by op.position, ao.amopfamily), '{}') as positions,
    coalesce(pg_catalog.array_agg(ao.amopfamily order by op.position, ao.amopfamily), '{}') as families
  from pg_catalog.unnest(k.conpfeqop) with ordinality as op(operator_oid, position)
  join pg_catalog.pg_amop ao on ao.amopopr = op.operator_oid and ao.amoppurpose = 's'
) as equality
where k.contype = 'f'
  and k.conparentid = 0
  and tc.relpersistence <> 't'
  and n.nspname !~ '^pg_'
  and n.nspname <> 'information_schema'
order by k.oid
