-- What a row is: one standby that is connected to this node right now. Cascades and archive-fed readers are not seen.
-- Source: manual, "pg_stat_replication".
-- Versions: 13 and later.
-- Privileges: pg_monitor; without it rows appear with nulls, which reads as state "unknown".
-- Cost: constant.
-- Columns: replay_lag_seconds is null when the standby is idle or the role may not see it.
select
  r.pid as backend_pid,
  coalesce(r.application_name, '') as application_name,
  coalesce(pg_catalog.host(r.client_addr), '') as client_address,
  coalesce(r.state, 'unknown') as state,
  coalesce(r.sync_state, 'unknown') as sync_state,
  extract(epoch from r.replay_lag)::float8 as replay_lag_seconds
from pg_catalog.pg_stat_replication r
order by r.pid
