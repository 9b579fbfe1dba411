-- What a row is: one index that is not valid at this moment, with whoever may be working on it. The second look: a verdict
-- needs this query to show the same oid at least a second after the inventory did, since within one statement the
-- catalogue's snapshot is older than the progress view's.
-- Source: manual, "pg_index", "CREATE INDEX Progress Reporting", "pg_locks".
-- Versions: 13 and later. Privileges: pg_monitor, else builders of other roles are invisible. Cost: one pass over pg_index.
-- Columns: is_building: a progress row names the index, or a concurrent rebuild of its table is running;
--   sees_builds: whether this role sees the builds of others at this very moment; without that no build is no proof;
--   is_worked_on: somebody holds or awaits a lock that only DDL on this index takes (DROP INDEX CONCURRENTLY has no progress view);
--   partitions and attached_partitions count the direct partitions of a partitioned index's table and the indexes attached to it,
--   invalid_partition_indexes those of them that are themselves invalid; all null for a plain index.
select
  i.indexrelid as index_oid,
  i.indisvalid as is_valid,
  i.indisready as is_ready,
  i.indislive as is_live,
  exists (
    select
    from pg_catalog.pg_stat_progress_create_index p
    where p.datname = pg_catalog.current_database()
      and (p.index_relid = i.indexrelid or (p.relid = i.indrelid and p.command like 'REINDEX%'))
  ) as is_building,
  pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'usage') as sees_builds,
  exists (
    select
    from pg_catalog.pg_locks l
    where l.locktype = 'relation'
      and l.relation = i.indexrelid
      and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
      and l.mode in ('ShareUpdateExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
  ) as is_worked_on,
  case when ic.relkind = 'I' then (
    select pg_catalog.count(*)::int4 from pg_catalog.pg_inherits part where part.inhparent = i.indrelid
  ) end as partitions,
  case when ic.relkind = 'I' then (
    select pg_catalog.count(*)::int4 from pg_catalog.pg_inherits child where child.inhparent = i.indexrelid
  ) end as attached_partitions,
  case when ic.relkind = 'I' then (
    select pg_catalog.count(*)::int4
    from pg_catalog.pg_inherits child
    join pg_catalog.pg_index ci on ci.indexrelid = child.inhrelid
    where child.inhparent = i.indexrelid and not ci.indisvalid
  ) end as invalid_partition_indexes
from pg_catalog.pg_index i
join pg_catalog.pg_class ic on ic.oid = i.indexrelid
join pg_catalog.pg_namespace n on n.oid = ic.relnamespace
where not (i.indisvalid and i.indisready and i.indislive)
  and ic.relpersistence <> 't'
  and n.nspname !~ '^pg_'
  and n.nspname <> 'information_schema'
order by i.indexrelid
