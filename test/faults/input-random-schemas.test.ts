import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import pg from 'pg';
import { afterAll, expect, test } from 'vitest';
import type { Generation } from '../../src/findings/generation.ts';
import type { Finding } from '../../src/model/finding.ts';
import { rollbackScript, sqlScript } from '../../src/plan/script/sql-script.ts';
import { look, statementsOf } from '../support/look.ts';
import { factsFrom, planFrom, runScript } from '../support/planning.ts';
import {
  createDatabase,
  describeOnPostgres,
  oldestAndNewest,
  postgresMajors,
  runOn,
  withConnection,
} from '../support/postgres.ts';
import { eventually } from '../support/processes.ts';
import { isMissing } from '../support/tools.ts';
import { uncommented } from '../watch/index-rows.ts';
import { type RandomSchema, randomSchemas } from './input-schemas.ts';
import { isShort, noteFault, times } from './rows.ts';
import { catalogueDump, differences, type RelationRow, relationsByOid } from './scripts-catalogue.ts';

/*
 * Printed DDL refers to exactly the object that is meant: executed in random schemas whose names are as nearly one another as
 * possible, judged by oid, and undone again.
 */

const schemasPerDatabase = times(25, 50);
const databasesInAll = times(4, 20);
/** Fixes that are tried one by one in each database; the plan carries out all. */
const fixesPerDatabase = times(16, 60);

const folder = mkdtempSync(path.join(tmpdir(), 'schemas-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const noPsql = isMissing('psql', 'apt-get install postgresql-client');

const all = await postgresMajors(oldestAndNewest());
// In the short form on one, and of the long one most: what a name means has not changed in years.
const majors = isShort ? all.slice(-1) : all;

describeOnPostgres(majors, (server, major) => {
  const databases = major === majors.at(-1)?.major ? databasesInAll : Math.ceil(databasesInAll / 10);
  const seen = { schemas: 0, drops: 0, creations: 0, other: 0, steps: 0 };

  /** A database of schemas, with settings under which careless SQL means something else. */
  async function build(schemas: readonly RandomSchema[], place: number): Promise<string> {
    const { url, name } = await createDatabase(server(), `Random "names" ${place}`);
    await withConnection(url, async (client) => {
      for (const statement of schemas.flatMap(({ statements }) => statements))
        await client.query(statement).catch((error: Error) => {
          throw new Error(`${JSON.stringify(statement)}: ${error.message}`);
        });
      await client.query('analyze');
      for (const table of schemas.flatMap(({ tables }) => tables))
        await client.query(`select count(*) from ${table}`);
      const listed = schemas.slice(0, 12).map(({ schemaname }) => pg.escapeIdentifier(schemaname));
      const database = pg.escapeIdentifier(name);
      await client.query(
        `alter database ${database} set search_path = ${['"$user"', ...listed, 'public'].join(', ')}`,
      );
      if (place % 2 === 1) await client.query(`alter database ${database} set quote_all_identifiers = on`);
      if (place % 3 === 1)
        await client.query(`alter database ${database} set standard_conforming_strings = off`);
    });
    await withConnection(url, (client) =>
      eventually('the reads to be counted', async () => {
        const { rowCount } = await client.query(
          "select from pg_catalog.pg_stat_user_tables t join pg_catalog.pg_class c on c.oid = t.relid where c.relkind = 'r' and not c.relispartition and t.seq_scan < 1",
        );
        return rowCount === 0;
      }),
    );
    return url;
  }

  const at = (relations: ReadonlyMap<number, RelationRow>, schemaname: string, name: string): RelationRow => {
    const found = [...relations.values()].find((one) => one.schemaname === schemaname && one.name === name);
    if (found === undefined) throw new Error(`no ${JSON.stringify([schemaname, name])}`);
    return found;
  };
  const without = (a: ReadonlyMap<number, RelationRow>, b: ReadonlyMap<number, RelationRow>) =>
    [...a.values()].filter(({ oid }) => !b.has(oid));

  /** Carries a finding's fix out and back, and looks which objects went and came. */
  async function tryFix(
    url: string,
    { fix, kind, schemaname, relname, indexrelname, columns }: Finding,
  ): Promise<void> {
    await withConnection(url, async (client) => {
      const before = await relationsByOid(client);
      const run = async (text: string | null): Promise<void> => {
        const isCommentedOut = statementsOf(text ?? '').length === 0 && (text ?? '') !== '';
        for (const statement of statementsOf(isCommentedOut ? uncommented(text ?? '') : (text ?? '')))
          await client.query(statement).catch((error: Error) => {
            throw new Error(`${JSON.stringify(statement)}: ${error.message}`);
          });
      };
      await run(fix.preflightSql);
      await run(fix.sql);
      const after = await relationsByOid(client);
      const [gone, made] = [without(before, after), without(after, before)];
      if (indexrelname !== null && kind !== 'missing-expected-index') {
        const meant = at(before, schemaname, indexrelname);
        // With a partitioned index go its partitions, which have no name that was said.
        expect(gone.filter(({ oid }) => oid !== meant.oid && meant.relkind !== 'I')).toEqual([]);
        expect(gone.map(({ oid }) => oid)).toContain(meant.oid);
        expect(made).toEqual([]);
        seen.drops += 1;
      } else if (made.length > 0) {
        const table = at(before, schemaname, relname);
        const [own] = made.filter(({ tableOid }) => tableOid === table.oid);
        expect(own?.keys).toEqual(columns);
        if (table.relkind === 'r') expect(made).toHaveLength(1);
        expect(gone).toEqual([]);
        seen.creations += 1;
      } else seen.other += 1;
      await run(fix.rollbackSql);
    });
  }

  /** By psql as a person does it, where there is one. */
  async function runByPsql(url: string, script: string): Promise<void> {
    if (noPsql) return void (await runScript(url, script));
    const file = path.join(folder, `${major}.sql`);
    writeFileSync(file, script);
    const { status, stderr } = spawnSync('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', file, url], {
      encoding: 'utf8',
    });
    if (status !== 0)
      throw new Error(
        stderr
          .split('\n')
          .filter((line) => !/NOTICE/.test(line))
          .join('\n'),
      );
  }

  /** Runs the whole plan, and looks that what went and came is what its steps said. */
  async function tryPlan(url: string, generation: Generation): Promise<void> {
    const plan = planFrom(factsFrom(generation));
    const read = () => withConnection(url, relationsByOid);
    const before = await read();
    await runByPsql(url, sqlScript(plan));
    const after = await read();
    const due = plan.steps.filter(
      ({ batch, commented }) => batch?.notBeforeMs === undefined && commented === null,
    );
    const drops = due.filter(({ kind }) => kind === 'drop');
    const meant = drops.map(({ schemaname, indexrelname }) => at(before, schemaname, indexrelname ?? '').oid);
    expect(
      without(before, after)
        .map(({ oid }) => oid)
        .toSorted(),
    ).toEqual(meant.toSorted());
    const creations = due.filter(({ kind }) => kind === 'create');
    const tables = new Set(creations.map(({ schemaname, relname }) => at(before, schemaname, relname).oid));
    const onParts = without(after, before).filter(({ tableOid }) => !tables.has(tableOid ?? 0));
    // On a partitioned table there is one for each partition as well.
    for (const { tableOid } of onParts) expect(before.get(tableOid ?? 0)).toBeDefined();
    for (const { schemaname, relname, finding } of creations)
      expect(
        without(after, before).filter(
          ({ tableOid, keys }) =>
            tableOid === at(before, schemaname, relname).oid &&
            JSON.stringify(keys) === JSON.stringify(finding.columns),
        ),
      ).toHaveLength(1);
    seen.steps += due.length;
    await runByPsql(url, rollbackScript(plan));
    // What takes ACCESS EXCLUSIVE on a partition tree is printed commented out: a person takes the marks off.
    for (const { rollback } of due)
      if (rollback?.commented) await runByPsql(url, `${uncommented(rollback.commented)}\n`);
  }

  test(`${databases * schemasPerDatabase} random schemas`, async () => {
    const seed = Date.now() % 2 ** 31;
    for (const [place, schemas] of fc
      .sample(randomSchemas(schemasPerDatabase), { seed, numRuns: databases })
      .entries()) {
      try {
        const url = await build(schemas, place);
        const before = await catalogueDump(url);
        const generation = await look(url);
        expect(generation.inconclusive).toEqual([]);
        const printed = generation.findings.filter(({ fix }) => fix.sql !== null);
        expect(printed.length).toBeGreaterThan(schemas.length * 2);
        const apart = Math.ceil(printed.length / fixesPerDatabase);
        for (const finding of printed.filter((_, number) => number % apart === place % apart))
          await tryFix(url, finding).catch((error: Error) => {
            throw new Error(`${finding.title}\n${finding.fix.sql}\n${error.message}`);
          });
        expect(differences(before, await catalogueDump(url))).toEqual([]);
        await tryPlan(url, await look(url));
        expect(differences(before, await catalogueDump(url))).toEqual([]);
        seen.schemas += schemas.length;
        await runOn(
          server().url(),
          `drop database ${pg.escapeIdentifier(new URL(url).pathname.slice(1).replace(/.*/, decodeURIComponent))} with (force)`,
        );
      } catch (error) {
        throw new Error(`with seed ${seed}, database ${place}: ${(error as Error).message}`, {
          cause: error,
        });
      }
    }
    noteFault({
      area: 'input',
      fault: `Schemas whose names are nearly one another (case, quotes, dots, look-alikes, 63 bytes), PostgreSQL ${major}`,
      did: `${seen.schemas} schemas: ${seen.drops} drops and ${seen.creations} creations one by one, ${seen.steps} steps of plans by ${noPsql ? 'a driver' : 'psql'}; each hit the very oid that was meant`,
      said: 'after the way back no line of the catalogue differs',
      recoveryMs: null,
    });
  });
});
