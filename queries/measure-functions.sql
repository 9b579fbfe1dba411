-- What a row is: one function of pgstattuple or pg_freespacemap that measurements call, where the extension is installed in this database.
-- Source: manual, "pgstattuple", "pg_freespacemap", "pg_depend", "Access Privilege Inquiry Functions".
-- Versions: 13 and later. Privileges: none; whether this role may run the function is said by two of the columns.
-- Cost: constant. Nothing of a user is opened.
-- Columns: schemaname is the schema that the extension was put into, which may be any; only functions that belong to the
--   extension itself are here, so that nobody else's function of the same name is ever run.
select
  p.proname::text as function_name,
  e.extname::text as extension,
  n.nspname::text as schemaname,
  pg_catalog.has_function_privilege(p.oid, 'execute') as is_executable,
  -- Without USAGE on it a function that may be run cannot be named.
  pg_catalog.has_schema_privilege(n.oid, 'usage') as is_reachable
from pg_catalog.pg_extension e
join pg_catalog.pg_depend dep
  on dep.refclassid = 'pg_catalog.pg_extension'::regclass and dep.refobjid = e.oid and dep.deptype = 'e'
  and dep.classid = 'pg_catalog.pg_proc'::regclass
join pg_catalog.pg_proc p on p.oid = dep.objid
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where e.extname in ('pgstattuple', 'pg_freespacemap')
  and p.proname in ('pgstattuple', 'pgstatginindex', 'pgstathashindex', 'pg_freespace')
  -- pg_freespace of one argument is written in SQL and looks for the other without its schema.
  and p.pronargs = case when p.proname = 'pg_freespace' then 2 else 1 end
  and p.proargtypes[0] = 'pg_catalog.regclass'::regtype
order by p.proname
