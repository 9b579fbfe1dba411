-- What a row is: the server's own definition of one index, for the SQL that a finding prints.
-- Read only for indexes with an open finding or on display ($1), never for all: pg_get_indexdef is dear.
-- Locks: it would wait behind ACCESS EXCLUSIVE on the table, so it is not called where such a lock is granted or waited
--   for. $2 and $3 bound the index's oid (bisection after a lock timeout); with $4 false it is not called at all.
-- Source: manual, "System Catalog Information Functions".
-- Versions: 13 and later. Privileges: none by oid. Cost: 80 µs an index.
-- Columns: definition is null when the table is locked or the index was dropped meanwhile; constraint_definition is null
--   unless a constraint owns the index. What neither says: tablespace_name, null for the database's own; the columns of the
--   index, by number, whose statistics target somebody set, and to what; the comment on the constraint.
with blocked as materialized (
  select distinct l.relation
  from pg_catalog.pg_locks l
  where l.locktype = 'relation'
    and l.mode = 'AccessExclusiveLock'
    and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
)
select
  i.indexrelid as index_oid,
  case when blocked.relation is null and $4::bool then pg_catalog.pg_get_indexdef(i.indexrelid) end as definition,
  k.conname::text as constraint_name,
  pg_catalog.pg_get_constraintdef(k.oid) as constraint_definition,
  pg_catalog.obj_description(k.oid, 'pg_constraint') as constraint_comment,
  (select ts.spcname::text from pg_catalog.pg_tablespace ts where ts.oid = ic.reltablespace) as tablespace_name,
  array(
    -- Unset is -1 before 17, and null from then on.
    select a.attnum from pg_catalog.pg_attribute a
    where a.attrelid = i.indexrelid and a.attnum > 0 and a.attstattarget >= 0 order by a.attnum
  ) as targeted_columns,
  array(
    select a.attstattarget::int4 from pg_catalog.pg_attribute a
    where a.attrelid = i.indexrelid and a.attnum > 0 and a.attstattarget >= 0 order by a.attnum
  ) as statistics_targets
from pg_catalog.pg_index i
join pg_catalog.pg_class ic on ic.oid = i.indexrelid
left join pg_catalog.pg_constraint k on k.conindid = i.indexrelid and k.conrelid = i.indrelid and k.contype in ('p', 'u', 'x')
left join blocked on blocked.relation = i.indrelid
where i.indexrelid = any ($1::oid[])
  and i.indexrelid between $2::oid and $3::oid
order by i.indexrelid
