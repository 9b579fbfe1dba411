-- What a row is: one index of a user table, partitioned index parents (relkind 'I') included.
-- Left out: system schemas, TOAST, temporary relations, and indexes of tables that belong to an extension.
-- Source: manual, "pg_index", "pg_class", "pg_am", "pg_constraint", "pg_inherits".
-- Versions: 13 and later (indnullsnotdistinct came with 15; before, the name means a step of this query).
-- Privileges: none. Cost: one pass over pg_index; pg_get_expr runs only for expression and partial indexes.
-- Locks: pg_get_expr would wait behind ACCESS EXCLUSIVE on the table, so it is not called where such a lock is
--   granted or waited for; is_definition_known is then false. $1 and $2 bound the index's oid (bisection after a lock
--   timeout); with $3 false pg_get_expr is not called at all.
-- Columns: column_numbers, operator_classes, collations and key_options are in key order; 0 in column_numbers is an
--   expression, its text a member of the comma-separated expressions; key_options bit 0: DESC, bit 1: NULLS FIRST.
--   stored_lengths and stored_alignments say how each key and included column is stored in the index, whose type may differ from
--   the table's: bytes, -1 for variable length and -2 for a C string; alignment in bytes.
with blocked as materialized (
  select distinct l.relation
  from pg_catalog.pg_locks l
  where l.locktype = 'relation'
    and l.mode = 'AccessExclusiveLock'
    and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
),
extension_member as materialized (
  -- By extension, for which pg_depend has an index.
  select dep.objid
  from pg_catalog.pg_depend dep
  where dep.refclassid = 'pg_catalog.pg_extension'::regclass
    and dep.classid = 'pg_catalog.pg_class'::regclass
    and dep.deptype = 'e'
),
backing as materialized (
  -- Primary keys, unique and exclusion constraints; pg_constraint has no index by the index.
  select k.oid, k.conindid, k.conrelid, k.conname, k.contype, k.condeferrable, k.conislocal
  from pg_catalog.pg_constraint k
  where k.contype in ('p', 'u', 'x')
),
referenced as materialized (
  -- Foreign keys that point at this very index; it cannot be dropped while they exist. On a partition, PostgreSQL's copies count too.
  select k.conindid as index_oid, pg_catalog.count(*)::int4 as foreign_keys
  from pg_catalog.pg_constraint k
  where k.contype = 'f'
  group by k.conindid
),
searching as materialized (
  -- Functions in an expression or predicate that are neither built in nor pinned to a search_path: 17 and later build
  -- indexes with a safe search_path, where their unqualified names no longer resolve.
  select
    dep.objid as index_oid,
    pg_catalog.array_agg(
      distinct pg_catalog.format('%I.%I', fn.nspname, p.proname)
      order by pg_catalog.format('%I.%I', fn.nspname, p.proname)
    ) as functions
  from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace fn on fn.oid = p.pronamespace
  join pg_catalog.pg_language lang on lang.oid = p.prolang
  join pg_catalog.pg_depend dep
    on dep.refclassid = 'pg_catalog.pg_proc'::regclass
    and dep.refobjid = p.oid
    and dep.classid = 'pg_catalog.pg_class'::regclass
  where lang.lanname not in ('internal', 'c')
    and not exists (
      select from pg_catalog.unnest(p.proconfig) as setting(line) where setting.line like 'search_path=%'
    )
  group by dep.objid
),
stored as (
  select
    a.attrelid,
    pg_catalog.array_agg(a.attlen order by a.attnum) as lengths,
    pg_catalog.array_agg(case a.attalign when 'd' then 8 when 'i' then 4 when 's' then 2 else 1 end order by a.attnum) as alignments
  from pg_catalog.pg_attribute a
  join pg_catalog.pg_index indexed on indexed.indexrelid = a.attrelid
  where a.attnum > 0 and a.attrelid between $1::oid and $2::oid
  group by a.attrelid
),
before_15 as (
  select false as indnullsnotdistinct
)
select
  i.indexrelid as index_oid,
  i.indrelid as table_oid,
  ic.relname::text as indexrelname,
  ic.relkind::text as relkind,
  am.amname::text as access_method,
  i.indisunique as is_unique,
  i.indisprimary as is_primary,
  i.indisexclusion as is_exclusion,
  i.indimmediate as is_immediate,
  case
    -- On 13 and 14 pg_index has no such column, and the name means that of before_15.
    when i.indisunique and not i.indisprimary
      then (select indnullsnotdistinct from pg_catalog.pg_index same where same.indexrelid = i.indexrelid)
    else false
  end as nulls_not_distinct,
  i.indisvalid as is_valid,
  i.indisready as is_ready,
  i.indislive as is_live,
  i.indisclustered as is_clustered,
  i.indisreplident as is_replica_identity,
  i.indnkeyatts as key_count,
  i.indkey::int2[] as column_numbers,
  i.indclass::oid[] as operator_classes,
  i.indcollation::oid[] as collations,
  i.indoption::int2[] as key_options,
  stored.lengths as stored_lengths,
  stored.alignments as stored_alignments,
  -- Operator class parameters (13 and later) exist for GiST, GIN and the like, never for B-tree or hash.
  case
    when am.amname in ('btree', 'hash') then '{}'::text[]
    else array(
      select coalesce(pg_catalog.array_to_string(a.attoptions, ','), '')
      from pg_catalog.pg_attribute a
      where a.attrelid = i.indexrelid and a.attoptions is not null
      order by a.attnum
    )
  end as operator_class_options,
  (blocked.relation is null and $3::bool) or (i.indexprs is null and i.indpred is null) as is_definition_known,
  case when blocked.relation is null and $3::bool then pg_catalog.pg_get_expr(i.indexprs, i.indrelid) end as expressions,
  case when blocked.relation is null and $3::bool then pg_catalog.pg_get_expr(i.indpred, i.indrelid) end as predicate,
  i.indexprs is not null as has_expressions,
  i.indpred is not null as has_predicate,
  parent.inhparent as parent_index_oid,
  ic.reltuples::float8 as estimated_entries,
  ic.relpages,
  ic.relfilenode,
  coalesce(ic.reloptions, '{}') as options,
  k.oid as constraint_oid,
  k.conname::text as constraint_name,
  k.contype::text as constraint_type,
  coalesce(k.condeferrable, false) as is_deferrable,
  coalesce(k.conislocal, true) as is_constraint_local,
  coalesce(referenced.foreign_keys, 0) as referencing_foreign_keys,
  de.description as comment,
  coalesce(
    case when i.indexprs is not null or i.indpred is not null then searching.functions end,
    '{}'
  ) as search_path_functions
from pg_catalog.pg_index i
-- An index has its table's schema and persistence; what may have one in a user's schema are tables, materialized views and
-- partitioned tables.
join pg_catalog.pg_class ic on ic.oid = i.indexrelid
join pg_catalog.pg_namespace n on n.oid = ic.relnamespace
join pg_catalog.pg_am am on am.oid = ic.relam
cross join before_15
join stored on stored.attrelid = i.indexrelid
left join pg_catalog.pg_inherits parent on parent.inhrelid = i.indexrelid
left join backing k on k.conindid = i.indexrelid and k.conrelid = i.indrelid
left join pg_catalog.pg_description de
  on de.objoid = i.indexrelid
  and de.classoid = 'pg_catalog.pg_class'::regclass
  and de.objsubid = 0
left join searching on searching.index_oid = i.indexrelid
left join referenced on referenced.index_oid = i.indexrelid
left join blocked on blocked.relation = i.indrelid
where ic.relpersistence <> 't'
  and n.nspname !~ '^pg_'
  and n.nspname <> 'information_schema'
  and not exists (select from extension_member member where member.objid = i.indexrelid)
  and not exists (select from extension_member member where member.objid = i.indrelid)
  and i.indexrelid between $1::oid and $2::oid
order by i.indexrelid
