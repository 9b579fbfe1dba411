-- What a row is: one operator class that an index of a user table could name.
-- Source: manual, "pg_opclass", "pg_opfamily", "Index Methods and Operator Classes".
-- Versions: 13 and later. Privileges: none. Cost: a few hundred rows.
-- Columns: schemaname is the operator class's own; input_type_name is the type it is declared for. equal_image says whether equal
--   values of it are always the same bytes, so that a B-tree may merge their entries: 'always', 'by-collation' (where the
--   collation is deterministic) or 'never'. It is told by support function 4, whose functions of other origin are taken for 'never'.
select
  oc.oid as operator_class_oid,
  oc.opcname::text as operator_class_name,
  ocn.nspname::text as schemaname,
  oc.opcfamily as operator_family_oid,
  am.amname::text as access_method,
  oc.opcdefault as is_default,
  pg_catalog.format_type(oc.opcintype, null) as input_type_name,
  case equal_image.proname
    when 'btequalimage' then 'always'
    when 'btvarstrequalimage' then 'by-collation'
    else 'never'
  end as equal_image
from pg_catalog.pg_opclass oc
join pg_catalog.pg_am am on am.oid = oc.opcmethod
join pg_catalog.pg_namespace ocn on ocn.oid = oc.opcnamespace
left join pg_catalog.pg_amproc support
  on am.amname = 'btree'
  and support.amprocfamily = oc.opcfamily
  and support.amproclefttype = oc.opcintype
  and support.amprocrighttype = oc.opcintype
  and support.amprocnum = 4
left join pg_catalog.pg_proc equal_image
  on equal_image.oid = support.amproc
  and equal_image.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
order by oc.oid
