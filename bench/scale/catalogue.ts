import pg from 'pg';

/*
 * Wide catalogues as applications make them: modules of five tables with foreign keys between them, every fifth with a partitioned
 * table beside them, spread over schemas. Keys, composite, partial, expression, covering, unique, GIN and hash indexes, and here
 * and there an exact copy, a prefix of another, a foreign key without an index.
 */

/** Indexes of one module, by its number; {@link moduleFunction} makes them. */
function indexesOfModule(module: number): number {
  const partitioned = module % 5 === 0 ? 13 * 3 : 0;
  return 21 + (module % 4 === 0 ? 1 : 0) + (module % 10 === 0 ? 1 : 0) + partitioned;
}

/** How many modules have about so many indexes, and how many those are exactly. */
export function modulesFor(indexes: number): { readonly modules: number; readonly indexes: number } {
  let [modules, made] = [0, 0];
  while (made + indexesOfModule(modules) / 2 < indexes || modules === 0) {
    made += indexesOfModule(modules);
    modules += 1;
  }
  return { modules, indexes: made };
}

/** One schema for each so many modules: some hundred tables in each. */
const modulesPerSchema = 30;
/** A transaction locks what it creates until its end, and each backend keeps what it has seen of relations. */
const modulesPerTransaction = 25;

/** Rows are few, since files and not rows make a wide catalogue; one module in fifty has a table of some size. */
const moduleFunction = `
create function make_module(m int) returns void language plpgsql as $make$
declare
  s text := 'app_' || (m / ${modulesPerSchema});
  many int := case when m % 50 = 7 then 5000 else 20 end;
begin
  execute format($sql$
    create table %1$I.account_%2$s (id bigint primary key, email text not null, country text, city text, referrer bigint,
      created_at timestamptz not null default now(), balance numeric);
    create table %1$I.product_%2$s (id int primary key, sku text not null, category int, price numeric, attributes jsonb);
    create table %1$I.purchase_%2$s (id bigint primary key, account_id bigint not null references %1$I.account_%2$s,
      external_ref uuid not null, status text not null, amount numeric, created_at timestamptz not null);
    create table %1$I.line_%2$s (purchase_id bigint not null references %1$I.purchase_%2$s, position int not null,
      product_id int not null references %1$I.product_%2$s, quantity int, primary key (purchase_id, position));
    create table %1$I.audit_%2$s (id bigint generated always as identity primary key, entity_id bigint, actor text, session uuid,
      approver bigint references %1$I.account_%2$s, at timestamptz not null);

    insert into %1$I.account_%2$s select g, 'person' || g || '@example.org', 'country ' || g %% 7, 'city ' || g, null, now() - g * interval '1 hour', g
      from generate_series(1, 20) g;
    insert into %1$I.product_%2$s select g, 'sku-' || g, g %% 5, g, '{"colour": "blue"}' from generate_series(1, 20) g;
    insert into %1$I.purchase_%2$s select g, 1 + g %% 20, gen_random_uuid(), case when g %% 9 = 0 then 'open' else 'done' end, g, now() - g * interval '1 minute'
      from generate_series(1, %3$s) g;
    insert into %1$I.line_%2$s select g, 1, 1 + g %% 20, 3 from generate_series(1, 20) g;
    insert into %1$I.audit_%2$s (entity_id, actor, session, approver, at) select g, 'actor ' || g, gen_random_uuid(), 1, now() - g * interval '1 minute'
      from generate_series(1, 20) g;

    create unique index account_%2$s_email on %1$I.account_%2$s (lower(email));
    create index account_%2$s_place on %1$I.account_%2$s (country, city);
    create index account_%2$s_created on %1$I.account_%2$s (created_at desc);
    create index account_%2$s_referrer on %1$I.account_%2$s (referrer) where referrer is not null;
    create unique index product_%2$s_sku on %1$I.product_%2$s (sku);
    create index product_%2$s_category on %1$I.product_%2$s (category, price);
    create index product_%2$s_attributes on %1$I.product_%2$s using gin (attributes);
    create index purchase_%2$s_account on %1$I.purchase_%2$s (account_id, created_at desc) include (amount);
    create index purchase_%2$s_open on %1$I.purchase_%2$s (status) where status <> 'done';
    alter table %1$I.purchase_%2$s add constraint purchase_%2$s_ref unique (external_ref);
    create index purchase_%2$s_created on %1$I.purchase_%2$s (created_at);
    create index purchase_%2$s_month on %1$I.purchase_%2$s (date_trunc('month', created_at at time zone 'utc'), status);
    create index line_%2$s_product on %1$I.line_%2$s (product_id, quantity);
    create index audit_%2$s_entity on %1$I.audit_%2$s (entity_id, at);
    create index audit_%2$s_actor on %1$I.audit_%2$s (upper(actor));
    create index audit_%2$s_session on %1$I.audit_%2$s using hash (session);
  $sql$, s, m, many);
  if m % 4 = 0 then
    execute format('create index line_%2$s_product_only on %1$I.line_%2$s (product_id)', s, m);
  end if;
  if m % 10 = 0 then
    execute format('create index audit_%2$s_entity_copy on %1$I.audit_%2$s (entity_id, at)', s, m);
  end if;
  if m % 5 = 0 then
    execute format($sql$
      create table %1$I.event_%2$s (id bigint not null, at date not null, kind int, actor_id bigint, payload text, primary key (id, at)) partition by range (at);
      create index event_%2$s_kind on %1$I.event_%2$s (kind, at);
      create index event_%2$s_actor on %1$I.event_%2$s (actor_id) where actor_id is not null;
    $sql$, s, m);
    for month in 1..12 loop
      execute format('create table %1$I.event_%2$s_%3$s partition of %1$I.event_%2$s for values from (%4$L) to (%5$L)',
        s, m, month, make_date(2026, month, 1), make_date(2026, month, 1) + interval '1 month');
    end loop;
    execute format($sql$
      insert into %1$I.event_%2$s select g, make_date(2026, 1 + g %% 12, 3), g %% 3, nullif(g %% 5, 0), 'text' from generate_series(1, 60) g
    $sql$, s, m);
  end if;
end
$make$`;

/** A read of a hundredth of the tables by their primary key, so that counters have changed. */
const workloadFunction = `
create function read_some(part int) returns bigint language plpgsql set enable_seqscan = off as $read$
declare
  found_rows bigint := 0;
  rows bigint;
  one record;
begin
  for one in
    select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname like 'app\\_%' and c.relname like 'account\\_%' and c.relkind = 'r' and c.oid::int8 % 5 = part % 5
  loop
    execute format('select count(*) from %I.%I where id = 3', one.nspname, one.relname) into rows;
    found_rows := found_rows + rows;
  end loop;
  return found_rows;
end
$read$`;

export interface CatalogueFacts {
  readonly indexes: number;
  readonly tables: number;
  readonly schemas: number;
}

/** Fills an empty database. `urls` are connections to it as a superuser, one for each core that is to help. */
export async function buildCatalogue(
  url: string,
  indexes: number,
  log: (line: string) => void,
  helpers = 2,
): Promise<CatalogueFacts> {
  const { modules } = modulesFor(indexes);
  const schemas = Math.ceil(modules / modulesPerSchema);
  const began = performance.now();
  await withClient(url, async (client) => {
    await client.query(moduleFunction);
    await client.query(workloadFunction);
    for (let schema = 0; schema < schemas; schema += 1) await client.query(`create schema app_${schema}`);
  });
  let next = 0;
  let said = 0;
  const build = async (): Promise<void> => {
    while (next < modules) {
      const from = next;
      next = Math.min(modules, from + modulesPerTransaction);
      const to = next;
      // A new session now and then: what a backend has seen of relations it keeps, and a hundred thousand are a gigabyte.
      await withClient(url, (client) =>
        client.query(`do $$ begin for m in ${from}..${to - 1} loop perform make_module(m); end loop; end $$`),
      );
      const share = Math.floor((10 * next) / modules);
      if (share > said) {
        said = share;
        log(`  ${share * 10} % after ${((performance.now() - began) / 1000).toFixed(0)} s`);
      }
    }
  };
  await Promise.all(Array.from({ length: helpers }, build));
  let analysed = 0;
  const analyse = async (): Promise<void> => {
    while (analysed < schemas) {
      const schema = `app_${analysed}`;
      analysed += 1;
      await withClient(url, async (client) => {
        const { rows } = await client.query<{ names: string | null }>(
          `select string_agg(format('%I.%I', '${schema}', relname), ', ') as names from pg_class
           where relnamespace = '${schema}'::regnamespace and relkind in ('r', 'p') and not relispartition`,
        );
        if (rows[0]?.names != null) await client.query(`analyze ${rows[0].names}`);
      });
    }
  };
  await Promise.all(Array.from({ length: helpers }, analyse));
  return withClient(url, async (client) => {
    await client.query(
      'vacuum (analyze) pg_catalog.pg_class, pg_catalog.pg_attribute, pg_catalog.pg_index, pg_catalog.pg_constraint, pg_catalog.pg_depend, pg_catalog.pg_inherits, pg_catalog.pg_statistic, pg_catalog.pg_type',
    );
    await client.query('checkpoint');
    return factsOf(client);
  });
}

export const catalogueFacts = (url: string): Promise<CatalogueFacts> => withClient(url, factsOf);

async function factsOf(client: pg.Client): Promise<CatalogueFacts> {
  const { rows } = await client.query<{ indexes: number; tables: number; schemas: number }>(
    `select (count(*) filter (where c.relkind in ('i', 'I')))::int as indexes,
       (count(*) filter (where c.relkind in ('r', 'p')))::int as tables, count(distinct n.oid)::int as schemas
     from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname like 'app\\_%'`,
  );
  return rows[0]!;
}

export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
