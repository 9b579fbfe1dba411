-- What a row is: one other process that waits because of the probe that process $1 runs: for a lock that conflicts with reading
--   one of its relations, or for the end of its transaction (concurrent builds wait for old snapshots).
-- Source: manual, "pg_locks", "Table-Level Locks". Versions: 13 and later. Privileges: none. Cost: one pass over the lock table; asked
--   several times a second, and only while a probe runs.
-- Columns: backend_pid is the waiting process, mode the lock that it wants.
select
  l.pid as backend_pid,
  l.mode
from pg_catalog.pg_locks l
join pg_catalog.pg_locks own
  on own.pid = $1::int4
  and own.granted
  and own.locktype = l.locktype
  and (
    -- ACCESS EXCLUSIVE alone waits for somebody who reads.
    (l.locktype = 'relation' and l.mode = 'AccessExclusiveLock' and own.relation = l.relation and own.database = l.database)
    or (l.locktype = 'virtualxid' and own.virtualxid = l.virtualxid)
  )
where not l.granted
  and l.pid <> $1::int4
order by l.pid, l.mode
