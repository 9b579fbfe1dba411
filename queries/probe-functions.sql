-- What a row is: a function of a user that bears one of the names $1 and may do anything: it is volatile. A probe that calls one is not run.
-- Source: manual, "pg_proc", "Function Volatility Categories". Versions: 13 and later.
-- Privileges: none.
-- Cost: one look-up in pg_proc for each name.
-- Columns: schemaname, function_name.
select
  n.nspname::text as schemaname,
  p.proname::text as function_name
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where p.proname::text = any ($1::text[])
  and p.provolatile = 'v'
  and n.nspname <> 'pg_catalog'
order by 1, 2
