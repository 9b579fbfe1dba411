-- What a row is: one operator class that an index of a user table could name.
-- Source: manual, "pg_opclass", "pg_opfamily", "Index Methods and Operator Classes".
-- Versions: 13 and later. Privileges: none. Cost: a few hundred rows.
-- Columns: schemaname is the operator class's own; input_type_name is the type it is declared for.
select
  oc.oid as operator_class_oid,
  oc.opcname::text as operator_class_name,
  ocn.nspname::text as schemaname,
  oc.opcfamily as operator_family_oid,
  am.amname::text as access_method,
  oc.opcdefault as is_default,
  pg_catalog.format_type(oc.opcintype, null) as input_type_name
from pg_catalog.pg_opclass oc
join pg_catalog.pg_am am on am.oid = oc.opcmethod
join pg_catalog.pg_namespace ocn on ocn.oid = oc.opcnamespace
order by oc.oid
