/**
 * The floor: what a plain tool would ask in one statement to know what a pass of the daemon knows. One row for each index, tables without
 * any included: definitions (expressions and predicates by pg_get_expr, as the daemon reads them), the names and types of its
 * columns, its constraint, its counters and its size; with each, its table with size, counters and foreign keys. Nothing is
 * judged, grouped or kept. Statistics of columns, locks and builds are not in it, though the daemon reads them as well.
 */
export const floorQuery = `
with table_read as materialized (
  select
    tc.oid as table_oid, n.nspname, tc.relname as table_name, tc.relkind as table_kind, tc.relpersistence, tc.relispartition,
    tc.reltuples as table_rows, tc.relpages as table_pages, tc.relreplident, tc.relrowsecurity, tc.reloptions as table_options,
    parent.inhparent as parent_table,
    exists (select from pg_catalog.pg_inherits child where child.inhparent = tc.oid) as has_children,
    case when tc.relkind <> 'p' then pg_catalog.pg_relation_size(tc.oid, 'main') + pg_catalog.pg_relation_size(tc.oid, 'fsm')
      + pg_catalog.pg_relation_size(tc.oid, 'vm') end as table_bytes,
    case when tc.reltoastrelid <> 0 then pg_catalog.pg_relation_size(tc.reltoastrelid, 'main') + pg_catalog.pg_relation_size(tc.reltoastrelid, 'fsm')
      + pg_catalog.pg_relation_size(tc.reltoastrelid, 'vm') end as toast_bytes,
    s.seq_scan, s.seq_tup_read, s.idx_scan as table_idx_scan, s.n_tup_ins, s.n_tup_upd, s.n_tup_hot_upd, s.n_tup_del, s.n_live_tup,
    s.n_dead_tup, s.n_mod_since_analyze, s.last_analyze, s.last_autoanalyze, s.last_vacuum, s.last_autovacuum,
    fk.names as key_names, fk.parents as key_parents, fk.indexes as key_indexes, fk.operators as key_operators, fk.deletes as key_deletes
  from pg_catalog.pg_class tc
  join pg_catalog.pg_namespace n on n.oid = tc.relnamespace
  left join pg_catalog.pg_inherits parent on parent.inhrelid = tc.oid and parent.inhseqno = 1
  left join pg_catalog.pg_stat_user_tables s on s.relid = tc.oid
  left join lateral (
    select pg_catalog.array_agg(k.conname::text) as names, pg_catalog.array_agg(k.confrelid) as parents,
      pg_catalog.array_agg(k.conindid) as indexes, pg_catalog.array_agg(k.conpfeqop::text) as operators, pg_catalog.array_agg(k.confdeltype) as deletes
    from pg_catalog.pg_constraint k
    where k.conrelid = tc.oid and k.contype = 'f' and k.conparentid = 0
  ) fk on true
  where tc.relkind in ('r', 'm', 'p') and tc.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
)
select
  t.*,
  i.indexrelid, ic.relname as index_name, ic.relkind, am.amname, i.indisunique, i.indisprimary, i.indisexclusion, i.indimmediate, i.indisvalid,
  i.indisready, i.indislive, i.indisclustered, i.indisreplident, i.indnkeyatts, i.indkey::text, i.indclass::text, i.indcollation::text,
  i.indoption::text, pg_catalog.pg_get_expr(i.indexprs, i.indrelid) as expressions, pg_catalog.pg_get_expr(i.indpred, i.indrelid) as predicate,
  ic.reltuples, ic.relpages, ic.relfilenode, ic.reloptions, inherited.inhparent as parent_index,
  columns.names, columns.types, columns.nullable, columns.lengths,
  k.conname, k.contype, k.condeferrable, k.conislocal,
  pg_catalog.obj_description(i.indexrelid, 'pg_class') as comment,
  s.idx_scan, s.idx_tup_read, s.idx_tup_fetch, io.idx_blks_read, io.idx_blks_hit,
  case when ic.relkind = 'i' then pg_catalog.pg_relation_size(i.indexrelid, 'main') + pg_catalog.pg_relation_size(i.indexrelid, 'fsm')
    + pg_catalog.pg_relation_size(i.indexrelid, 'vm') end as index_bytes
from table_read t
left join pg_catalog.pg_index i on i.indrelid = t.table_oid
left join pg_catalog.pg_class ic on ic.oid = i.indexrelid
left join pg_catalog.pg_am am on am.oid = ic.relam
left join pg_catalog.pg_inherits inherited on inherited.inhrelid = i.indexrelid
left join pg_catalog.pg_constraint k on k.conindid = i.indexrelid and k.conrelid = i.indrelid and k.contype in ('p', 'u', 'x')
left join pg_catalog.pg_stat_user_indexes s on s.indexrelid = i.indexrelid
left join pg_catalog.pg_statio_user_indexes io on io.indexrelid = i.indexrelid
left join lateral (
  select pg_catalog.array_agg(a.attname::text order by a.attnum) as names,
    pg_catalog.array_agg(pg_catalog.format_type(a.atttypid, a.atttypmod) order by a.attnum) as types,
    pg_catalog.array_agg(a.attnotnull order by a.attnum) as nullable,
    pg_catalog.array_agg(a.attlen order by a.attnum) as lengths
  from pg_catalog.pg_attribute a
  where a.attrelid = i.indrelid and a.attnum = any (i.indkey)
) columns on true
order by t.table_oid, i.indexrelid`;
