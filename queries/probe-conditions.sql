-- What a row is: whether this is a good moment to run a probe. Exactly one row.
-- Source: manual, "pg_stat_activity", "pg_stat_replication", "Recovery Information Functions". Versions: 13 and later.
-- Privileges: pg_monitor; without it the sessions of other roles have no state and standbys no lag, and neither counts.
-- Cost: constant; nothing of a user is opened.
-- Columns: active_backends are client sessions on the whole server that are running a statement, ours excepted; lag_seconds is how far
--   the standby furthest behind is, or on a standby how far it is behind itself, zero where it has replayed all it has; role_name is ours.
select
  (
    select pg_catalog.count(*)
    from pg_catalog.pg_stat_activity a
    where a.backend_type = 'client backend' and a.state = 'active' and a.application_name <> 'indexwarden'
  )::int4 as active_backends,
  case
    when not pg_catalog.pg_is_in_recovery() then coalesce(
      (select extract(epoch from pg_catalog.max(r.replay_lag)) from pg_catalog.pg_stat_replication r), 0)
    when pg_catalog.pg_last_wal_receive_lsn() = pg_catalog.pg_last_wal_replay_lsn() then 0
    else coalesce(extract(epoch from pg_catalog.clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp()), 0)
  end::float8 as lag_seconds,
  current_user::text as role_name
order by 1
