-- What a row is: the server's own definition of one index, for the SQL that a finding prints.
-- Read only for indexes with an open finding or on display ($1), never for all: pg_get_indexdef is dear and
-- waits behind ACCESS EXCLUSIVE on its table. Bounded by $2 and $3 (bisection after a lock timeout); with $4 false it is
-- not called at all.
-- Source: manual, "System Catalog Information Functions".
-- Versions: 13 and later. Privileges: none by oid. Cost: 80 µs an index.
-- Columns: definition is null when the table is locked or the index was dropped meanwhile; constraint_definition is null
--   unless a constraint owns the index.
select
  i.indexrelid as index_oid,
  case when $4::bool then pg_catalog.pg_get_indexdef(i.indexrelid) end as definition,
  k.conname::text as constraint_name,
  pg_catalog.pg_get_constraintdef(k.oid) as constraint_definition
from pg_catalog.pg_index i
left join pg_catalog.pg_constraint k on k.conindid = i.indexrelid and k.conrelid = i.indrelid and k.contype in ('p', 'u', 'x')
where i.indexrelid = any ($1::oid[])
  and i.indexrelid between $2::oid and $3::oid
order by i.indexrelid
