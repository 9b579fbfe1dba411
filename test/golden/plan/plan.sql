-- indexwarden plan 86cb96dcce23: everything in database shop of main
-- Made 2026-03-01 12:00 UTC; expires 2026-03-08 12:00 UTC. Cluster 7300000000000000001, PostgreSQL 17.10.
-- 7 steps: 3 to create, 1 to rebuild, 3 to drop; 2 of them commented out; 1 left out; 1 for a person to decide
-- Takes: disk unknown, needs about 22.2 MiB in all; WAL about 22.2 MiB to each standby and slot (1 standby connected); builds about 5 s; frees 50 MiB
--
-- Read it, then run it in one session outside of a transaction: psql -X -v ON_ERROR_STOP=1 -f FILE,
-- or statement by statement with any client in autocommit mode. It stops where something is not as it was
-- when the plan was made; mend what it names and run it again from the top: what is done is passed over.
-- The session is read-only but between the check of a step and its statement; RESET default_transaction_read_only
-- gives it back where the script has stopped.
--
-- Steps
--     1  create public.ix_orders_customer_id on public.orders (foreign key)
--     2  create public.ix_customers_country on public.customers (filter)
--     3  create public.ix_orders_a_customer_id on public.orders (composite)
--     4  rebuild public.orders_placed_at on public.orders
--     5  drop public.orders_key on public.orders (batch 1)
--     6  drop public.Orders "note"\u{a}again on public.orders (batch 2), commented out
--     7  drop public.orders_a on public.orders (batch 3), commented out
--
-- Left out
--   bloated-index public.orders_a: it is dropped by this plan and need not be rebuilt first
--
-- For a person to decide: no SQL
--   rarely-used-index public.orders_placed_at: Ask who reads it.

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
  if now() > timestamptz '2026-03-08 12:00:00+00' then
    raise exception 'this plan expired at 2026-03-08 12:00:00+00' using hint = 'Make a new one: what it rests on may have changed.';
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

-- =================================================================================================
-- Indexes to create

-- Step 1 of 7: create public.ix_orders_customer_id on public.orders (foreign key)
-- unindexed-foreign-key 998b381a19dd1ad0, proven: unindexed-foreign-key of orders
-- size about 2.1 MiB; time about 1 s; disk unknown, needs 2.1 MiB; WAL 2.1 MiB to each standby and slot (1 standby connected)
-- Locks: SHARE UPDATE EXCLUSIVE on the table: blocks no reads and no writes, waits for older transactions
-- Note: The index will take about 2.1 MiB. If the build fails it leaves an invalid index of that name: drop it before trying again.
-- If it fails: DROP INDEX CONCURRENTLY IF EXISTS public.ix_orders_customer_id;
DO $indexwarden$
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
  if current_setting('indexwarden.plan', true) is distinct from '86cb96dcce23' then
    raise exception 'run the check at the top of plan 86cb96dcce23 first, in this session';
  end if;
  perform set_config(s.name, s.value, true) from (values ('search_path', 'pg_catalog'), ('datestyle', 'ISO'), ('intervalstyle', 'postgres'), ('timezone', 'UTC'), ('extra_float_digits', '1'), ('bytea_output', 'hex'), ('quote_all_identifiers', 'off'), ('standard_conforming_strings', 'on')) as s (name, value);
  perform set_config('indexwarden.index', 'public.ix_orders_customer_id', true);
  perform set_config('indexwarden.table', 'public.orders', true);
  perform set_config('indexwarden.definition', 'CREATE INDEX ix_orders_customer_id ON public.orders USING btree (customer_id)', true);
  execute current_setting('indexwarden.free_or_made');
  execute current_setting('indexwarden.blockers');
  raise notice 'needs about 2.1 MiB of free disk, and as much WAL for each standby and slot: free disk is unknown from here';
  perform set_config('default_transaction_read_only', 'off', false);
end
$indexwarden$;
SET lock_timeout = 0;
SET statement_timeout = 0;
CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_orders_customer_id ON public.orders (customer_id);
SET default_transaction_read_only = on;
DO $indexwarden$
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
  perform set_config('indexwarden.index', 'public.ix_orders_customer_id', true);
  execute current_setting('indexwarden.valid');
end
$indexwarden$;

-- Step 2 of 7: create public.ix_customers_country on public.customers (filter)
-- missing-expected-index 29c6766a387e69c0, proven: missing-expected-index of customers
-- size about 3 MiB; time about 1 s; disk unknown, needs 3 MiB; WAL 3 MiB to each standby and slot (1 standby connected)
-- Locks: SHARE UPDATE EXCLUSIVE on the table: blocks no reads and no writes, waits for older transactions
-- Note: The index will take about 3 MiB. If the build fails it leaves an invalid index of that name: drop it before trying again.
-- If it fails: DROP INDEX CONCURRENTLY IF EXISTS public.ix_customers_country;
DO $indexwarden$
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
  if current_setting('indexwarden.plan', true) is distinct from '86cb96dcce23' then
    raise exception 'run the check at the top of plan 86cb96dcce23 first, in this session';
  end if;
  perform set_config(s.name, s.value, true) from (values ('search_path', 'pg_catalog'), ('datestyle', 'ISO'), ('intervalstyle', 'postgres'), ('timezone', 'UTC'), ('extra_float_digits', '1'), ('bytea_output', 'hex'), ('quote_all_identifiers', 'off'), ('standard_conforming_strings', 'on')) as s (name, value);
  perform set_config('indexwarden.index', 'public.ix_customers_country', true);
  perform set_config('indexwarden.table', 'public.customers', true);
  perform set_config('indexwarden.definition', 'CREATE INDEX ix_customers_country ON public.customers USING btree (country)', true);
  execute current_setting('indexwarden.free_or_made');
  execute current_setting('indexwarden.blockers');
  raise notice 'needs about 3 MiB of free disk, and as much WAL for each standby and slot: free disk is unknown from here';
  perform set_config('default_transaction_read_only', 'off', false);
end
$indexwarden$;
SET lock_timeout = 0;
SET statement_timeout = 0;
CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_customers_country ON public.customers (country);
ANALYZE public.customers;
SET default_transaction_read_only = on;
DO $indexwarden$
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
  perform set_config('indexwarden.index', 'public.ix_customers_country', true);
  execute current_setting('indexwarden.valid');
end
$indexwarden$;

-- Step 3 of 7: create public.ix_orders_a_customer_id on public.orders (composite)
-- missing-expected-index f657c16ccae179b5, proven: missing-expected-index of orders
-- size about 2.1 MiB; time about 1 s; disk unknown, needs 2.1 MiB; WAL 2.1 MiB to each standby and slot (1 standby connected)
-- Locks: SHARE UPDATE EXCLUSIVE on the table: blocks no reads and no writes, waits for older transactions
-- Note: The index will take about 2.1 MiB. If the build fails it leaves an invalid index of that name: drop it before trying again.
-- If it fails: DROP INDEX CONCURRENTLY IF EXISTS public.ix_orders_a_customer_id;
DO $indexwarden$
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
  if current_setting('indexwarden.plan', true) is distinct from '86cb96dcce23' then
    raise exception 'run the check at the top of plan 86cb96dcce23 first, in this session';
  end if;
  perform set_config(s.name, s.value, true) from (values ('search_path', 'pg_catalog'), ('datestyle', 'ISO'), ('intervalstyle', 'postgres'), ('timezone', 'UTC'), ('extra_float_digits', '1'), ('bytea_output', 'hex'), ('quote_all_identifiers', 'off'), ('standard_conforming_strings', 'on')) as s (name, value);
  perform set_config('indexwarden.index', 'public.ix_orders_a_customer_id', true);
  perform set_config('indexwarden.table', 'public.orders', true);
  perform set_config('indexwarden.definition', 'CREATE INDEX ix_orders_a_customer_id ON public.orders USING btree (a, customer_id)', true);
  execute current_setting('indexwarden.free_or_made');
  execute current_setting('indexwarden.blockers');
  raise notice 'needs about 2.1 MiB of free disk, and as much WAL for each standby and slot: free disk is unknown from here';
  perform set_config('default_transaction_read_only', 'off', false);
end
$indexwarden$;
SET lock_timeout = 0;
SET statement_timeout = 0;
CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_orders_a_customer_id ON public.orders (a, customer_id);
ANALYZE public.orders;
SET default_transaction_read_only = on;
DO $indexwarden$
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
  perform set_config('indexwarden.index', 'public.ix_orders_a_customer_id', true);
  execute current_setting('indexwarden.valid');
end
$indexwarden$;

-- =================================================================================================
-- Indexes to rebuild

-- Step 4 of 7: rebuild public.orders_placed_at on public.orders
-- bloated-index 30bb28ab403aa749, proven: bloated-index of orders_placed_at
-- size now 40 MiB; time about 2 s; disk unknown, needs 15 MiB; WAL 15 MiB to each standby and slot (1 standby connected); frees 40 MiB
-- Locks: SHARE UPDATE EXCLUSIVE on the table: blocks no reads and no writes, waits for older transactions
-- Note: The time goes by policy.rebuildBytesPerSecond (10 MiB/s), since no build of a btree index was watched here yet. Interrupted, it leaves an index named …_ccnew behind, which this program reports and which can be dropped.
-- If it fails: DROP INDEX CONCURRENTLY IF EXISTS public.orders_placed_at_ccnew;
DO $indexwarden$
declare
  found oid;
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
  if current_setting('indexwarden.plan', true) is distinct from '86cb96dcce23' then
    raise exception 'run the check at the top of plan 86cb96dcce23 first, in this session';
  end if;
  perform set_config(s.name, s.value, true) from (values ('search_path', 'pg_catalog'), ('datestyle', 'ISO'), ('intervalstyle', 'postgres'), ('timezone', 'UTC'), ('extra_float_digits', '1'), ('bytea_output', 'hex'), ('quote_all_identifiers', 'off'), ('standard_conforming_strings', 'on')) as s (name, value);
  found := to_regclass('public.orders_placed_at');
  if found is null then
    raise exception '% is gone', 'public.orders_placed_at';
  end if;
  if left(encode(sha256(convert_to(pg_get_indexdef(found) || coalesce((
    select ' ' || pg_get_constraintdef(k.oid) from pg_constraint k
    where k.conindid = found and k.conrelid = (select indrelid from pg_index where indexrelid = found) and k.contype in ('p', 'u', 'x')
  ), ''), 'UTF8')), 'hex'), 16) is distinct from '14ff65d30772815b' then
    raise exception 'the definition of % is not the one that the plan was made for', 'public.orders_placed_at' using hint = 'Make a new plan.';
  end if;
  perform set_config('indexwarden.table', 'public.orders', true);
  execute current_setting('indexwarden.blockers');
  raise notice 'needs about 15 MiB of free disk, and as much WAL for each standby and slot: free disk is unknown from here';
  perform set_config('default_transaction_read_only', 'off', false);
end
$indexwarden$;
SET lock_timeout = 0;
SET statement_timeout = 0;
REINDEX INDEX CONCURRENTLY public.orders_placed_at;
SET default_transaction_read_only = on;
DO $indexwarden$
declare
  blocker record;
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
  perform set_config('indexwarden.index', 'public.orders_placed_at', true);
  execute current_setting('indexwarden.valid');
  for blocker in
    select i.indexrelid::regclass as name from pg_index i join pg_class c on c.oid = i.indexrelid
    where i.indrelid = to_regclass('public.orders') and not i.indisvalid and c.relname ~ '_cc(new|old)[0-9]*$'
      and c.relname <> all (array['orders_key']::text[])
  loop
    raise exception '% is left over from an interrupted rebuild', blocker.name using hint = format('DROP INDEX CONCURRENTLY %s; Then run the plan again from the top.', blocker.name);
  end loop;
end
$indexwarden$;

-- =================================================================================================
-- Drops, batch 1: at most one of each table

-- Step 5 of 7: drop public.orders_key on public.orders (batch 1)
-- invalid-index 7e66894c629db2c9, proven: invalid-index of orders_key
-- size 10 MiB; frees 10 MiB; to have it back takes about 1 s
-- Locks: SHARE UPDATE EXCLUSIVE on the table: blocks no reads and no writes, waits for older transactions
-- Note: Rebuilding it would take about 1 s.
-- If it fails: DROP INDEX CONCURRENTLY IF EXISTS public.orders_key;
DO $indexwarden$
declare
  found oid;
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
  if current_setting('indexwarden.plan', true) is distinct from '86cb96dcce23' then
    raise exception 'run the check at the top of plan 86cb96dcce23 first, in this session';
  end if;
  perform set_config(s.name, s.value, true) from (values ('search_path', 'pg_catalog'), ('datestyle', 'ISO'), ('intervalstyle', 'postgres'), ('timezone', 'UTC'), ('extra_float_digits', '1'), ('bytea_output', 'hex'), ('quote_all_identifiers', 'off'), ('standard_conforming_strings', 'on')) as s (name, value);
  found := to_regclass('public.orders_key');
  if found is null then
    raise notice '% is gone already', 'public.orders_key';
  else
    if left(encode(sha256(convert_to(pg_get_indexdef(found) || coalesce((
    select ' ' || pg_get_constraintdef(k.oid) from pg_constraint k
    where k.conindid = found and k.conrelid = (select indrelid from pg_index where indexrelid = found) and k.contype in ('p', 'u', 'x')
  ), ''), 'UTF8')), 'hex'), 16) is distinct from '2c592578b324fab3' then
      raise exception 'the definition of % is not the one that the plan was made for', 'public.orders_key' using hint = 'Make a new plan.';
    end if;
    if exists (select from pg_stat_progress_create_index p where p.index_relid = found) then
      raise exception '% is being built at this moment: wait for that', 'public.orders_key';
    end if;
    if coalesce((select i.indisvalid and i.indisready and i.indislive from pg_index i where i.indexrelid = found), false) then
      raise exception '% is valid by now: it is no leftover', 'public.orders_key';
    end if;
  end if;
  perform set_config('indexwarden.table', 'public.orders', true);
  execute current_setting('indexwarden.blockers');
  perform set_config('default_transaction_read_only', 'off', false);
end
$indexwarden$;
SET lock_timeout = 0;
SET statement_timeout = 0;
DROP INDEX CONCURRENTLY IF EXISTS public.orders_key;
SET default_transaction_read_only = on;
DO $indexwarden$
declare
  found oid;
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
  found := to_regclass('public.orders_key');
  if found is not null then
    raise exception '% is still there', 'public.orders_key' using hint = 'A drop that was interrupted leaves an invalid index: run it again.';
  end if;
end
$indexwarden$;

-- =================================================================================================
-- Drops, batch 2: not before 2026-03-08 12:00 UTC. Make a new plan then: it has them in its first batch

-- Step 6 of 7: drop public.Orders "note"\u{a}again on public.orders (batch 2)
-- duplicate-index 64f124427190a045, proven: duplicate-index of Orders "note"\u{a}again
-- size 10 MiB; frees 10 MiB; to have it back takes about 1 s
-- Locks: SHARE UPDATE EXCLUSIVE on the table: blocks no reads and no writes, waits for older transactions
-- Note: Rebuilding it would take about 1 s.
-- If it fails: DROP INDEX CONCURRENTLY IF EXISTS public."Orders ""note""\u{a}again";
-- DO $indexwarden$
-- declare
--   found oid;
-- begin
--   perform pg_catalog.set_config('search_path', 'pg_catalog', true);
--   if current_setting('indexwarden.plan', true) is distinct from '86cb96dcce23' then
--     raise exception 'run the check at the top of plan 86cb96dcce23 first, in this session';
--   end if;
--   if now() < timestamptz '2026-03-08 12:00:00+00' then
--     raise exception 'this batch is not due before 2026-03-08 12:00:00+00' using hint = 'Watch what the batch before it did first.';
--   end if;
--   perform set_config(s.name, s.value, true) from (values ('search_path', 'pg_catalog'), ('datestyle', 'ISO'), ('intervalstyle', 'postgres'), ('timezone', 'UTC'), ('extra_float_digits', '1'), ('bytea_output', 'hex'), ('quote_all_identifiers', 'off'), ('standard_conforming_strings', 'on')) as s (name, value);
--   found := to_regclass('public.orders_note');
--   if found is null or not coalesce((select i.indisvalid and i.indisready and i.indislive from pg_index i where i.indexrelid = found), false) then
--     raise exception '% is to take over and is not there, or not valid', 'public.orders_note';
--   end if;
--   if left(encode(sha256(convert_to(pg_get_indexdef(found) || coalesce((
--     select ' ' || pg_get_constraintdef(k.oid) from pg_constraint k
--     where k.conindid = found and k.conrelid = (select indrelid from pg_index where indexrelid = found) and k.contype in ('p', 'u', 'x')
--   ), ''), 'UTF8')), 'hex'), 16) is distinct from '84bb34fd5a535bf6' then
--     raise exception 'the definition of % is not the one that the plan was made for', 'public.orders_note' using hint = 'Make a new plan.';
--   end if;
--   found := to_regclass('public."Orders ""note""
-- again"');
--   if found is null then
--     raise notice '% is gone already', 'public."Orders ""note""
-- again"';
--   else
--     if left(encode(sha256(convert_to(pg_get_indexdef(found) || coalesce((
--     select ' ' || pg_get_constraintdef(k.oid) from pg_constraint k
--     where k.conindid = found and k.conrelid = (select indrelid from pg_index where indexrelid = found) and k.contype in ('p', 'u', 'x')
--   ), ''), 'UTF8')), 'hex'), 16) is distinct from 'e0b17f3fd0d68dc1' then
--       raise exception 'the definition of % is not the one that the plan was made for', 'public."Orders ""note""
-- again"' using hint = 'Make a new plan.';
--     end if;
--   end if;
--   perform set_config('indexwarden.table', 'public.orders', true);
--   execute current_setting('indexwarden.blockers');
--   perform set_config('default_transaction_read_only', 'off', false);
-- end
-- $indexwarden$;
-- SET lock_timeout = 0;
-- SET statement_timeout = 0;
-- DROP INDEX CONCURRENTLY IF EXISTS public."Orders ""note""
-- again";
-- SET default_transaction_read_only = on;
-- DO $indexwarden$
-- declare
--   found oid;
-- begin
--   perform pg_catalog.set_config('search_path', 'pg_catalog', true);
--   found := to_regclass('public."Orders ""note""
-- again"');
--   if found is not null then
--     raise exception '% is still there', 'public."Orders ""note""
-- again"' using hint = 'A drop that was interrupted leaves an invalid index: run it again.';
--   end if;
-- end
-- $indexwarden$;

-- =================================================================================================
-- Drops, batch 3: not before 2026-03-15 12:00 UTC. Make a new plan then: it has them in its first batch

-- Step 7 of 7: drop public.orders_a on public.orders (batch 3)
-- unused-index cab8ab310824dbf6, possible: orders_a on public.orders (a), 3 MiB, was not scanned once in 60 d
-- size 3 MiB; frees 3 MiB; to have it back takes about 1 s
-- Locks: SHARE UPDATE EXCLUSIVE on the table: blocks no reads and no writes, waits for older transactions
-- Note: Rebuilding it would take about 1 s.
-- Caveat: A standby that nobody configured may use it.
-- If it fails: DROP INDEX CONCURRENTLY IF EXISTS public.orders_a;
-- DO $indexwarden$
-- declare
--   found oid;
-- begin
--   perform pg_catalog.set_config('search_path', 'pg_catalog', true);
--   if current_setting('indexwarden.plan', true) is distinct from '86cb96dcce23' then
--     raise exception 'run the check at the top of plan 86cb96dcce23 first, in this session';
--   end if;
--   if now() < timestamptz '2026-03-15 12:00:00+00' then
--     raise exception 'this batch is not due before 2026-03-15 12:00:00+00' using hint = 'Watch what the batch before it did first.';
--   end if;
--   perform set_config(s.name, s.value, true) from (values ('search_path', 'pg_catalog'), ('datestyle', 'ISO'), ('intervalstyle', 'postgres'), ('timezone', 'UTC'), ('extra_float_digits', '1'), ('bytea_output', 'hex'), ('quote_all_identifiers', 'off'), ('standard_conforming_strings', 'on')) as s (name, value);
--   found := to_regclass('public.orders_a');
--   if found is null then
--     raise notice '% is gone already', 'public.orders_a';
--   else
--     if left(encode(sha256(convert_to(pg_get_indexdef(found) || coalesce((
--     select ' ' || pg_get_constraintdef(k.oid) from pg_constraint k
--     where k.conindid = found and k.conrelid = (select indrelid from pg_index where indexrelid = found) and k.contype in ('p', 'u', 'x')
--   ), ''), 'UTF8')), 'hex'), 16) is distinct from '6dd6b4cde2dea2ad' then
--       raise exception 'the definition of % is not the one that the plan was made for', 'public.orders_a' using hint = 'Make a new plan.';
--     end if;
--     if pg_stat_get_numscans(found) > 0 then
--       raise exception '% was scanned since the plan was made: % scans, and there were 0', 'public.orders_a', pg_stat_get_numscans(found) using hint = 'It is in use: make a new plan.';
--     end if;
--     if greatest(
--       (select stats_reset from pg_stat_database where datname = current_database()),
--       (select stats_reset from pg_stat_bgwriter), (select stats_reset from pg_stat_archiver)
--     ) > timestamptz '2026-03-01 12:00:00+00' then
--       raise exception 'the statistics were reset since the plan was made: nobody knows whether % is used', 'public.orders_a';
--     end if;
--   end if;
--   perform set_config('indexwarden.table', 'public.orders', true);
--   execute current_setting('indexwarden.blockers');
--   perform set_config('default_transaction_read_only', 'off', false);
-- end
-- $indexwarden$;
-- SET lock_timeout = 0;
-- SET statement_timeout = 0;
-- DROP INDEX CONCURRENTLY IF EXISTS public.orders_a;
-- SET default_transaction_read_only = on;
-- DO $indexwarden$
-- declare
--   found oid;
-- begin
--   perform pg_catalog.set_config('search_path', 'pg_catalog', true);
--   found := to_regclass('public.orders_a');
--   if found is not null then
--     raise exception '% is still there', 'public.orders_a' using hint = 'A drop that was interrupted leaves an invalid index: run it again.';
--   end if;
-- end
-- $indexwarden$;

RESET default_transaction_read_only;
RESET lock_timeout;
RESET statement_timeout;

-- =================================================================================================
-- The way back, last step first. What the plan has not done is passed over, and it does not expire. To have it by itself:
--   sed '1,/^-- >>> rollback$/d; /^-- <<< rollback$/,$d; s/^-- //' FILE
-- >>> rollback
-- SET client_encoding = 'UTF8';
-- SET standard_conforming_strings = on;
-- SET default_transaction_read_only = on;
-- DO $indexwarden$
-- begin
--   perform pg_catalog.set_config('search_path', 'pg_catalog', true);
--   if (select c.system_identifier::text from pg_control_system() c) <> '7300000000000000001' then
--     raise exception 'this plan was made for another cluster: system identifier %', '7300000000000000001';
--   end if;
--   if current_database() <> 'shop' then
--     raise exception 'this plan was made for database %, and this is %', 'shop', current_database();
--   end if;
--   if pg_is_in_recovery() then
--     raise exception 'this node is a standby: run the plan on the primary';
--   end if;
--   if not pg_has_role(current_user, 'pg_read_all_stats', 'usage') then
--     raise warning 'transactions, vacuums and standbys that would hold this up are not shown to role %: nobody has looked for them', current_user
--       using hint = format('Look for them yourself, or GRANT pg_monitor TO %I and run this again.', current_user);
--   end if;
--   perform set_config('indexwarden.blockers', $kept$DO $check$
-- declare
--   blocker record;
-- begin
--   for blocker in
--     select pid, xact_start from pg_stat_activity
--     where pid <> pg_backend_pid() and xact_start < now() - interval '15 minutes' and backend_type = 'client backend'
--   loop
--     raise exception 'process % has been in a transaction since %: it would hold this up', blocker.pid, blocker.xact_start;
--   end loop;
--   for blocker in select gid, prepared from pg_prepared_xacts where database = current_database() loop
--     raise exception 'prepared transaction % of % would hold this up', blocker.gid, blocker.prepared;
--   end loop;
--   for blocker in
--     select a.pid from pg_stat_progress_vacuum v join pg_stat_activity a on a.pid = v.pid
--     where v.relid = to_regclass(current_setting('indexwarden.table')) and a.query like '%to prevent wraparound%'
--   loop
--     raise exception 'an autovacuum to prevent wraparound (process %) is at work on the table: let it finish', blocker.pid;
--   end loop;
--   for blocker in select slot_name from pg_replication_slots where not active loop
--     raise exception 'replication slot % is inactive: the WAL of this statement would pile up', blocker.slot_name;
--   end loop;
--   for blocker in
--     select application_name from pg_stat_replication where pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) > 1073741824
--   loop
--     raise exception 'standby % is more than 1 GiB behind', blocker.application_name;
--   end loop;
-- end
-- $check$$kept$, false);
--   perform set_config('indexwarden.free_or_made', $kept$DO $check$
-- declare
--   found oid := to_regclass(current_setting('indexwarden.index'));
-- begin
--   if found is null then
--     return;
--   end if;
--   if not exists (select from pg_index where indexrelid = found and indrelid = to_regclass(current_setting('indexwarden.table'))) then
--     raise exception '% is there and is no index of %', current_setting('indexwarden.index'), current_setting('indexwarden.table');
--   end if;
--   if exists (select from pg_stat_progress_create_index p where p.index_relid = found) then
--     raise exception '% is being built at this moment: wait for that', current_setting('indexwarden.index');
--   end if;
--   if (select c.relkind = 'i' from pg_class c where c.oid = found) and not coalesce((select i.indisvalid and i.indisready and i.indislive from pg_index i where i.indexrelid = found), false) then
--     raise exception '% is an invalid leftover, which IF NOT EXISTS would pass over', current_setting('indexwarden.index')
--       using hint = format(case when exists (select from pg_inherits where inhrelid = found) then 'REINDEX INDEX CONCURRENTLY %s; then run this again from the top'
--       else 'DROP INDEX CONCURRENTLY %s; then run this again from the top' end, current_setting('indexwarden.index'));
--   end if;
--   if current_setting('indexwarden.definition') <> '' and replace(pg_get_indexdef(found), '"', '') <> current_setting('indexwarden.definition') then
--     raise exception '% is there and is another index than the one to be made: %', current_setting('indexwarden.index'), pg_get_indexdef(found);
--   end if;
--   raise notice '% is there already', current_setting('indexwarden.index');
-- end
-- $check$$kept$, false);
--   perform set_config('indexwarden.valid', $kept$DO $check$
-- declare
--   found oid := to_regclass(current_setting('indexwarden.index'));
-- begin
--   if found is null or not coalesce((select i.indisvalid and i.indisready and i.indislive from pg_index i where i.indexrelid = found), false) then
--     raise exception '% is not there, or not valid: the build did not end well', current_setting('indexwarden.index')
--       using hint = format(case when exists (select from pg_inherits where inhrelid = found) then 'REINDEX INDEX CONCURRENTLY %s; then run this again from the top'
--       else 'DROP INDEX CONCURRENTLY %s; then run this again from the top' end, current_setting('indexwarden.index'));
--   end if;
-- end
-- $check$$kept$, false);
--   perform set_config('indexwarden.plan', '86cb96dcce23', false);
-- end
-- $indexwarden$;
-- 
-- -- Undo step 7: drop public.orders_a on public.orders (batch 3)
-- DO $indexwarden$
-- begin
--   perform pg_catalog.set_config('search_path', 'pg_catalog', true);
--   if current_setting('indexwarden.plan', true) is distinct from '86cb96dcce23' then
--     raise exception 'run the check at the top of plan 86cb96dcce23 first, in this session';
--   end if;
--   perform set_config(s.name, s.value, true) from (values ('search_path', 'pg_catalog'), ('datestyle', 'ISO'), ('intervalstyle', 'postgres'), ('timezone', 'UTC'), ('extra_float_digits', '1'), ('bytea_output', 'hex'), ('quote_all_identifiers', 'off'), ('standard_conforming_strings', 'on')) as s (name, value);
--   perform set_config('indexwarden.index', 'public.orders_a', true);
--   perform set_config('indexwarden.table', 'public.orders', true);
--   perform set_config('indexwarden.definition', 'CREATE INDEX orders_a ON public.orders USING btree (a)', true);
--   execute current_setting('indexwarden.free_or_made');
--   execute current_setting('indexwarden.blockers');
--   raise notice 'needs about 3 MiB of free disk, and as much WAL for each standby and slot: free disk is unknown from here';
--   perform set_config('default_transaction_read_only', 'off', false);
-- end
-- $indexwarden$;
-- SET lock_timeout = 0;
-- SET statement_timeout = 0;
-- CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_a ON public.orders USING btree (a);
-- SET default_transaction_read_only = on;
-- DO $indexwarden$
-- begin
--   perform pg_catalog.set_config('search_path', 'pg_catalog', true);
--   perform set_config('indexwarden.index', 'public.orders_a', true);
--   execute current_setting('indexwarden.valid');
-- end
-- $indexwarden$;
-- 
-- -- Undo step 6: drop public.Orders "note"\u{a}again on public.orders (batch 2)
-- DO $indexwarden$
-- begin
--   perform pg_catalog.set_config('search_path', 'pg_catalog', true);
--   if current_setting('indexwarden.plan', true) is distinct from '86cb96dcce23' then
--     raise exception 'run the check at the top of plan 86cb96dcce23 first, in this session';
--   end if;
--   perform set_config('indexwarden.table', 'public.orders', true);
--   execute current_setting('indexwarden.blockers');
--   raise notice 'needs about 10 MiB of free disk, and as much WAL for each standby and slot: free disk is unknown from here';
--   perform set_config('default_transaction_read_only', 'off', false);
-- end
-- $indexwarden$;
-- SET lock_timeout = 0;
-- SET statement_timeout = 0;
-- CREATE INDEX CONCURRENTLY Orders "note"
-- again ON public.orders USING btree (note);
-- SET default_transaction_read_only = on;
-- 
-- -- Undo step 5: drop public.orders_key on public.orders (batch 1)
-- -- The leftover is not brought back. What it was meant to be:
-- -- CREATE UNIQUE INDEX CONCURRENTLY orders_key ON public.orders USING btree (a, id);
-- 
-- -- Undo step 3: create public.ix_orders_a_customer_id on public.orders (composite)
-- DO $indexwarden$
-- begin
--   perform pg_catalog.set_config('search_path', 'pg_catalog', true);
--   if current_setting('indexwarden.plan', true) is distinct from '86cb96dcce23' then
--     raise exception 'run the check at the top of plan 86cb96dcce23 first, in this session';
--   end if;
--   perform set_config('indexwarden.table', 'public.orders', true);
--   execute current_setting('indexwarden.blockers');
--   perform set_config('default_transaction_read_only', 'off', false);
-- end
-- $indexwarden$;
-- SET lock_timeout = 0;
-- SET statement_timeout = 0;
-- DROP INDEX CONCURRENTLY IF EXISTS public.ix_orders_a_customer_id;
-- SET default_transaction_read_only = on;
-- DO $indexwarden$
-- declare
--   found oid;
-- begin
--   perform pg_catalog.set_config('search_path', 'pg_catalog', true);
--   found := to_regclass('public.ix_orders_a_customer_id');
--   if found is not null then
--     raise exception '% is still there', 'public.ix_orders_a_customer_id' using hint = 'A drop that was interrupted leaves an invalid index: run it again.';
--   end if;
-- end
-- $indexwarden$;
-- 
-- -- Undo step 2: create public.ix_customers_country on public.customers (filter)
-- DO $indexwarden$
-- begin
--   perform pg_catalog.set_config('search_path', 'pg_catalog', true);
--   if current_setting('indexwarden.plan', true) is distinct from '86cb96dcce23' then
--     raise exception 'run the check at the top of plan 86cb96dcce23 first, in this session';
--   end if;
--   perform set_config('indexwarden.table', 'public.customers', true);
--   execute current_setting('indexwarden.blockers');
--   perform set_config('default_transaction_read_only', 'off', false);
-- end
-- $indexwarden$;
-- SET lock_timeout = 0;
-- SET statement_timeout = 0;
-- DROP INDEX CONCURRENTLY IF EXISTS public.ix_customers_country;
-- SET default_transaction_read_only = on;
-- DO $indexwarden$
-- declare
--   found oid;
-- begin
--   perform pg_catalog.set_config('search_path', 'pg_catalog', true);
--   found := to_regclass('public.ix_customers_country');
--   if found is not null then
--     raise exception '% is still there', 'public.ix_customers_country' using hint = 'A drop that was interrupted leaves an invalid index: run it again.';
--   end if;
-- end
-- $indexwarden$;
-- 
-- -- Undo step 1: create public.ix_orders_customer_id on public.orders (foreign key)
-- DO $indexwarden$
-- begin
--   perform pg_catalog.set_config('search_path', 'pg_catalog', true);
--   if current_setting('indexwarden.plan', true) is distinct from '86cb96dcce23' then
--     raise exception 'run the check at the top of plan 86cb96dcce23 first, in this session';
--   end if;
--   perform set_config('indexwarden.table', 'public.orders', true);
--   execute current_setting('indexwarden.blockers');
--   perform set_config('default_transaction_read_only', 'off', false);
-- end
-- $indexwarden$;
-- SET lock_timeout = 0;
-- SET statement_timeout = 0;
-- DROP INDEX CONCURRENTLY IF EXISTS public.ix_orders_customer_id;
-- SET default_transaction_read_only = on;
-- DO $indexwarden$
-- declare
--   found oid;
-- begin
--   perform pg_catalog.set_config('search_path', 'pg_catalog', true);
--   found := to_regclass('public.ix_orders_customer_id');
--   if found is not null then
--     raise exception '% is still there', 'public.ix_orders_customer_id' using hint = 'A drop that was interrupted leaves an invalid index: run it again.';
--   end if;
-- end
-- $indexwarden$;
-- 
-- RESET default_transaction_read_only;
-- RESET lock_timeout;
-- RESET statement_timeout;
-- <<< rollback
