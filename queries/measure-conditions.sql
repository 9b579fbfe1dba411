-- What a row is: whether this is a good moment to measure the index $1. Exactly one row.
-- Source: manual, "pg_stat_activity", "pg_class". Versions: 13 and later.
-- Privileges: pg_monitor; without it the sessions of other roles have no state and are not counted.
-- Cost: constant; nothing of a user is opened.
-- Columns: active_backends are client sessions on the whole server that are running a statement, ours excepted; is_there is
--   whether the oid is still that of an index; backend_pid is the process that answers.
select
  (
    select pg_catalog.count(*)
    from pg_catalog.pg_stat_activity a
    where a.backend_type = 'client backend' and a.state = 'active' and a.application_name <> 'indexwarden'
  )::int4 as active_backends,
  pg_catalog.pg_is_in_recovery() as is_in_recovery,
  exists (select from pg_catalog.pg_class c where c.oid = $1::oid and c.relkind in ('i', 'I')) as is_there,
  pg_catalog.pg_backend_pid() as backend_pid
order by 1
