import { beforeAll, describe, expect, test } from 'vitest';
import { expectationsFor } from '../../src/config/config.ts';
import type { Generation } from '../../src/findings/generation.ts';
import type { Expectation } from '../../src/model/expectation.ts';
import type { Finding } from '../../src/model/finding.ts';
import { look, named, runPrinted, summaries } from '../support/look.ts';
import {
  aFewMajors,
  createDatabase,
  describeOnPostgres,
  postgresMajors,
  withConnection,
} from '../support/postgres.ts';
import { inRepository, readText } from '../support/repository.ts';
import { configOf } from '../support/watching.ts';

/*
 * The two manifests that come with the program, against the schemas they were written for.
 */

const manifestOf = (database: string): string => inRepository('expectations', `${database}.yaml`);

function expectationsOf(database: string): readonly Expectation[] {
  const [server] = configOf({
    servers: [{ name: 's', primary: { host: 'h' }, expectations: [{ file: manifestOf(database) }] }],
  }).servers;
  if (server === undefined) throw new Error('one server is configured');
  return expectationsFor(server, database);
}

const countedBy = (
  expectations: readonly Expectation[],
  key: 'phase' | 'priority',
): Readonly<Record<number, number>> => {
  const counts: Record<number, number> = {};
  for (const one of expectations) counts[one[key] ?? 0] = (counts[one[key] ?? 0] ?? 0) + 1;
  return counts;
};

describe('residency.yaml', () => {
  const expectations = expectationsOf('residency');
  test('holds the 28 indexes, in the report’s priorities and the plan’s phases', () => {
    expect(expectations).toHaveLength(28);
    expect(countedBy(expectations, 'priority')).toEqual({ 1: 9, 2: 11, 3: 5, 4: 3 });
    expect(countedBy(expectations, 'phase')).toEqual({ 1: 6, 2: 5, 3: 10, 4: 7 });
  });
  test('gives each a reason, a gain and queries', () => {
    for (const { name, reason, expectedGain, queries } of expectations)
      expect([reason, expectedGain, queries.length > 0], name).not.toContain(undefined);
  });
});

describe('backtest.yaml', () => {
  const expectations = expectationsOf('backtest');
  test('holds ten indexes in three phases, and one alternative', () => {
    expect(expectations).toHaveLength(11);
    expect(countedBy(expectations, 'phase')).toEqual({ 1: 3, 2: 5, 3: 3 });
    const alternatives = expectations.filter((one) => one.alternatives.length > 0);
    expect(alternatives.map(({ name }) => name)).toEqual([
      'idx_backtest_runs_failed',
      'idx_backtest_runs_status_created_id',
    ]);
  });
});

const majors = await postgresMajors(aFewMajors());

describeOnPostgres(majors, (server) => {
  const create = async (database: string): Promise<string> => {
    const { url } = await createDatabase(server(), database);
    await withConnection(url, (client) => client.query(readText('demo', `${database}.sql`)));
    return url;
  };
  // The schemas are empty here: no table counts as too small, and no index as unused.
  const lookBy = (url: string, database: string): Promise<Generation> =>
    look(url, {
      document: {
        servers: [{ name: 's', primary: { url }, expectations: [{ file: manifestOf(database) }] }],
        policy: { minRowsForWarning: 0 },
      },
      unusedAfter: '30d',
    });
  const missing = ({ findings }: Generation): readonly Finding[] =>
    findings.filter(({ kind }) => kind === 'missing-expected-index');
  const undecided = ({ inconclusive }: Generation) =>
    inconclusive.filter(({ kind }) => kind === 'missing-expected-index');

  describe('the residency schema', () => {
    let url: string;
    let before: Generation;
    beforeAll(async () => {
      url = await create('residency');
      before = await lookBy(url, 'residency');
    });

    test('has every table and column, and none of the 28 indexes', () => {
      expect(undecided(before)).toEqual([]);
      expect(
        missing(before)
          .map(({ evidence }) => evidence.expectedIndex)
          .sort(),
      ).toEqual(
        expectationsOf('residency')
          .map(({ name }) => name)
          .sort(),
      );
      expect(missing(before).filter(({ severity }) => severity === 'warning')).toHaveLength(9);
    });

    test('what the list holds against itself is said', () => {
      const caveats = new Map(
        missing(before).map(({ evidence, caveats: said }) => [evidence.expectedIndex, said.join('\n')]),
      );
      expect(caveats.get('idx_swap_records_status')).toContain(
        'covered by the expected index idx_swap_records_status_source_week (status, source_week) once that exists',
      );
      expect(caveats.get('idx_assignments_person_block')).toContain('It makes idx_assignments_person ');
      expect(caveats.get('idx_notifications_recipient_read')).toContain(
        'It makes ix_notifications_recipient_id ',
      );
      expect(caveats.get('idx_people_faculty_role')).toBe('');
    });

    test('a foreign key that an expected index serves gets no second one', () => {
      const keys = before.findings.filter(({ kind }) => kind === 'unindexed-foreign-key');
      const served = keys.filter(({ fix }) => fix.notes.includes('that the manifest'));
      expect(served.map(({ fix }) => fix.sql)).toEqual(served.map(() => null));
      // The nine keys of priority 1, and the users of cognitive sessions.
      expect(served).toHaveLength(10);
    });

    test('the printed SQL resolves every finding and opens none but those announced', async () => {
      for (const { fix, title } of missing(before)) {
        const results = await runPrinted(url, fix.preflightSql, fix.sql, fix.verifySql);
        expect(results.at(-1)?.rows, title).toEqual([{ done: true }]);
      }
      const after = await lookBy(url, 'residency');
      expect(missing(after)).toEqual([]);
      expect(undecided(after)).toEqual([]);
      const known = new Set(summaries(before.findings));
      const opened = after.findings.filter((finding) => !known.has(summaries([finding]).join()));
      const announced = missing(before)
        .flatMap(({ caveats }) => caveats)
        .join('\n');
      const expected = [
        'redundant-index public.idx_assignments_person',
        'redundant-index public.idx_assignment_person_id',
        'redundant-index public.idx_swap_records_status',
        'redundant-index public.ix_notifications_recipient_id',
      ];
      expect(summaries(opened)).toEqual(expected.toSorted());
      for (const { indexrelname } of opened) {
        expect(announced).toMatch(
          new RegExp(`makes (?:the expected index )?${indexrelname} |covered by the expected index .*`),
        );
      }
      // What the manifest expects is not dropped, though another one covers it.
      expect(named(after, 'redundant-index', 'public').get('idx_swap_records_status')).toMatchObject({
        severity: 'info',
        fix: { sql: null },
        caveats: expect.arrayContaining([expect.stringContaining('expects it, and no other index')]),
      });
    });

    test('the way back drops them, and they are missing again', async () => {
      for (const { fix } of missing(before)) await runPrinted(url, fix.rollbackSql);
      expect(summaries(missing(await lookBy(url, 'residency')))).toEqual(summaries(missing(before)));
    });
  });

  describe('the backtest schema', () => {
    let url: string;
    beforeAll(async () => {
      url = await create('backtest');
    });

    test('has all of its indexes, one of the two alternatives among them', async () => {
      const generation = await lookBy(url, 'backtest');
      expect(missing(generation)).toEqual([]);
      expect(undecided(generation)).toEqual([]);
      expect(summaries(generation.findings.filter(({ kind }) => kind === 'unexpected-index'))).toEqual([]);
      // The plain list index beside the covering one: the manifest wants both.
      expect(
        named(generation, 'redundant-index', 'public').get('idx_backtest_runs_created_id'),
      ).toMatchObject({
        fix: { sql: null },
      });
    });

    test('without any of them prints each as it was, but one of the alternatives', async () => {
      const { definitions, generation } = await withConnection(url, async (client) => {
        const { rows } = await client.query<{ name: string; definition: string }>(`
          select ic.relname as name, pg_get_indexdef(i.indexrelid) as definition
          from pg_index i join pg_class ic on ic.oid = i.indexrelid
          where not i.indisprimary and ic.relnamespace = 'public'::regnamespace`);
        for (const { name } of rows) await client.query(`drop index ${name}`);
        return { definitions: rows, generation: await lookBy(url, 'backtest') };
      });
      expect(definitions).toHaveLength(10);
      expect(missing(generation)).toHaveLength(10);
      for (const { fix } of missing(generation)) await runPrinted(url, fix.preflightSql, fix.sql);
      await withConnection(url, async (client) => {
        for (const { name, definition } of definitions) {
          const { rows } = await client.query<{ now: string }>(
            'select pg_get_indexdef(to_regclass($1)) as now',
            [name],
          );
          expect(rows[0]?.now, name).toBe(definition);
        }
      });
      expect(missing(await lookBy(url, 'backtest'))).toEqual([]);
    });

    test('with the other alternative in its place is as complete, and with both says so', async () => {
      const other = 'create index by_state on backtest_runs (status, created_at desc, id desc)';
      await withConnection(url, (client) => client.query(other));
      const both = await lookBy(url, 'backtest');
      expect(summaries(both.findings.filter(({ kind }) => kind === 'unexpected-index'))).toEqual([
        'unexpected-index public.by_state',
      ]);
      await withConnection(url, (client) => client.query('drop index idx_backtest_runs_failed'));
      const one = await lookBy(url, 'backtest');
      expect(missing(one)).toEqual([]);
      await withConnection(url, (client) => client.query('drop index by_state'));
      expect(missing(await lookBy(url, 'backtest'))).toMatchObject([
        { title: expect.stringContaining('None of the alternatives'), severity: 'info' },
      ]);
    });
  });
});
