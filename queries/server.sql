-- What a row is: the server and database this connection reached, and the rights of its role. Exactly one row.
-- Source: manual, "System Information Functions", "The Cumulative Statistics System".
-- Versions: 13 and later.
-- Privileges: none beyond CONNECT.
-- Cost: constant; no relation of a user is touched.
-- Columns: *_at_ms are milliseconds since the epoch; system_identifier is text, since it exceeds 53 bits; timeline_id is that of
-- the last checkpoint; server_address is null over a local socket; standby_name is what this node is called in its primary's
-- pg_stat_replication, null unless it streams from one (and without pg_monitor).
select
  pg_catalog.current_setting('server_version_num')::int4 as version_num,
  pg_catalog.current_setting('server_version') as version,
  pg_catalog.pg_is_in_recovery() as is_in_recovery,
  (select c.system_identifier::text from pg_catalog.pg_control_system() c) as system_identifier,
  (select k.timeline_id from pg_catalog.pg_control_checkpoint() k) as timeline_id,
  pg_catalog.host(pg_catalog.inet_server_addr()) as server_address,
  -- The receiver's connection string, in which passwords are blanked out, names it; values in it are not quoted.
  (
    select coalesce(
      pg_catalog.substring(' ' || wr.conninfo || ' end=', ' application_name=(.*?)(?= [a-z_]+=)'),
      pg_catalog.substring(' ' || wr.conninfo || ' end=', ' fallback_application_name=(.*?)(?= [a-z_]+=)')
    )
    from pg_catalog.pg_stat_wal_receiver wr
  ) as standby_name,
  d.oid as database_oid,
  d.datname::text as datname,
  (extract(epoch from pg_catalog.clock_timestamp()) * 1000)::float8 as server_now_at_ms,
  (extract(epoch from pg_catalog.pg_postmaster_start_time()) * 1000)::float8 as started_at_ms,
  (extract(epoch from sd.stats_reset) * 1000)::float8 as database_stats_reset_at_ms,
  -- After a crash the database's own reset time is null while these two hold the moment of the crash.
  (select (extract(epoch from w.stats_reset) * 1000)::float8 from pg_catalog.pg_stat_bgwriter w) as bgwriter_stats_reset_at_ms,
  (select (extract(epoch from a.stats_reset) * 1000)::float8 from pg_catalog.pg_stat_archiver a) as archiver_stats_reset_at_ms,
  pg_catalog.current_setting('track_counts')::bool as track_counts,
  pg_catalog.current_setting('block_size')::int4 as block_size_bytes,
  pg_catalog.current_setting('autovacuum')::bool as autovacuum,
  pg_catalog.current_setting('autovacuum_analyze_threshold')::float8 as autovacuum_analyze_threshold_rows,
  pg_catalog.current_setting('autovacuum_analyze_scale_factor')::float8 as autovacuum_analyze_scale_factor,
  pg_catalog.current_setting('log_min_duration_statement') as log_min_duration_statement,
  current_user::text as role_name,
  pg_catalog.pg_has_role(current_user, 'pg_monitor', 'usage') as has_pg_monitor,
  pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'usage') as has_read_all_stats,
  pg_catalog.pg_has_role(current_user, 'pg_read_all_settings', 'usage') as has_read_all_settings,
  pg_catalog.pg_backend_pid() as backend_pid,
  array(
    select e.extname::text from pg_catalog.pg_extension e order by e.extname
  ) as extensions,
  -- The optional narrow view of column statistics. to_regclass would fail for a role that may not use its schema; whether
  -- this role may read the view shows when it is read.
  exists (
    select
    from pg_catalog.pg_class v
    join pg_catalog.pg_namespace n on n.oid = v.relnamespace
    where n.nspname = 'indexwarden' and v.relname = 'column_statistics'
  ) as has_column_statistics_view
from pg_catalog.pg_database d
left join pg_catalog.pg_stat_database sd on sd.datid = d.oid
where d.datname = pg_catalog.current_database()
order by d.oid
