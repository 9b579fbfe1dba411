"""Indexes of shop: everything

Revision ID: 86cb96dcce23
Revises: 4ae1c09d2b77
Create Date: 2026-03-01 12:00:00+00:00

Made by indexwarden from findings in database shop of main; the upgrade expires 2026-03-08 12:00 UTC.
7 steps: 3 to create, 1 to rebuild, 3 to drop; 2 of them commented out; 1 left out; 1 for a person to decide
Left out: bloated-index public.orders_a: it is dropped by this plan and need not be rebuilt first
"""

from alembic import context, op

revision = "86cb96dcce23"
down_revision = "4ae1c09d2b77"
branch_labels = None
depends_on = None

# Stops where this is not the database that the plan was made for, and after its time. In other databases (of a
# test, of another customer) it runs with: alembic -x indexwarden=anywhere upgrade head
PLACE = """DO $indexwarden$
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
end
$indexwarden$;"""

# What the checks of the steps share.
SESSION = """DO $indexwarden$
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
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
$indexwarden$;"""


def _run(*statements: str) -> None:
    bind = op.get_bind()
    for statement in statements:
        # As it stands: without parameters no driver takes % or : for a place to fill.
        bind.exec_driver_sql(statement, execution_options={"no_parameters": True})


def _require_connection() -> None:
    if op.get_context().as_sql:
        raise RuntimeError(
            "the checks of this migration need a database; for a script: indexwarden plan --format sql"
        )


def _begin(is_checked: bool) -> None:
    arguments = context.get_x_argument(as_dictionary=True)
    if is_checked and arguments.get("indexwarden") != "anywhere":
        _run(PLACE)
    else:
        _run("SET indexwarden.elsewhere = 'on'")
    _run(SESSION)


def _end() -> None:
    _run(
        "RESET lock_timeout",
        "RESET statement_timeout",
        "RESET indexwarden.plan",
        "RESET indexwarden.elsewhere",
    )


def upgrade() -> None:
    _require_connection()
    with op.get_context().autocommit_block():
        try:
            _begin(is_checked=True)

            # Step 1 of 7: create public.ix_orders_customer_id on public.orders (foreign key)
            # unindexed-foreign-key 998b381a19dd1ad0, proven: unindexed-foreign-key of orders
            # size about 2.1 MiB; time about 1 s; disk unknown, needs 2.1 MiB; WAL 2.1 MiB to each standby and slot (1 standby connected)
            # Locks: SHARE UPDATE EXCLUSIVE on the table: blocks no reads and no writes, waits for older transactions
            # Note: The index will take about 2.1 MiB. If the build fails it leaves an invalid index of that name: drop it before trying again.
            # If it fails: DROP INDEX CONCURRENTLY IF EXISTS public.ix_orders_customer_id;
            _run(
                """DO $indexwarden$
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
end
$indexwarden$;""",
                "SET lock_timeout = 0;",
                "SET statement_timeout = 0;",
                "CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_orders_customer_id ON public.orders (customer_id);",
                """DO $indexwarden$
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
  perform set_config('indexwarden.index', 'public.ix_orders_customer_id', true);
  execute current_setting('indexwarden.valid');
end
$indexwarden$;""",
            )

            # Step 2 of 7: create public.ix_customers_country on public.customers (filter)
            # missing-expected-index 29c6766a387e69c0, proven: missing-expected-index of customers
            # size about 3 MiB; time about 1 s; disk unknown, needs 3 MiB; WAL 3 MiB to each standby and slot (1 standby connected)
            # Locks: SHARE UPDATE EXCLUSIVE on the table: blocks no reads and no writes, waits for older transactions
            # Note: The index will take about 3 MiB. If the build fails it leaves an invalid index of that name: drop it before trying again.
            # If it fails: DROP INDEX CONCURRENTLY IF EXISTS public.ix_customers_country;
            _run(
                """DO $indexwarden$
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
end
$indexwarden$;""",
                "SET lock_timeout = 0;",
                "SET statement_timeout = 0;",
                "CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_customers_country ON public.customers (country);",
                "ANALYZE public.customers;",
                """DO $indexwarden$
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
  perform set_config('indexwarden.index', 'public.ix_customers_country', true);
  execute current_setting('indexwarden.valid');
end
$indexwarden$;""",
            )

            # Step 3 of 7: create public.ix_orders_a_customer_id on public.orders (composite)
            # missing-expected-index f657c16ccae179b5, proven: missing-expected-index of orders
            # size about 2.1 MiB; time about 1 s; disk unknown, needs 2.1 MiB; WAL 2.1 MiB to each standby and slot (1 standby connected)
            # Locks: SHARE UPDATE EXCLUSIVE on the table: blocks no reads and no writes, waits for older transactions
            # Note: The index will take about 2.1 MiB. If the build fails it leaves an invalid index of that name: drop it before trying again.
            # If it fails: DROP INDEX CONCURRENTLY IF EXISTS public.ix_orders_a_customer_id;
            _run(
                """DO $indexwarden$
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
end
$indexwarden$;""",
                "SET lock_timeout = 0;",
                "SET statement_timeout = 0;",
                "CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_orders_a_customer_id ON public.orders (a, customer_id);",
                "ANALYZE public.orders;",
                """DO $indexwarden$
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
  perform set_config('indexwarden.index', 'public.ix_orders_a_customer_id', true);
  execute current_setting('indexwarden.valid');
end
$indexwarden$;""",
            )

            # Step 4 of 7: rebuild public.orders_placed_at on public.orders
            # bloated-index 30bb28ab403aa749, proven: bloated-index of orders_placed_at
            # size now 40 MiB; time about 2 s; disk unknown, needs 15 MiB; WAL 15 MiB to each standby and slot (1 standby connected); frees 40 MiB
            # Locks: SHARE UPDATE EXCLUSIVE on the table: blocks no reads and no writes, waits for older transactions
            # Note: The time goes by policy.rebuildBytesPerSecond (10 MiB/s), since no build of a btree index was watched here yet. Interrupted, it leaves an index named …_ccnew behind, which this program reports and which can be dropped.
            # If it fails: DROP INDEX CONCURRENTLY IF EXISTS public.orders_placed_at_ccnew;
            _run(
                """DO $indexwarden$
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
end
$indexwarden$;""",
                "SET lock_timeout = 0;",
                "SET statement_timeout = 0;",
                "REINDEX INDEX CONCURRENTLY public.orders_placed_at;",
                """DO $indexwarden$
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
$indexwarden$;""",
            )

            # Step 5 of 7: drop public.orders_key on public.orders (batch 1)
            # invalid-index 7e66894c629db2c9, proven: invalid-index of orders_key
            # size 10 MiB; frees 10 MiB; to have it back takes about 1 s
            # Locks: SHARE UPDATE EXCLUSIVE on the table: blocks no reads and no writes, waits for older transactions
            # Note: Rebuilding it would take about 1 s.
            # If it fails: DROP INDEX CONCURRENTLY IF EXISTS public.orders_key;
            _run(
                """DO $indexwarden$
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
end
$indexwarden$;""",
                "SET lock_timeout = 0;",
                "SET statement_timeout = 0;",
                "DROP INDEX CONCURRENTLY IF EXISTS public.orders_key;",
                """DO $indexwarden$
declare
  found oid;
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
  found := to_regclass('public.orders_key');
  if found is not null then
    raise exception '% is still there', 'public.orders_key' using hint = 'A drop that was interrupted leaves an invalid index: run it again.';
  end if;
end
$indexwarden$;""",
            )

            # Step 6 of 7: drop public.Orders "note"\u{a}again on public.orders (batch 2)
            # duplicate-index 64f124427190a045, proven: duplicate-index of Orders "note"\u{a}again
            # size 10 MiB; frees 10 MiB; to have it back takes about 1 s
            # Locks: SHARE UPDATE EXCLUSIVE on the table: blocks no reads and no writes, waits for older transactions
            # Note: Rebuilding it would take about 1 s.
            # If it fails: DROP INDEX CONCURRENTLY IF EXISTS public."Orders ""note""\u{a}again";
            # Not before 2026-03-08 12:00 UTC; make a new plan then.
            # SET lock_timeout = 0;
            # SET statement_timeout = 0;
            # DROP INDEX CONCURRENTLY IF EXISTS public."Orders ""note""
            # again";

            # Step 7 of 7: drop public.orders_a on public.orders (batch 3)
            # unused-index cab8ab310824dbf6, possible: orders_a on public.orders (a), 3 MiB, was not scanned once in 60 d
            # size 3 MiB; frees 3 MiB; to have it back takes about 1 s
            # Locks: SHARE UPDATE EXCLUSIVE on the table: blocks no reads and no writes, waits for older transactions
            # Note: Rebuilding it would take about 1 s.
            # Caveat: A standby that nobody configured may use it.
            # If it fails: DROP INDEX CONCURRENTLY IF EXISTS public.orders_a;
            # Not before 2026-03-15 12:00 UTC; make a new plan then.
            # SET lock_timeout = 0;
            # SET statement_timeout = 0;
            # DROP INDEX CONCURRENTLY IF EXISTS public.orders_a;
        finally:
            _end()


def downgrade() -> None:
    _require_connection()
    with op.get_context().autocommit_block():
        try:
            _begin(is_checked=False)

            # Undo step 5: drop public.orders_key on public.orders (batch 1)
            # -- The leftover is not brought back. What it was meant to be:
            # -- CREATE UNIQUE INDEX CONCURRENTLY orders_key ON public.orders USING btree (a, id);

            # Undo step 3: create public.ix_orders_a_customer_id on public.orders (composite)
            _run(
                """DO $indexwarden$
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
  if current_setting('indexwarden.plan', true) is distinct from '86cb96dcce23' then
    raise exception 'run the check at the top of plan 86cb96dcce23 first, in this session';
  end if;
  perform set_config('indexwarden.table', 'public.orders', true);
  execute current_setting('indexwarden.blockers');
end
$indexwarden$;""",
                "SET lock_timeout = 0;",
                "SET statement_timeout = 0;",
                "DROP INDEX CONCURRENTLY IF EXISTS public.ix_orders_a_customer_id;",
                """DO $indexwarden$
declare
  found oid;
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
  found := to_regclass('public.ix_orders_a_customer_id');
  if found is not null then
    raise exception '% is still there', 'public.ix_orders_a_customer_id' using hint = 'A drop that was interrupted leaves an invalid index: run it again.';
  end if;
end
$indexwarden$;""",
            )

            # Undo step 2: create public.ix_customers_country on public.customers (filter)
            _run(
                """DO $indexwarden$
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
  if current_setting('indexwarden.plan', true) is distinct from '86cb96dcce23' then
    raise exception 'run the check at the top of plan 86cb96dcce23 first, in this session';
  end if;
  perform set_config('indexwarden.table', 'public.customers', true);
  execute current_setting('indexwarden.blockers');
end
$indexwarden$;""",
                "SET lock_timeout = 0;",
                "SET statement_timeout = 0;",
                "DROP INDEX CONCURRENTLY IF EXISTS public.ix_customers_country;",
                """DO $indexwarden$
declare
  found oid;
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
  found := to_regclass('public.ix_customers_country');
  if found is not null then
    raise exception '% is still there', 'public.ix_customers_country' using hint = 'A drop that was interrupted leaves an invalid index: run it again.';
  end if;
end
$indexwarden$;""",
            )

            # Undo step 1: create public.ix_orders_customer_id on public.orders (foreign key)
            _run(
                """DO $indexwarden$
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
  if current_setting('indexwarden.plan', true) is distinct from '86cb96dcce23' then
    raise exception 'run the check at the top of plan 86cb96dcce23 first, in this session';
  end if;
  perform set_config('indexwarden.table', 'public.orders', true);
  execute current_setting('indexwarden.blockers');
end
$indexwarden$;""",
                "SET lock_timeout = 0;",
                "SET statement_timeout = 0;",
                "DROP INDEX CONCURRENTLY IF EXISTS public.ix_orders_customer_id;",
                """DO $indexwarden$
declare
  found oid;
begin
  perform pg_catalog.set_config('search_path', 'pg_catalog', true);
  found := to_regclass('public.ix_orders_customer_id');
  if found is not null then
    raise exception '% is still there', 'public.ix_orders_customer_id' using hint = 'A drop that was interrupted leaves an invalid index: run it again.';
  end if;
end
$indexwarden$;""",
            )
        finally:
            _end()
