-- The role that indexwarden connects as: it may log in and read statistics, and nothing else.
-- Run once per server, as a superuser; give it a password, or let pg_hba.conf decide.
-- deploy/column-statistics-view.sql, run in each database, is the optional addition.

create role indexwarden login inherit nosuperuser nocreatedb nocreaterole noreplication connection limit 5;
grant pg_monitor to indexwarden;
