-- What a row is: the oid of one relation that relation-sizes.sql or indexes.sql may have to open. Read only after one of
-- them ran into a lock, to halve the set by position.
-- Source: manual, "pg_class". Versions: 13 and later. Privileges: none. Cost: one pass over pg_class; nothing is opened.
-- Columns: relation_oid is of pg_class.
select c.oid as relation_oid
from pg_catalog.pg_class c
where c.relkind in ('r', 'm', 't', 'i', 'I')
  and c.relpersistence <> 't'
  -- What initdb made has lower oids (FirstNormalObjectId), and is none of ours.
  and c.oid >= 16384
order by c.oid
