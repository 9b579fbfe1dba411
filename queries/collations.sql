-- What a row is: one collation that an index of a user table uses, as the collation of a key or inside an expression or predicate;
--   and the database's own default collation, used or not.
-- Source: manual, "pg_collation", "pg_index", "pg_depend", "Collation Management Functions".
-- Versions: 13 and 14, where databases have the provider libc and keep no version; collations.pg15.sql for later ones.
-- Privileges: none. Cost: one pass over pg_index and over what indexes depend on.
-- Columns: provider is 'b' (built in), 'c' (libc) or 'i' (ICU); versions are null where the provider has none, as for "C".
with used as materialized (
  select key.collation_oid
  from pg_catalog.pg_index i
  cross join lateral pg_catalog.unnest(i.indcollation::oid[]) as key(collation_oid)
  where i.indrelid >= 16384 and key.collation_oid <> 0
  union
  select dep.refobjid
  from pg_catalog.pg_depend dep
  join pg_catalog.pg_index i on i.indexrelid = dep.objid
  where dep.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
    and dep.refclassid = 'pg_catalog.pg_collation'::pg_catalog.regclass
)
select
  co.oid as collation_oid,
  n.nspname::text as schemaname,
  co.collname::text as collation_name,
  co.collprovider = 'd' as is_database_default,
  -- The default of a database in C or POSIX compares bytes, like what is built in.
  case
    when co.collprovider <> 'd' then co.collprovider::text
    when d.datcollate in ('C', 'POSIX') then 'b'
    else 'c'
  end as provider,
  co.collisdeterministic as is_deterministic,
  co.collversion as recorded_version,
  pg_catalog.pg_collation_actual_version(co.oid) as actual_version
from pg_catalog.pg_collation co
join pg_catalog.pg_namespace n on n.oid = co.collnamespace
join pg_catalog.pg_database d on d.datname = pg_catalog.current_database()
where co.collprovider = 'd' or co.oid in (select used.collation_oid from used)
order by co.oid
