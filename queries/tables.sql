-- What a row is: one user table, materialized view or partitioned table that may carry indexes.
-- Left out: system schemas, TOAST, temporary relations of any session, and tables that belong to an extension.
-- Source: manual, "pg_class", "pg_inherits", "pg_depend".
-- Versions: 13 and later. Privileges: none. Cost: one pass over pg_class and pg_inherits; no relation is opened.
-- Columns: estimated_rows is null where PostgreSQL does not know (-1 from 14 on; 0 with no pages on 13);
--   relpages are blocks as last counted by VACUUM or ANALYZE, often stale.
with extension_member as materialized (
  -- By extension, for which pg_depend has an index.
  select dep.objid
  from pg_catalog.pg_depend dep
  where dep.refclassid = 'pg_catalog.pg_extension'::regclass
    and dep.classid = 'pg_catalog.pg_class'::regclass
    and dep.deptype = 'e'
)
select
  tc.oid as table_oid,
  n.nspname::text as schemaname,
  tc.relname::text as relname,
  tc.relkind::text as relkind,
  tc.relpersistence::text as persistence,
  tc.relispartition as is_partition,
  parent.inhparent as parent_oid,
  exists (
    select from pg_catalog.pg_inherits child where child.inhparent = tc.oid
  ) as has_children,
  case when tc.reltuples < 0 or (tc.reltuples = 0 and tc.relpages = 0) then null else tc.reltuples::float8 end as estimated_rows,
  tc.relpages,
  tc.relreplident::text as replica_identity,
  tc.relrowsecurity as has_row_security,
  nullif(tc.reltoastrelid, 0) as toast_oid,
  coalesce(tc.reloptions, '{}') as options
from pg_catalog.pg_class tc
join pg_catalog.pg_namespace n on n.oid = tc.relnamespace
-- A partition has exactly one parent; plain inheritance may have several, of which the first stands for all.
left join pg_catalog.pg_inherits parent on parent.inhrelid = tc.oid and parent.inhseqno = 1
where tc.relkind in ('r', 'm', 'p')
  and tc.relpersistence <> 't'
  and n.nspname !~ '^pg_'
  and n.nspname <> 'information_schema'
  and not exists (select from extension_member member where member.objid = tc.oid)
order by tc.oid
