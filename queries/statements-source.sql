-- What a row is: the extension pg_stat_statements as it is installed in this database. No row where it is not.
-- Source: manual, "pg_stat_statements", "pg_extension", "pg_depend", "Access Privilege Inquiry Functions".
-- Versions: 13 and later. Privileges: none; whether this role may read the view is said by two of the columns.
-- Cost: constant. Nothing of a user is opened.
-- Columns: schemaname is the schema that the extension was put into, which may be any; extension_version is that of its SQL
--   objects, which may be older than the server; is_loaded is whether the library was preloaded, without which reading the view is
--   an error.
select
  n.nspname::text as schemaname,
  e.extversion::text as extension_version,
  pg_catalog.has_schema_privilege(n.oid, 'usage') as is_reachable,
  pg_catalog.has_table_privilege(vc.oid, 'select') as is_readable,
  -- The settings of a library exist in every session once it was preloaded.
  pg_catalog.current_setting('pg_stat_statements.max', true) is not null as is_loaded
from pg_catalog.pg_extension e
join pg_catalog.pg_depend dep
  on dep.refclassid = 'pg_catalog.pg_extension'::regclass and dep.refobjid = e.oid and dep.deptype = 'e'
  and dep.classid = 'pg_catalog.pg_class'::regclass
join pg_catalog.pg_class vc on vc.oid = dep.objid and vc.relname = 'pg_stat_statements'
join pg_catalog.pg_namespace n on n.oid = vc.relnamespace
where e.extname = 'pg_stat_statements'
order by n.nspname
