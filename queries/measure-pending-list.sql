-- What a row is: the pending list of one GIN index. Exactly one row. {schema} is replaced by the quoted name of the schema
-- that the extension is in (measure-functions.sql).
-- Source: manual, "pgstattuple", "GIN Fast Update Technique".
-- Versions: 13 and later. Privileges: EXECUTE on the function, which pg_monitor has through pg_stat_scan_tables.
-- Cost: reads one page.
-- Locks: ACCESS SHARE on the index for as long as it runs.
-- Columns: pending_pages is a number of pages.
select
  g.pending_pages::int8 as pending_pages
from {schema}.pgstatginindex($1::oid::regclass) g
order by 1
