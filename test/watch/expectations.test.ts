import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Generation } from '../../src/findings/generation.ts';
import type { Finding } from '../../src/model/finding.ts';
import { look, runPrinted, statementsOf, summaries } from '../support/look.ts';
import {
  aFewMajors,
  createDatabase,
  describeOnPostgres,
  postgresMajors,
  withConnection,
} from '../support/postgres.ts';
import { createRole } from '../support/roles.ts';

/*
 * Expected indexes of every shape, on real tables: missing, there under another name, and almost there. Rows are few; only what is
 * compared matters.
 */

const folder = mkdtempSync(path.join(tmpdir(), 'expectations-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function manifest(text: string): string {
  const file = path.join(folder, `${Math.abs(hash(text))}.yaml`);
  writeFileSync(file, text);
  return file;
}
const hash = (text: string): number =>
  [...text].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) | 0, 7);

const tables = `
create schema "Odd ""app";
create domain email as varchar(100);
create type mood as enum ('good', 'bad');
create table t (
  id int primary key, a int not null, b int, status varchar(20), note text, doc jsonb, tags text[], mail email,
  feeling mood, at timestamptz, span int4range, c text collate "C");
create table "Odd ""app"."T able" ("Col ""1" int, "select" text);
create table tree (id int, d int, v text) partition by range (d);
create table tree1 partition of tree for values from (0) to (10);
create table tree2 partition of tree for values from (10) to (20) partition by range (d);
create table tree2a partition of tree2 for values from (10) to (15);
insert into t select g, g, g % 3, 'x', 'n' || g from generate_series(1, 1000) g;
analyze t`;

/** Each is missing at first; what is created for it must satisfy it. */
const shapes: Readonly<Record<string, string>> = {
  plain: 'table: t, columns: [a]',
  mixed: 'table: t, columns: [a desc, b nulls first, {column: status, order: desc, nulls: last}]',
  payload: 'table: t, columns: [a], include: [note, b]',
  partial: "table: t, columns: [b], predicate: \"status in ('x', 'y') and note is not null\"",
  expression: 'table: t, columns: [{expression: lower(status)}, {expression: "b + 1", order: desc}]',
  pattern: 'table: t, columns: [{column: status, opclass: varchar_pattern_ops}]',
  pattern_qualified: 'table: t, columns: [{column: note, opclass: pg_catalog.text_pattern_ops}]',
  collated: 'table: t, columns: [{column: note, collation: C}, a]',
  own_collation: 'table: t, columns: [c]',
  unique: 'table: t, columns: [a, id], unique: true',
  gin: 'table: t, method: gin, columns: [{column: doc, opclass: jsonb_path_ops}]',
  gin_default: 'table: t, method: gin, columns: [doc]',
  gin_array: 'table: t, method: gin, columns: [tags]',
  domain: 'table: t, columns: [mail]',
  enum: 'table: t, columns: [feeling, at]',
  hash: 'table: t, method: hash, columns: [note]',
  brin: 'table: t, method: brin, columns: [at, a]',
  gist: 'table: t, method: gist, columns: [span]',
  odd: "schema: 'Odd \"app', table: 'T able', columns: ['Col \"1', select], predicate: '\"select\" > ''a'''",
  tree: 'table: tree, columns: [v]',
  tree_unique: 'table: tree, columns: [id, d], unique: true',
};

const listing = (only: readonly string[] = Object.keys(shapes)): string =>
  `indexes:\n${only.map((name) => `  - {name: ix_${name}, ${shapes[name]}}`).join('\n')}\n`;

const majors = await postgresMajors(aFewMajors());

describeOnPostgres(majors, (server, major) => {
  const missing = ({ findings }: Generation): ReadonlyMap<unknown, Finding> =>
    new Map(
      findings
        .filter(({ kind }) => kind === 'missing-expected-index')
        .map((finding) => [finding.evidence.expectedIndex, finding]),
    );
  const lookFor = (url: string, text: string): Promise<Generation> =>
    look(url, { expectations: [manifest(text)], only: ['missing-expected-index'] });
  const fresh = async (): Promise<string> => {
    const { url } = await createDatabase(server(), 'expectations');
    await withConnection(url, (client) => client.query(tables));
    return url;
  };
  const run = (url: string, sql: string) => withConnection(url, (client) => client.query(sql));

  describe('an expected index of every shape', () => {
    let url: string;
    let before: Generation;
    beforeAll(async () => {
      url = await fresh();
      before = await lookFor(url, listing());
    });

    test('is missing at first', () => {
      expect(before.inconclusive).toEqual([]);
      expect([...missing(before).keys()].sort()).toEqual(
        Object.keys(shapes)
          .map((name) => `ix_${name}`)
          .sort(),
      );
    });

    test('is satisfied by what the printed SQL makes, which has its name and verifies itself', async () => {
      for (const [name, { fix }] of missing(before)) {
        const results = await runPrinted(url, fix.preflightSql, fix.sql, fix.verifySql);
        expect(results.at(-1)?.rows, `${name}`).toEqual([{ done: true }]);
      }
      const after = await lookFor(url, listing());
      expect(summaries(after.findings)).toEqual([]);
      expect(after.inconclusive).toEqual([]);
    });

    test('is satisfied under any other name', async () => {
      await run(
        url,
        Object.keys(shapes)
          .map((name) =>
            name === 'odd'
              ? 'alter index "Odd ""app".ix_odd rename to "other odd"'
              : `alter index ix_${name} rename to other_${name}`,
          )
          .join(';'),
      );
      const generation = await lookFor(url, listing());
      expect(summaries(generation.findings)).toEqual([]);
      const said = generation.expectations?.map(({ expectedIndex, state, satisfiedBy }) => [
        ...[expectedIndex, state, ...satisfiedBy],
      ]);
      expect(said).toEqual(
        Object.keys(shapes).map((name) => [
          ...[`ix_${name}`, 'satisfied', name === 'odd' ? 'other odd' : `other_${name}`],
        ]),
      );
    });

    test('is seen by a role with pg_monitor alone', async () => {
      const role = await createRole(server(), 'watcher', { groups: ['pg_monitor'] });
      const seen = await lookFor(role.url(new URL(url).pathname.slice(1)), listing());
      expect(seen.findings).toEqual([]);
      expect(seen.inconclusive).toEqual([]);
    });
  });

  test('what the printed rollback drops is missing again', async () => {
    const url = await fresh();
    const wanted = listing(['plain', 'tree', 'unique']);
    const before = missing(await lookFor(url, wanted));
    for (const { fix } of before.values()) await runPrinted(url, fix.preflightSql, fix.sql);
    for (const { fix } of before.values()) {
      // Of a partitioned index it is commented out, since it takes an exclusive lock.
      const isRunnable = statementsOf(fix.rollbackSql ?? '').length > 0;
      await runPrinted(url, isRunnable ? fix.rollbackSql : (fix.rollbackSql ?? '').replace(/^-- /gm, ''));
    }
    expect([...missing(await lookFor(url, wanted)).keys()].sort()).toEqual([...before.keys()].sort());
  });

  test('a unique constraint satisfies a plain expectation, and a deferrable one no unique', async () => {
    const url = await fresh();
    await run(url, 'alter table t add unique (a), add unique (b, a) deferrable');
    const text = `indexes:
  - {name: one, table: t, columns: [a]}
  - {name: two, table: t, columns: [b, a]}
  - {name: three, table: t, columns: [b, a], unique: true}
`;
    expect([...missing(await lookFor(url, text)).keys()]).toEqual(['three']);
  });

  test('a partition’s own index of the same definition is attached, not built again', async () => {
    const url = await fresh();
    await run(url, 'create index already on tree1 (v); create index wrong on tree2a (v desc, id)');
    const before = missing(await lookFor(url, listing(['tree']))).get('ix_tree');
    expect(before?.fix.sql).toContain('ATTACH PARTITION public.already');
    expect(before?.fix.sql).not.toContain('ON public.tree1 ');
    await runPrinted(url, before?.fix.preflightSql ?? null, before?.fix.sql ?? null);
    const after = await look(url, { expectations: [manifest(listing(['tree']))], unusedAfter: '30d' });
    expect(missing(after).size).toBe(0);
    expect(summaries(after.findings.filter(({ kind }) => kind === 'duplicate-index'))).toEqual([]);
  });

  test('another definition under the expected name is said to differ, and the new one gets a name that is free', async () => {
    const url = await fresh();
    await run(url, 'create index ix_mixed on t (a, b)');
    const before = missing(await lookFor(url, listing(['mixed']))).get('ix_mixed');
    expect(before?.title).toContain(
      'is not what is expected: keys (a, b) instead of (a DESC, b NULLS FIRST,',
    );
    expect(before?.fix.sql).toContain('CREATE INDEX CONCURRENTLY ix_mixed_2 ON');
    await runPrinted(url, before?.fix.sql ?? null);
    expect(missing(await lookFor(url, listing(['mixed']))).size).toBe(0);
  });

  test('an invalid one does not satisfy it, and is named', async () => {
    const url = await fresh();
    await run(url, 'insert into t (id, a, b) values (2000, 1, 1)');
    await run(url, 'create unique index concurrently broken on t (a)').catch(() => {});
    const text = 'indexes: [{name: key, table: t, columns: [a], unique: true}]';
    const found = missing(await lookFor(url, text)).get('key');
    expect(found?.title).toContain('is there only as broken, which is invalid');
    expect(found?.fix.sql).toBeNull();
  });

  test('names that do not exist make it inconclusive, by name, and the others are judged', async () => {
    const url = await fresh();
    const text = `indexes:
  - {name: one, table: t, columns: [a]}
  - {name: two, table: t, columns: [nope, id]}
  - {name: three, table: nowhere, columns: [a]}
  - {name: four, table: t, columns: [{column: note, opclass: nope_ops}]}
  - {name: five, table: t, columns: [{expression: '(at)::date'}]}
`;
    const generation = await lookFor(url, text);
    expect([...missing(generation).keys()]).toEqual(['one']);
    const reasons = generation.inconclusive.map(({ relations, reason }) => [
      relations,
      reason.replace(/^.*?yaml: /, ''),
    ]);
    expect(reasons).toEqual([
      [['public.two'], 'there is no column nope'],
      [['public.three'], 'there is no such table, or its schema is not watched'],
      [['public.four'], 'there is no operator class nope_ops for btree'],
      [['public.five'], expect.stringContaining('depends on the session’s time zone')],
    ]);
  });

  if (major >= 15) {
    test('NULLS NOT DISTINCT is part of it', async () => {
      const url = await fresh();
      const text = 'indexes: [{name: k, table: t, columns: [b, id], unique: true, nullsNotDistinct: true}]';
      await run(url, 'create unique index plain on t (b, id)');
      const before = missing(await lookFor(url, text)).get('k');
      expect(before?.fix.sql).toContain('NULLS NOT DISTINCT');
      await runPrinted(url, before?.fix.sql ?? null);
      expect(missing(await lookFor(url, text)).size).toBe(0);
    });
  }

  test('with literals redacted shows no constant of the manifest, and no SQL that holds one', async () => {
    const url = await fresh();
    const generation = await look(url, {
      document: {
        servers: [
          { name: 's', primary: { url }, expectations: [{ file: manifest(listing(['partial', 'plain'])) }] },
        ],
        privacy: { redactLiterals: true },
      },
      only: ['missing-expected-index'],
    });
    expect(JSON.stringify(generation.findings)).not.toMatch(/'x'|'y'/);
    expect(missing(generation).get('ix_partial')?.fix.sql).toBeNull();
    expect(missing(generation).get('ix_plain')?.fix.sql).toContain('CREATE INDEX');
  });
});
