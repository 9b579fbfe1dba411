-- The way back from plan 86cb96dcce23, last step first, for database shop.
-- What the plan has not done is passed over, so that this runs after a plan that stopped midway, too.

SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SET default_transaction_read_only = on;
DO $indexwarden$
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
  if (select c.system_identifier::text from pg_control_system() c) <> '7300000000000000001' then
    raise exception 'this plan was made for another cluster: system identifier %', '7300000000000000001';
  end if;
  if current_database() <> 'shop' then
    raise exception 'this plan was made for database %, and this is %', 'shop', current_database();
  end if;
  if pg_is_in_recovery() then
    raise exception 'this node is a standby: run the plan on the primary';
  end if;
  if not pg_has_role(current_user, 'pg_read_all_stats', 'usage') then
    raise warning 'transactions, vacuums and standbys that would hold this up are not shown to role %: nobody has looked for them', current_user
      using hint = format('Look for them yourself, or GRANT pg_monitor TO %I and run this again.', current_user);
  end if;
  perform set_config('indexwarden.blockers', $kept$DO $check$
declare
  blocker record;
begin
  for blocker in
    select pid, xact_start from pg_stat_activity
    where pid <> pg_backend_pid() and xact_start < now() - interval '15 minutes' and backend_type = 'client backend'
  loop
    raise exception 'process % has been in a transaction since %: it would hold this up', blocker.pid, blocker.xact_start;
  end loop;
  for blocker in select gid, prepared from pg_prepared_xacts where database = current_database() loop
    raise exception 'prepared transaction % of % would hold this up', blocker.gid, blocker.prepared;
  end loop;
  for blocker in
    select a.pid from pg_stat_progress_vacuum v join pg_stat_activity a on a.pid = v.pid
    where v.relid = to_regclass(current_setting('indexwarden.table')) and a.query like '%to prevent wraparound%'
  loop
    raise exception 'an autovacuum to prevent wraparound (process %) is at work on the table: let it finish', blocker.pid;
  end loop;
  for blocker in select slot_name from pg_replication_slots where not active loop
    raise exception 'replication slot % is inactive: the WAL of this statement would pile up', blocker.slot_name;
  end loop;
  for blocker in
    select application_name from pg_stat_replication where pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) > 1073741824
  loop
    raise exception 'standby % is more than 1 GiB behind', blocker.application_name;
  end loop;
end
$check$$kept$, false);
  perform set_config('indexwarden.free_or_made', $kept$DO $check$
declare
  found oid := to_regclass(current_setting('indexwarden.index'));
begin
  if found is null then
    return;
  end if;
  if not exists (select from pg_index where indexrelid = found and indrelid = to_regclass(current_setting('indexwarden.table'))) then
    raise exception '% is there and is no index of %', current_setting('indexwarden.index'), current_setting('indexwarden.table');
  end if;
  if exists (select from pg_stat_progress_create_index p where p.index_relid = found) then
    raise exception '% is being built at this moment: wait for that', current_setting('indexwarden.index');
  end if;
  if (select c.relkind = 'i' from pg_class c where c.oid = found) and not coalesce((select i.indisvalid and i.indisready and i.indislive from pg_index i where i.indexrelid = found), false) then
    raise exception '% is an invalid leftover, which IF NOT EXISTS would pass over', current_setting('indexwarden.index')
      using hint = format(case when exists (select from pg_inherits where inhrelid = found) then 'REINDEX INDEX CONCURRENTLY %s; then run this again from the top'
      else 'DROP INDEX CONCURRENTLY %s; then run this again from the top' end, current_setting('indexwarden.index'));
  end if;
  if current_setting('indexwarden.definition') <> '' and replace(pg_get_indexdef(found), '"', '') <> current_setting('indexwarden.definition') then
    raise exception '% is there and is another index than the one to be made: %', current_setting('indexwarden.index'), pg_get_indexdef(found);
  end if;
  raise notice '% is there already', current_setting('indexwarden.index');
end
$check$$kept$, false);
  perform set_config('indexwarden.valid', $kept$DO $check$
declare
  found oid := to_regclass(current_setting('indexwarden.index'));
begin
  if found is null or not coalesce((select i.indisvalid and i.indisready and i.indislive from pg_index i where i.indexrelid = found), false) then
    raise exception '% is not there, or not valid: the build did not end well', current_setting('indexwarden.index')
      using hint = format(case when exists (select from pg_inherits where inhrelid = found) then 'REINDEX INDEX CONCURRENTLY %s; then run this again from the top'
      else 'DROP INDEX CONCURRENTLY %s; then run this again from the top' end, current_setting('indexwarden.index'));
  end if;
end
$check$$kept$, false);
  perform set_config('indexwarden.plan', '86cb96dcce23', false);
end
$indexwarden$;

-- Undo step 7: drop public.orders_a on public.orders (batch 3)
DO $indexwarden$
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
  if current_setting('indexwarden.plan', true) is distinct from '86cb96dcce23' then
    raise exception 'run the check at the top of plan 86cb96dcce23 first, in this session';
  end if;
  perform set_config(s.name, s.value, true) from (values ('search_path', 'pg_catalog'), ('datestyle', 'ISO'), ('intervalstyle', 'postgres'), ('timezone', 'UTC'), ('extra_float_digits', '1'), ('bytea_output', 'hex'), ('quote_all_identifiers', 'off'), ('standard_conforming_strings', 'on')) as s (name, value);
  perform set_config('indexwarden.index', 'public.orders_a', true);
  perform set_config('indexwarden.table', 'public.orders', true);
  perform set_config('indexwarden.definition', 'CREATE INDEX orders_a ON public.orders USING btree (a)', true);
  execute current_setting('indexwarden.free_or_made');
  execute current_setting('indexwarden.blockers');
  raise notice 'needs about 3 MiB of free disk, and as much WAL for each standby and slot: free disk is unknown from here';
  perform set_config('default_transaction_read_only', 'off', false);
end
$indexwarden$;
SET lock_timeout = 0;
SET statement_timeout = 0;
CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_a ON public.orders USING btree (a);
SET default_transaction_read_only = on;
DO $indexwarden$
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
  perform set_config('indexwarden.index', 'public.orders_a', true);
  execute current_setting('indexwarden.valid');
end
$indexwarden$;

-- Undo step 6: drop public.Orders "note"\u{a}again on public.orders (batch 2)
DO $indexwarden$
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
  if current_setting('indexwarden.plan', true) is distinct from '86cb96dcce23' then
    raise exception 'run the check at the top of plan 86cb96dcce23 first, in this session';
  end if;
  perform set_config('indexwarden.table', 'public.orders', true);
  execute current_setting('indexwarden.blockers');
  raise notice 'needs about 10 MiB of free disk, and as much WAL for each standby and slot: free disk is unknown from here';
  perform set_config('default_transaction_read_only', 'off', false);
end
$indexwarden$;
SET lock_timeout = 0;
SET statement_timeout = 0;
CREATE INDEX CONCURRENTLY Orders "note"
again ON public.orders USING btree (note);
SET default_transaction_read_only = on;

-- Undo step 5: drop public.orders_key on public.orders (batch 1)
-- The leftover is not brought back. What it was meant to be:
-- CREATE UNIQUE INDEX CONCURRENTLY orders_key ON public.orders USING btree (a, id);

-- Undo step 3: create public.ix_orders_a_customer_id on public.orders (composite)
DO $indexwarden$
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
  if current_setting('indexwarden.plan', true) is distinct from '86cb96dcce23' then
    raise exception 'run the check at the top of plan 86cb96dcce23 first, in this session';
  end if;
  perform set_config('indexwarden.table', 'public.orders', true);
  execute current_setting('indexwarden.blockers');
  perform set_config('default_transaction_read_only', 'off', false);
end
$indexwarden$;
SET lock_timeout = 0;
SET statement_timeout = 0;
DROP INDEX CONCURRENTLY IF EXISTS public.ix_orders_a_customer_id;
SET default_transaction_read_only = on;
DO $indexwarden$
declare
  found oid;
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
  found := to_regclass('public.ix_orders_a_customer_id');
  if found is not null then
    raise exception '% is still there', 'public.ix_orders_a_customer_id' using hint = 'A drop that was interrupted leaves an invalid index: run it again.';
  end if;
end
$indexwarden$;

-- Undo step 2: create public.ix_customers_country on public.customers (filter)
DO $indexwarden$
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
  if current_setting('indexwarden.plan', true) is distinct from '86cb96dcce23' then
    raise exception 'run the check at the top of plan 86cb96dcce23 first, in this session';
  end if;
  perform set_config('indexwarden.table', 'public.customers', true);
  execute current_setting('indexwarden.blockers');
  perform set_config('default_transaction_read_only', 'off', false);
end
$indexwarden$;
SET lock_timeout = 0;
SET statement_timeout = 0;
DROP INDEX CONCURRENTLY IF EXISTS public.ix_customers_country;
SET default_transaction_read_only = on;
DO $indexwarden$
declare
  found oid;
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
  found := to_regclass('public.ix_customers_country');
  if found is not null then
    raise exception '% is still there', 'public.ix_customers_country' using hint = 'A drop that was interrupted leaves an invalid index: run it again.';
  end if;
end
$indexwarden$;

-- Undo step 1: create public.ix_orders_customer_id on public.orders (foreign key)
DO $indexwarden$
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
  if current_setting('indexwarden.plan', true) is distinct from '86cb96dcce23' then
    raise exception 'run the check at the top of plan 86cb96dcce23 first, in this session';
  end if;
  perform set_config('indexwarden.table', 'public.orders', true);
  execute current_setting('indexwarden.blockers');
  perform set_config('default_transaction_read_only', 'off', false);
end
$indexwarden$;
SET lock_timeout = 0;
SET statement_timeout = 0;
DROP INDEX CONCURRENTLY IF EXISTS public.ix_orders_customer_id;
SET default_transaction_read_only = on;
DO $indexwarden$
declare
  found oid;
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
  found := to_regclass('public.ix_orders_customer_id');
  if found is not null then
    raise exception '% is still there', 'public.ix_orders_customer_id' using hint = 'A drop that was interrupted leaves an invalid index: run it again.';
  end if;
end
$indexwarden$;

RESET default_transaction_read_only;
RESET lock_timeout;
RESET statement_timeout;
