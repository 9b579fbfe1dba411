-- What a row is: one column of a table that an expectation names, whether it takes part in an index or not.
-- Source: manual, "pg_attribute", "pg_type", "pg_cast", "Operator Classes and Operator Families".
-- Versions: 13 and later. Privileges: none. Cost: the columns of the named tables; nothing where none is named.
-- Parameters: the names of schemas and, at the same places, of tables.
-- Columns: type_name without modifiers, of a domain the type below it; length_bytes is attlen (-1: variable length); collation_oid
--   is 0 where the type has none; operator_class_types are the types whose default operator class an index on the column can
--   take, in the order in which the server looks: the type itself, what it is only relabelled to, then the polymorphic ones.
with recursive named as (
  select ($1::text[])[wanted.place] as schemaname, ($2::text[])[wanted.place] as relname
  from pg_catalog.generate_subscripts($1::text[], 1) as wanted(place)
), based as (
  select
    a.attrelid,
    a.attnum,
    a.attname,
    a.attlen,
    a.attgenerated,
    a.attcollation,
    a.atttypid as type_oid
  from named
  join pg_catalog.pg_namespace n on n.nspname = named.schemaname
  join pg_catalog.pg_class tc on tc.relnamespace = n.oid and tc.relname = named.relname
  join pg_catalog.pg_attribute a on a.attrelid = tc.oid
  where tc.relkind in ('r', 'p', 'm')
    and a.attnum > 0
    and not a.attisdropped
  union
  select
    based.attrelid,
    based.attnum,
    based.attname,
    based.attlen,
    based.attgenerated,
    based.attcollation,
    t.typbasetype
  from based
  join pg_catalog.pg_type t on t.oid = based.type_oid
  where t.typtype = 'd'
)
select
  based.attrelid as table_oid,
  based.attnum as attribute_number,
  based.attname::text as column_name,
  pg_catalog.format_type(based.type_oid, null) as type_name,
  based.attlen as length_bytes,
  based.attgenerated = 'v' as is_virtual,
  based.attcollation as collation_oid,
  array[pg_catalog.format_type(based.type_oid, null)]
    || array(
      select pg_catalog.format_type(k.casttarget, null)
      from pg_catalog.pg_cast k
      join pg_catalog.pg_type target on target.oid = k.casttarget
      where k.castsource = based.type_oid
        and k.castmethod = 'b'
        and k.castcontext = 'i'
      order by target.typispreferred desc, k.casttarget
    )
    || case
      when t.typcategory = 'A' then array['anyarray']
      when t.typtype = 'e' then array['anyenum']
      when t.typtype = 'r' then array['anyrange']
      when t.typtype = 'm' then array['anymultirange']
      when t.typtype = 'c' then array['record']
      else '{}'
    end as operator_class_types
from based
join pg_catalog.pg_type t on t.oid = based.type_oid
where t.typtype <> 'd'
order by based.attrelid, based.attnum
