-- What a row is: the size on disk of one table, materialized view, TOAST table or index of a user schema.
-- Source: manual, "Database Object Management Functions".
-- Versions: 13 and later. Privileges: none by oid. Cost: about 50 µs a relation (one stat() per segment and fork).
-- Locks: pg_relation_size waits behind ACCESS EXCLUSIVE; relations with such a lock granted or waited for are reported
--   with size_bytes null instead of being asked. $1 and $2 bound the relation's oid (bisection after a lock timeout); with
--   $3 false no relation is opened at all.
-- Columns: size_bytes is all forks of the relation itself; null when it is locked or was dropped meanwhile. relpages and
--   estimated_entries are what VACUUM or ANALYZE last counted.
with blocked as materialized (
  select distinct l.relation
  from pg_catalog.pg_locks l
  where l.locktype = 'relation'
    and l.mode = 'AccessExclusiveLock'
    and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
),
wanted as (
  select c.oid, c.oid as table_oid, c.relpages, c.reltuples
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'm')
    and c.relpersistence <> 't'
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
),
relation as (
  select w.oid, w.relpages, w.reltuples from wanted w
  union all
  select toast.oid, toast.relpages, toast.reltuples
  from wanted w
  join pg_catalog.pg_class tc on tc.oid = w.table_oid
  join pg_catalog.pg_class toast on toast.oid = tc.reltoastrelid
  union all
  select ic.oid, ic.relpages, ic.reltuples
  from wanted w
  join pg_catalog.pg_index i on i.indrelid = w.table_oid
  join pg_catalog.pg_class ic on ic.oid = i.indexrelid
)
select
  r.oid as relation_oid,
  case
    when blocked.relation is null and $3::bool
      -- The free-space and visibility maps belong to the price of a relation as much as its rows do.
      then pg_catalog.pg_relation_size(r.oid, 'main')
        + pg_catalog.pg_relation_size(r.oid, 'fsm')
        + pg_catalog.pg_relation_size(r.oid, 'vm')
  end as size_bytes,
  r.relpages,
  r.reltuples::float8 as estimated_entries
from relation r
left join blocked on blocked.relation = r.oid
where r.oid between $1::oid and $2::oid
order by r.oid
