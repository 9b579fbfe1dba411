import pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Generation } from '../../src/findings/generation.ts';
import type { Finding } from '../../src/model/finding.ts';
import { look, runPrinted, statementsOf } from '../support/look.ts';
import {
  createDatabase,
  describeOnPostgres,
  oldestAndNewest,
  postgresMajors,
  runOn,
  withConnection,
} from '../support/postgres.ts';
import { eventually } from '../support/processes.ts';
import { indexRows, missingFrom, uncommented } from './index-rows.ts';

/** Each name is used, behind one letter, for a schema, tables, columns, indexes and constraints. 62 bytes at most. */
const hostileNames: readonly string[] = [
  'plain',
  'UpperCase',
  'with space.and.dots',
  'weird"; drop table x; --',
  "it's '' quoted",
  'a%b\\c%s',
  'back\\\\slash\\',
  '{x}{{.Values}}$y',
  'new\nline\r\n-- comment',
  '<script>alert(1)</script>',
  '/* comment */',
  '😀👩‍👩‍👧',
  '$indexwarden$; select 1; $indexwarden$',
  '-- order by',
  'ж'.repeat(31),
];

/** Names as they are, in place of a schema. */
const bareNames: readonly string[] = ['order', 'SELECT', '""', '\n'];

const q = (name: string): string => pg.escapeIdentifier(name);

/** One finding of every kind that prints SQL, on tables and columns of that name. */
function describeSchema(base: string, schemaname: string): readonly string[] {
  const name = (letter: string): string => q(letter + base);
  const on = (letter: string): string => `${q(schemaname)}.${name(letter)}`;
  const [t, p, c, d, e, f] = [on('t'), on('p'), name('c'), name('d'), name('e'), name('f')];
  return [
    `create schema ${q(schemaname)}`,
    `create table ${on('r')} (${c} int primary key)`,
    `insert into ${on('r')} select generate_series(1, 1500)`,
    `create table ${t} (${c} int, ${d} int, ${e} text, ${f} int)`,
    `insert into ${t} select g, g, 's' || g, g from generate_series(1, 1500) g`,
    // An exact copy, with what a definition does not say; and a clustered one that a wider covers.
    `create index ${name('i')} on ${t} (${c})`,
    `create index ${name('j')} on ${t} (${c}) with (fillfactor = 80)`,
    `comment on index ${on('j')} is ${pg.escapeLiteral(`of ${base}`)}`,
    `create index ${name('m')} on ${t} (${e})`,
    `create index ${name('n')} on ${t} (${e}, ${c})`,
    `alter table ${t} cluster on ${name('m')}`,
    // Two constraints with one promise.
    `alter table ${t} add constraint ${name('u')} unique (${d}) deferrable initially deferred`,
    `alter table ${t} add constraint ${name('v')} unique (${d}) with (fillfactor = 70) deferrable initially deferred`,
    // Unused, on an expression, partial.
    `create index ${name('k')} on ${t} (lower(${e}), (${f} + 1)) where ${c} <> 3 and ${e} <> ${pg.escapeLiteral(base)}`,
    `alter table ${t} add constraint ${name('x')} foreign key (${f}) references ${on('r')}`,
    // A partition tree with a copy, and a foreign key without an index.
    `create table ${p} (${c} int, ${d} int, ${f} int) partition by range (${c})`,
    `create table ${on('1')} partition of ${p} for values from (0) to (1000)`,
    `create table ${on('2')} partition of ${p} for values from (1000) to (3000)`,
    `insert into ${p} select g, g, g from generate_series(1, 1500) g`,
    `create index ${name('y')} on ${p} (${d})`,
    `create index ${name('z')} on ${p} (${d} desc)`,
    `alter table ${p} add constraint ${name('w')} foreign key (${f}) references ${on('r')}`,
    // A failed build, which runs outside a transaction.
    `create table ${on('b')} (${c} int, ${d} int)`,
    `insert into ${on('b')} select g, 7 from generate_series(1, 1500) g`,
    `create unique index concurrently ${name('g')} on ${on('b')} (${d})`,
    ...['r', 't', 'p', 'b'].flatMap((letter) => [
      `analyze ${on(letter)}`,
      `select count(*) from ${on(letter)}`,
    ]),
  ];
}

const majors = await postgresMajors(oldestAndNewest());

describeOnPostgres(majors, (server) => {
  let url: string;
  let generation: Generation;
  const schemas = [
    ...hostileNames.map((base) => [base, `s${base}`] as const),
    ...bareNames.map((schemaname) => ['x', schemaname] as const),
  ];
  beforeAll(async () => {
    const database = await createDatabase(server(), 'hostile "names" %');
    url = database.url;
    await withConnection(url, async (client) => {
      for (const [base, schemaname] of schemas) {
        for (const statement of describeSchema(base, schemaname)) {
          await client.query(statement).catch((error: Error) => {
            if (!/could not create unique index/.test(error.message)) throw error;
          });
        }
      }
    });
    await withConnection(url, (client) =>
      eventually('the reads to be counted', async () => {
        const { rowCount } = await client.query(
          "select from pg_stat_user_tables where relname ~ '^[rtb12]' and seq_scan < 1",
        );
        return rowCount === 0;
      }),
    );
    generation = await look(url);
  });

  const ofSchema = (schemaname: string): readonly Finding[] =>
    generation.findings.filter((finding) => finding.schemaname === schemaname);

  test('nothing was left out and nothing failed', () => {
    expect(generation.inconclusive).toEqual([]);
    expect(new Set(generation.findings.map(({ schemaname }) => schemaname))).toEqual(
      new Set(schemas.map(([, schemaname]) => schemaname)),
    );
  });

  test.each(schemas)('the names of %j in schema %j arrive whole', (base, schemaname) => {
    const found = ofSchema(schemaname);
    const about = (kind: string) =>
      found
        .filter((finding) => finding.kind === kind)
        .map(({ indexrelname, relname }) => indexrelname ?? relname)
        .toSorted();
    const [copy] = found.filter(({ indexrelname }) => indexrelname === `j${base}`);
    expect(copy).toMatchObject({ relname: `t${base}`, columns: [`c${base}`] });
    expect(copy?.related[0]).toMatchObject({ schemaname, indexrelname: `i${base}` });
    expect(about('duplicate-index')).toEqual([`j${base}`, `v${base}`, `z${base}`].toSorted());
    expect(about('redundant-index')).toEqual([`m${base}`]);
    expect(about('unused-index')).toContain(`k${base}`);
    expect(about('invalid-index')).toEqual([`g${base}`]);
    expect(about('unindexed-foreign-key')).toEqual([`p${base}`, `t${base}`].toSorted());
  });

  describe('printed SQL', () => {
    test('runs as it stands, drops exactly what is meant, says that it took, and can be undone', async () => {
      const printed = generation.findings.filter(({ fix }) => fix.sql !== null);
      expect(printed.length).toBeGreaterThanOrEqual(schemas.length * 7);
      let before = await indexRows(url);
      for (const { fix, kind, title, schemaname, indexrelname } of printed) {
        const isCommentedOut = statementsOf(fix.sql ?? '').length === 0;
        const sql = isCommentedOut ? uncommented(fix.sql ?? '') : fix.sql;
        const done = await runPrinted(url, fix.preflightSql, sql, fix.verifySql).catch((error: Error) => {
          throw new Error(`${title}\n${sql}\n${error.message}`);
        });
        if (fix.verifySql !== null) expect(done.at(-1)?.rows, title).toEqual([{ done: true }]);
        const after = await indexRows(url);
        const gone = missingFrom(after, before);
        if (indexrelname !== null) expect(gone, title).toContain(`${schemaname}.${indexrelname}`);
        // Beside a partitioned index its partitions, which belong to it.
        if (!isCommentedOut) expect(gone, title).toHaveLength(indexrelname === null ? 0 : 1);
        if (fix.rollbackSql === null || kind === 'invalid-index') {
          before = after;
          continue;
        }
        const isUndoCommentedOut = statementsOf(fix.rollbackSql).length === 0;
        const undo = isUndoCommentedOut ? uncommented(fix.rollbackSql) : fix.rollbackSql;
        await runPrinted(url, undo).catch((error: Error) => {
          throw new Error(`${title}\n${undo}\n${error.message}`);
        });
        expect(await indexRows(url), title).toEqual(before);
      }
    });

    test('leaves no statistics objects behind once undone', async () => {
      await withConnection(url, async (client) => {
        const { rows } = await client.query('select stxname from pg_statistic_ext');
        expect(rows).toEqual([]);
      });
    });
  });

  test('the preflight stops before what would hold the script up', async () => {
    const [found] = ofSchema('splain').filter(({ fix }) => /DO \$/.test(fix.preflightSql ?? ''));
    const preflight = found?.fix.preflightSql ?? '';
    await runPrinted(url, preflight);
    const slot = `idle_${process.pid}`;
    await runOn(url, `select pg_create_physical_replication_slot('${slot}')`);
    try {
      await expect(runPrinted(url, preflight)).rejects.toThrow(`replication slot ${slot} is inactive`);
    } finally {
      await runOn(url, `select pg_drop_replication_slot('${slot}')`);
    }
  });

  test('the preflight stops a script whose index is gone', async () => {
    const [found] = ofSchema('s$indexwarden$; select 1; $indexwarden$').filter(
      ({ kind, fix }) => kind === 'duplicate-index' && /DO \$/.test(fix.preflightSql ?? ''),
    );
    await runOn(url, `drop index ${q(found?.schemaname ?? '')}.${q(found?.indexrelname ?? '')}`);
    await expect(runPrinted(url, found?.fix.preflightSql ?? '')).rejects.toThrow(/the index is gone/);
  });
});
