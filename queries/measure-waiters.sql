-- What a row is: one other process that waits, or would make us wait, because of a measurement: for a lock on the index $1,
-- or for the end of the transaction of the measuring process $2 (concurrent builds wait for old snapshots).
-- Source: manual, "pg_locks". Versions: 13 and later. Privileges: none. Cost: one pass over the lock table; asked several
--   times a second, and only while something is being measured. $2 is 0 where nothing is measured yet.
-- Locks: none.
-- Columns: is_granted is true only for an ACCESS EXCLUSIVE lock that is held, behind which a measurement would wait.
select
  l.pid as backend_pid,
  l.mode,
  l.granted as is_granted
from pg_catalog.pg_locks l
where l.pid is distinct from $2::int4
  and (
    (
      l.locktype = 'relation'
      and l.relation = $1::oid
      and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
      and (not l.granted or l.mode = 'AccessExclusiveLock')
    )
    or (
      l.locktype = 'virtualxid'
      and not l.granted
      and l.virtualxid in (
        select own.virtualxid
        from pg_catalog.pg_locks own
        where own.pid = $2::int4 and own.locktype = 'virtualxid' and own.granted
      )
    )
  )
order by l.pid
