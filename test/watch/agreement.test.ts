import { beforeAll, expect, test } from 'vitest';
import type { Generation } from '../../src/findings/generation.ts';
import { findingKinds } from '../../src/model/finding.ts';
import { look, runPrinted, statementsOf, summaries } from '../support/look.ts';
import {
  aFewMajors,
  createDatabase,
  describeOnPostgres,
  postgresMajors,
  withConnection,
} from '../support/postgres.ts';
import { eventually } from '../support/processes.ts';
import { uncommented } from './index-rows.ts';

const parent = `
  create table p (id int primary key, x int, y int, unique (x, y));
  insert into p select g, g, g from generate_series(1, 2000) g; analyze p;`;
const childOf = (constraints: string): string => `
  create table c (a int, b int, x int, y int, note text ${constraints});
  insert into c select g, g, g, g, 'n' || g from generate_series(1, 2000) g; analyze c;`;
const onA = ', foreign key (a) references p';
const tree = (constraints: string): string => `
  create table h (d int, a int, b int ${constraints}) partition by range (d);
  create table h1 partition of h for values from (0) to (1000);
  create table h2 partition of h for values from (1000) to (3000);
  insert into h select g, g, g from generate_series(1, 2000) g; analyze h;`;

/** One schema a case. Nothing is ever scanned, so that every plain index is unused besides whatever else it is. */
const cases: Readonly<Record<string, string>> = {
  copies: `${childOf('')} create index one on c (a); create index two on c (a); create index three on c (a)`,
  copies_and_wider: `${childOf('')} create index one on c (a); create index two on c (a desc); create index wide on c (a, b)`,
  chain: `${childOf('')} create index a on c (a); create index ab on c (a, b); create index abx on c (a, b, x); create index ba on c (b, a)`,
  covered_by_unique: `${childOf('')} create index plain on c (a); create unique index u on c (a); alter table c add constraint k unique (a)`,
  key_one: `${parent} ${childOf(onA)} create index i on c (a)`,
  key_copies: `${parent} ${childOf(onA)} create index i on c (a); create index j on c (a); create index wide on c (a, note)`,
  key_strangers: `${parent} ${childOf(onA)} create index i on c (a, b); create index j on c (a, note); create index h on c using hash (a)`,
  key_partial: `${parent} ${childOf(onA)} create index i on c (a) where a is not null; create index j on c (a) where b = 3`,
  key_two_columns: `${parent} ${childOf(`${onA}, foreign key (x, y) references p (x, y)`)} create index xy on c (x, y); create index yx on c (y, x, b); create index a on c (a, x)`,
  two_keys_one_index: `${parent} ${childOf(`${onA}, foreign key (a, b) references p (x, y)`)} create index ab on c (a, b); create index a on c (a)`,
  tree_parent: `${parent} ${tree(onA)} create index i on h (a); create index j on h (a, b)`,
  tree_private: `${parent} ${tree(onA)} create index i1 on h1 (a); create index i2 on h2 (a); create index j2 on h2 (a, b)`,
  tree_mixed: `${parent} ${tree(onA)} create index i on h (a); create index i1 on h1 (a, b)`,
  tree_key_below: `${parent} ${tree('')} alter table h1 add foreign key (a) references p; create index i on h (a)`,
};

const majors = await postgresMajors(aFewMajors());

describeOnPostgres(majors, (server) => {
  let url: string;
  let generation: Generation;
  beforeAll(async () => {
    const database = await createDatabase(server(), 'agreement');
    url = database.url;
    await withConnection(url, async (client) => {
      for (const [schemaname, sql] of Object.entries(cases)) {
        await client.query(`create schema ${schemaname}; set search_path = ${schemaname}; ${sql}`);
        await client.query(`select count(*) from ${schemaname}.${schemaname.startsWith('tree') ? 'h' : 'c'}`);
      }
    });
    await withConnection(url, (client) =>
      eventually('the reads to be counted', async () => {
        const { rowCount } = await client.query(
          "select from pg_stat_user_tables where relname in ('c', 'h1', 'h2') and seq_scan < 1",
        );
        return rowCount === 0;
      }),
    );
    generation = await look(url);
  });

  const dropsIn = ({ findings }: Generation) =>
    findings.filter(({ fix, indexrelname }) => fix.sql !== null && indexrelname !== null);
  const keys = (of: readonly { readonly schemaname: string; readonly indexrelname: string | null }[]) =>
    of.map(({ schemaname, indexrelname }) => `${schemaname}.${indexrelname}`);
  const keptIn = ({ findings }: Generation) =>
    keys(findings.flatMap(({ related }) => related.filter(({ role }) => role === 'keep')));

  test('no index is kept by one finding and dropped by another', () => {
    const kept = new Set(keptIn(generation));
    expect(kept.size).toBeGreaterThan(4);
    expect(keys(dropsIn(generation)).filter((name) => kept.has(name))).toEqual([]);
  });

  test('no index is dropped by two findings of one kind', () => {
    const named = summaries(generation.findings.filter(({ indexrelname }) => indexrelname !== null));
    expect(named).toEqual([...new Set(named)]);
  });

  test('never every copy', () => {
    const dropped = new Set(keys(dropsIn(generation)));
    expect([...dropped].filter((name) => /^copies\./.test(name))).toHaveLength(2);
  });

  test('bytes to reclaim count an index once, however many findings name it', () => {
    const sizes = new Map(
      generation.findings
        .filter(
          ({ state, fix, impact }) => state === 'open' && fix.sql !== null && impact.reclaimableBytes > 0,
        )
        .map(({ schemaname, indexrelname, impact }) => [
          `${schemaname}.${indexrelname}`,
          impact.reclaimableBytes,
        ]),
    );
    const total = [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
    const named = generation.findings.filter(({ impact }) => impact.reclaimableBytes > 0);
    expect(named.length).toBeGreaterThan(sizes.size);
    expect(generation.reclaimableTotalBytes).toBe(total);
    for (const { impact, schemaname, indexrelname } of named) {
      const index = generation.catalogue.indexes.find(
        ({ name, table }) => name === indexrelname && table.schemaname === schemaname,
      );
      expect(impact.reclaimableBytes).toBe(index?.sizeBytes);
    }
  });

  test('every kind asked for alone is all there is', async () => {
    for (const kind of findingKinds) {
      const { findings, inconclusive } = await look(url, { only: [kind] });
      expect([...findings, ...inconclusive].filter((said) => said.kind !== kind)).toEqual([]);
    }
  });

  test('whoever follows all advice, again and again, leaves every foreign key with its index', async () => {
    const unindexed = ({ findings }: Generation) =>
      summaries(findings.filter(({ kind }) => kind === 'unindexed-foreign-key'));
    expect(unindexed(generation)).toEqual([]);
    let current = generation;
    for (let round = 0; dropsIn(current).length > 0; round += 1) {
      expect(round, `still advised: ${summaries(dropsIn(current))}`).toBeLessThan(6);
      const kept = new Set(keptIn(current));
      const done = new Set<string>();
      for (const { schemaname, indexrelname, fix } of dropsIn(current)) {
        const name = `${schemaname}.${indexrelname}`;
        // Unused and a copy besides: the first script has dropped it.
        if (done.has(name)) continue;
        done.add(name);
        const isCommentedOut = statementsOf(fix.sql ?? '').length === 0;
        await runPrinted(url, isCommentedOut ? uncommented(fix.sql ?? '') : fix.sql);
      }
      current = await look(url);
      expect(unindexed(current)).toEqual([]);
      const left = new Set(current.catalogue.indexes.map(({ name, table }) => `${table.schemaname}.${name}`));
      expect([...kept].filter((name) => !left.has(name))).toEqual([]);
    }
  });
});
