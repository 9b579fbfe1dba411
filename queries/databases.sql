-- What a row is: a database of the server that can be watched. Templates and databases closed to connections are left out.
-- Source: manual, "pg_database". Versions: 13 and later. Privileges: none. Cost: one row a database.
-- Columns: datname as it stands, unquoted.
select d.datname::text as datname
from pg_catalog.pg_database d
where d.datallowconn
  and not d.datistemplate
  and pg_catalog.has_database_privilege(d.oid, 'connect')
order by d.datname
