-- What a row is: one fingerprint of each catalogue that the inventory rests on. Exactly one row. A fingerprint that is what it was
--   means that no row of that catalogue was added, changed or removed meanwhile, so that what was read from it still holds.
-- How: of each row its key and the transaction that wrote it (xmin), hashed to 64 bits and added up, beside the number of rows. What
--   is written in place keeps its xmin: the counts of VACUUM and ANALYZE in pg_class, which relation-sizes.sql reads anyway but for
--   partitioned relations, where they are hashed along. So are the three flags of pg_index, that nothing rests on how they are written.
-- Left out: temporary relations and what belongs to them, since applications make and drop them all the time; TOAST; columns that
--   every table has; columns of indexes, which change with the index only, unless they have options.
-- Source: manual, "System Catalogs", "System Columns".
-- Versions: 13 and later. Privileges: none. Locks: none but those of reading the catalogues.
-- Cost: one pass over each of these catalogues, half a microsecond a row; of pg_depend only what belongs to extensions.
-- Columns: each is `rows:sum`, named for what its catalogue holds; extension_members are the relations that belong to an extension;
--   settings are those by which constants in expressions are printed.
with temporary_relation as materialized (
  select c.oid from pg_catalog.pg_class c where c.relpersistence = 't'
),
temporary_schema as materialized (
  select n.oid from pg_catalog.pg_namespace n where n.nspname ~ '^pg_(toast_)?temp_'
),
with_columns as materialized (
  select c.oid from pg_catalog.pg_class c where c.relkind in ('r', 'p', 'm', 'c', 'v', 'f') and c.relpersistence <> 't'
)
select
  (
    select pg_catalog.count(*) || ':' || coalesce(pg_catalog.sum(pg_catalog.hashtextextended(
      case when c.relkind in ('p', 'I') then c.xmin::text || ' ' || c.reltuples || ' ' || c.relpages else c.xmin::text end,
      c.oid::int8
    )), 0)
    from pg_catalog.pg_class c
    where c.relpersistence <> 't' and c.relnamespace <> 'pg_toast'::pg_catalog.regnamespace
  ) as relations,
  (
    select pg_catalog.count(*) || ':' || coalesce(pg_catalog.sum(pg_catalog.hashtextextended(
      a.xmin::text,
      a.attrelid::int8 * 65536 + a.attnum
    )), 0)
    from pg_catalog.pg_attribute a
    where a.attnum > 0
      and (
        a.attrelid in (select with_columns.oid from with_columns)
        or (a.attoptions is not null and a.attrelid not in (select temporary_relation.oid from temporary_relation))
      )
  ) as columns,
  (
    select pg_catalog.count(*) || ':' || coalesce(pg_catalog.sum(pg_catalog.hashtextextended(
      i.xmin::text,
      i.indexrelid::int8 * 8 + i.indisvalid::int4 * 4 + i.indisready::int4 * 2 + i.indislive::int4
    )), 0)
    from pg_catalog.pg_index i
    where i.indrelid not in (select temporary_relation.oid from temporary_relation)
  ) as indexes,
  (
    select pg_catalog.count(*) || ':' || coalesce(pg_catalog.sum(pg_catalog.hashtextextended(
      k.xmin::text,
      k.oid::int8
    )), 0)
    from pg_catalog.pg_constraint k
    where k.conrelid not in (select temporary_relation.oid from temporary_relation)
  ) as constraints,
  (
    select pg_catalog.count(*) || ':' || coalesce(pg_catalog.sum(pg_catalog.hashtextextended(
      h.xmin::text,
      h.inhrelid::int8 * 65536 + h.inhseqno
    )), 0)
    from pg_catalog.pg_inherits h
    where h.inhparent not in (select temporary_relation.oid from temporary_relation)
  ) as parents,
  (
    select pg_catalog.count(*) || ':' || coalesce(pg_catalog.sum(pg_catalog.hashtextextended(
      n.xmin::text,
      n.oid::int8
    )), 0)
    from pg_catalog.pg_namespace n
    where n.oid not in (select temporary_schema.oid from temporary_schema)
  ) as schemas,
  (
    select pg_catalog.count(*) || ':' || coalesce(pg_catalog.sum(pg_catalog.hashtextextended(
      t.xmin::text,
      t.oid::int8
    )), 0)
    from pg_catalog.pg_type t
    where t.typnamespace not in (select temporary_schema.oid from temporary_schema)
  ) as types,
  (
    select pg_catalog.count(*) || ':' || coalesce(pg_catalog.sum(pg_catalog.hashtextextended(
      p.xmin::text,
      p.oid::int8
    )), 0)
    from pg_catalog.pg_proc p
    where p.pronamespace not in (select temporary_schema.oid from temporary_schema)
  ) as functions,
  (
    select pg_catalog.count(*) || ':' || coalesce(pg_catalog.sum(pg_catalog.hashtextextended(
      lang.xmin::text,
      lang.oid::int8
    )), 0)
    from pg_catalog.pg_language lang
  ) as languages,
  (
    select pg_catalog.count(*) || ':' || coalesce(pg_catalog.sum(pg_catalog.hashtextextended(
      op.xmin::text,
      op.oid::int8
    )), 0)
    from pg_catalog.pg_operator op
  ) as operators,
  (
    select pg_catalog.count(*) || ':' || coalesce(pg_catalog.sum(pg_catalog.hashtextextended(
      oc.xmin::text,
      oc.oid::int8
    )), 0)
    from pg_catalog.pg_opclass oc
  ) as operator_classes,
  (
    select pg_catalog.count(*) || ':' || coalesce(pg_catalog.sum(pg_catalog.hashtextextended(
      ao.xmin::text,
      ao.oid::int8
    )), 0)
    from pg_catalog.pg_amop ao
  ) as family_operators,
  (
    select pg_catalog.count(*) || ':' || coalesce(pg_catalog.sum(pg_catalog.hashtextextended(
      ap.xmin::text,
      ap.oid::int8
    )), 0)
    from pg_catalog.pg_amproc ap
  ) as family_functions,
  (
    select pg_catalog.count(*) || ':' || coalesce(pg_catalog.sum(pg_catalog.hashtextextended(
      am.xmin::text,
      am.oid::int8
    )), 0)
    from pg_catalog.pg_am am
  ) as access_methods,
  (
    select pg_catalog.count(*) || ':' || coalesce(pg_catalog.sum(pg_catalog.hashtextextended(
      ca.xmin::text,
      ca.oid::int8
    )), 0)
    from pg_catalog.pg_cast ca
  ) as casts,
  (
    select pg_catalog.count(*) || ':' || coalesce(pg_catalog.sum(pg_catalog.hashtextextended(
      co.xmin::text,
      co.oid::int8
    )), 0)
    from pg_catalog.pg_collation co
  ) as collations,
  (
    select pg_catalog.count(*) || ':' || coalesce(pg_catalog.sum(pg_catalog.hashtextextended(
      e.xmin::text,
      e.oid::int8
    )), 0)
    from pg_catalog.pg_enum e
  ) as enum_labels,
  (
    select pg_catalog.count(*) || ':' || coalesce(pg_catalog.sum(pg_catalog.hashtextextended(
      cfg.xmin::text,
      cfg.oid::int8
    )), 0)
    from pg_catalog.pg_ts_config cfg
  ) as search_configurations,
  (
    select pg_catalog.count(*) || ':' || coalesce(pg_catalog.sum(pg_catalog.hashtextextended(
      dict.xmin::text,
      dict.oid::int8
    )), 0)
    from pg_catalog.pg_ts_dict dict
  ) as search_dictionaries,
  (
    select pg_catalog.count(*) || ':' || coalesce(pg_catalog.sum(pg_catalog.hashtextextended(
      de.xmin::text,
      de.objoid::int8
    )), 0)
    from pg_catalog.pg_description de
    where de.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
      and de.objsubid = 0
      and de.objoid not in (select temporary_relation.oid from temporary_relation)
  ) as comments,
  (
    select pg_catalog.count(*) || ':' || coalesce(pg_catalog.sum(pg_catalog.hashtextextended(
      dep.xmin::text,
      dep.objid::int8
    )), 0)
    from pg_catalog.pg_depend dep
    where dep.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
      and dep.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
      and dep.deptype = 'e'
      and dep.objid not in (select temporary_relation.oid from temporary_relation)
  ) as extension_members,
  pg_catalog.concat_ws(
    ' ',
    pg_catalog.current_setting('extra_float_digits'),
    pg_catalog.current_setting('bytea_output'),
    pg_catalog.current_setting('quote_all_identifiers'),
    pg_catalog.current_setting('lc_monetary')
  ) as settings
from pg_catalog.pg_database d
where d.datname = pg_catalog.current_database()
order by d.oid
