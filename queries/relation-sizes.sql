-- What a row is: the size on disk of one table, materialized view, TOAST table or index of a user schema.
-- Source: manual, "Database Object Management Functions".
-- Versions: 13 and later. Privileges: none by oid. Cost: about 50 µs a relation (one stat() per segment and fork).
-- Locks: pg_relation_size and pg_table_size wait behind ACCESS EXCLUSIVE; relations with such a lock granted or waited for are
--   reported with size_bytes null instead of being asked. $1 and $2 bound the relation's oid (bisection after a lock timeout);
--   with $3 false no relation is opened at all.
-- Columns: size_bytes is all forks of the relation itself; null when it is locked or was dropped meanwhile. relpages and
--   estimated_entries are what VACUUM or ANALYZE last counted.
with blocked as materialized (
  select distinct l.relation
  from pg_catalog.pg_locks l
  where l.locktype = 'relation'
    and l.mode = 'AccessExclusiveLock'
    and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
),
-- An index has its table's schema; partitioned tables and their indexes have no file.
relation as (
  select c.oid, c.relkind, c.relpersistence, c.relpages, c.reltuples
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'm', 'i')
    and c.relpersistence <> 't'
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
  union all
  select toast.oid, toast.relkind, toast.relpersistence, toast.relpages, toast.reltuples
  from pg_catalog.pg_class tc
  join pg_catalog.pg_namespace n on n.oid = tc.relnamespace
  join pg_catalog.pg_class toast on toast.oid = tc.reltoastrelid
  where tc.relkind in ('r', 'm')
    and tc.relpersistence <> 't'
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
)
select
  r.oid as relation_oid,
  -- The free-space and visibility maps belong to the price of a relation as much as its rows do.
  case
    when blocked.relation is not null or not $3::bool then null
    -- What has no TOAST table of its own: all forks for one opening. The fork that unlogged relations start from is no price.
    when r.relkind in ('i', 't') and r.relpersistence = 'p' then pg_catalog.pg_table_size(r.oid)
    else pg_catalog.pg_relation_size(r.oid, 'main')
      + pg_catalog.pg_relation_size(r.oid, 'fsm')
      + pg_catalog.pg_relation_size(r.oid, 'vm')
  end as size_bytes,
  r.relpages,
  r.reltuples::float8 as estimated_entries
from relation r
left join blocked on blocked.relation = r.oid
where r.oid between $1::oid and $2::oid
order by r.oid
