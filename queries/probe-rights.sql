-- What a row is: a relation that one of the words $1 may mean, in one of the schemas $2 or in one that is a word itself, and that this
--   role may not read. Asked after a probe was refused.
-- Source: manual, "pg_class", "Access Privilege Inquiry Functions". Versions: 13 and later.
-- Privileges: none.
-- Cost: one look-up in pg_class for each word.
-- Columns: schemaname, relname; may_use_schema is whether it has USAGE on the schema; role_name is ours.
select
  n.nspname::text as schemaname,
  c.relname::text as relname,
  pg_catalog.has_schema_privilege(n.oid, 'usage') as may_use_schema,
  current_user::text as role_name
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relname::text = any ($1::text[])
  and (n.nspname::text = any ($2::text[]) or n.nspname::text = any ($1::text[]))
  and c.relkind in ('r', 'p', 'v', 'm', 'f')
  and not (pg_catalog.has_schema_privilege(n.oid, 'usage') and pg_catalog.has_table_privilege(c.oid, 'select'))
order by 1, 2
