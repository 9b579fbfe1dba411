-- What a row is: the process that serves this connection. Exactly one row.
-- Source: manual, "System Information Functions". Versions: 13 and later. Privileges: none. Cost: none.
-- Columns: backend_pid.
select pg_catalog.pg_backend_pid() as backend_pid
order by 1
