import { beforeAll, describe, expect, test } from 'vitest';
import { checkExitCode } from '../../src/cli/check.ts';
import { collectorsFor, neededCollectors } from '../../src/detectors/evaluate.ts';
import { detectors } from '../../src/detectors/index.ts';
import type { Generation } from '../../src/findings/generation.ts';
import { type FindingKind, findingKinds } from '../../src/model/finding.ts';
import { type CheckResult, checkResultOf } from '../../src/report/check/result.ts';
import { look, summaries } from '../support/look.ts';
import {
  createDatabase,
  describeOnPostgres,
  oldestAndNewest,
  postgresMajors,
  runOn,
} from '../support/postgres.ts';
import { createMonitor } from '../support/roles.ts';

/*
 * `check --only KIND`: only what the kind is about is read, and only that can fail.
 */

const majors = await postgresMajors(oldestAndNewest());

describeOnPostgres(majors, (server) => {
  let url: string;
  beforeAll(async () => {
    const database = await createDatabase(server(), 'only');
    await runOn(
      database.url,
      `create table keyless (a int, b int);
       insert into keyless select g, g from generate_series(1, 5000) g;
       create index copy_one on keyless (a); create index copy_two on keyless (a);
       create table doubles (a int); insert into doubles values (1), (1);
       analyze`,
    );
    // Fails, and leaves an index behind that one look cannot tell from one that is being built.
    await runOn(database.url, 'create unique index concurrently broken on doubles (a)').catch(() => {});
    // What the collector of index usage reads, and nobody else.
    await runOn(database.url, 'revoke select on pg_catalog.pg_stat_user_indexes from public');
    url = (await createMonitor(server())).url(database.name);
  });

  const ranFor = ({ runs }: Generation): readonly string[] => runs.map(({ name }) => name).sort();
  const asked = (only: readonly FindingKind[]) =>
    detectors.filter(({ id }) => only.length === 0 || only.includes(id));
  /** As the command line makes its result of a look. */
  const resultOf = (generation: Generation, only: readonly FindingKind[]): CheckResult =>
    checkResultOf(
      [generation],
      asked(only).map(({ id, title }) => ({ id, title, docs: `/docs/detectors/${id}.md` })),
      neededCollectors(asked(only)),
    );
  const exitCodeOf = (generation: Generation, only: readonly FindingKind[]): number =>
    checkExitCode(resultOf(generation, only), { failOn: 'warning', failOnInconclusive: false });

  test('every kind runs what it needs and uses, and nothing else', async () => {
    for (const kind of findingKinds) {
      const generation = await look(url, { only: [kind] });
      expect([kind, ...ranFor(generation)]).toEqual([kind, ...[...collectorsFor(asked([kind]))].sort()]);
    }
  });

  test('the second look at invalid indexes is for those who ask for them', async () => {
    const without = await look(url, { only: ['duplicate-index'] });
    expect(without.snapshot.outcomes['invalid-indexes']).toBeUndefined();
    const withIt = await look(url, { only: ['invalid-index'] });
    expect(summaries(withIt.findings)).toEqual(['invalid-index public.broken']);
  });

  test('a detector that the configuration turned off makes nothing necessary', async () => {
    const document = {
      servers: [{ name: 's', primary: { url } }],
      detectors: { 'invalid-index': { enabled: false } },
    };
    const generation = await look(url, { document });
    expect(ranFor(generation)).not.toContain('invalid-indexes');
  });

  describe('a collector that fails', () => {
    test('makes a check of everything one that could not read all', async () => {
      const generation = await look(url);
      expect(resultOf(generation, []).targets[0]?.failures).toMatchObject([
        { collector: 'index-usage', isRequired: true },
      ]);
      expect(exitCodeOf(generation, [])).toBe(3);
    });

    test('is not run, and does not count, where nobody asks about its facts', async () => {
      const only = ['missing-primary-key'] as const;
      const generation = await look(url, { only });
      expect(summaries(generation.findings)).toContain('missing-primary-key public.keyless');
      expect(resultOf(generation, only).targets[0]?.failures).toEqual([]);
      expect(exitCodeOf(generation, only)).toBe(1);
    });

    test('is said, but does not count, where the verdict can do without its facts', async () => {
      const only = ['duplicate-index'] as const;
      const generation = await look(url, { only });
      expect(summaries(generation.findings)).toEqual(['duplicate-index public.copy_two']);
      expect(resultOf(generation, only).targets[0]?.failures).toMatchObject([
        { collector: 'index-usage', isRequired: false },
      ]);
      expect(exitCodeOf(generation, only)).toBe(1);
    });

    test('counts where the verdict cannot do without', async () => {
      const only = ['unused-index'] as const;
      const generation = await look(url, { only });
      expect(generation.inconclusive).toMatchObject([{ kind: 'unused-index' }]);
      expect(exitCodeOf(generation, only)).toBe(3);
    });
  });
});
