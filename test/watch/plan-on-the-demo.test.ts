import { beforeAll, describe, expect, test } from 'vitest';
import type { Finding } from '../../src/model/finding.ts';
import type { Plan } from '../../src/plan/script/plan.ts';
import { rollbackScript, sqlScript } from '../../src/plan/script/sql-script.ts';
import { isCommentedOut } from '../../src/plan/script/words.ts';
import { look } from '../support/look.ts';
import { factsFrom, loadResidency, planFrom, runScript } from '../support/planning.ts';
import {
  aFewMajors,
  createDatabase,
  describeOnPostgres,
  postgresMajors,
  withConnection,
} from '../support/postgres.ts';
import { indexRows, missingFrom } from './index-rows.ts';

const majors = await postgresMajors(aFewMajors());

const planned = async (url: string): Promise<Plan> => planFrom(factsFrom(await look(url)));

const mended = (plan: Plan): readonly Finding[] =>
  plan.steps
    .filter((step) => !isCommentedOut(step))
    .flatMap(({ finding, alsoMends }) => [finding, ...alsoMends]);

describeOnPostgres(majors, (server) => {
  describe('the plan of the demo', () => {
    let url: string;
    let plan: Plan;
    let before: Readonly<Record<string, string>>;
    beforeAll(async () => {
      url = (await createDatabase(server(), 'planned')).url;
      await loadResidency(url);
      before = await indexRows(url);
      plan = await planned(url);
    });

    test('holds creations, drops and a later batch', () => {
      expect(plan.steps.filter(({ kind }) => kind === 'create').length).toBeGreaterThan(20);
      expect(plan.steps.filter(({ kind }) => kind === 'drop').length).toBeGreaterThan(5);
      expect(plan.steps.filter(isCommentedOut).length).toBeGreaterThan(0);
    });

    test('run statement by statement, it mends what it says and opens nothing else', async () => {
      await runScript(url, sqlScript(plan));
      const { findings } = await look(url);
      const open = new Set(findings.filter(({ state }) => state === 'open').map(({ id }) => id));
      expect(
        mended(plan)
          .filter(({ id }) => open.has(id))
          .map(({ title }) => title),
      ).toEqual([]);

      const known = new Set(
        [...plan.steps.flatMap(({ finding, alsoMends }) => [finding, ...alsoMends])].map(({ id }) => id),
      );
      const left = new Set([...plan.undecided, ...plan.leftOut].map(({ finding }) => finding.id));
      // A new index has not been used yet: judged by what there is, as here, that is a finding.
      const created = new Set(
        plan.steps.filter(({ kind }) => kind === 'create').map(({ indexrelname }) => indexrelname),
      );
      const news = findings.filter(
        ({ id, kind, indexrelname }) =>
          !known.has(id) && !left.has(id) && !(kind === 'unused-index' && created.has(indexrelname)),
      );
      const announced = new Set(plan.announced.map(({ kind, indexrelname }) => `${kind} ${indexrelname}`));
      const unannounced = news.filter(({ kind, indexrelname }) => !announced.has(`${kind} ${indexrelname}`));
      expect(unannounced.map(({ title }) => title)).toEqual([]);
      expect(news.length).toBeGreaterThan(0);
    });

    test('run again, it passes over what is done', async () => {
      const done = await indexRows(url);
      await runScript(url, sqlScript(plan));
      expect(await indexRows(url)).toEqual(done);
    });

    test('a new plan goes on where this one ended: the later batches, again one drop of each table first', async () => {
      const next = (await planned(url)).steps.filter(({ kind }) => kind === 'drop');
      // Planning a statement may read an index and count as a scan: what was used meanwhile is rightly spared.
      const used = await withConnection(url, async (client) => {
        const { rows } = await client.query<{ name: string }>(
          'select indexrelname as name from pg_stat_user_indexes where idx_scan > 0',
        );
        return new Set<string | null>(rows.map(({ name }) => name));
      });
      const later = plan.steps.filter(
        ({ batch, indexrelname }) => batch !== undefined && batch.number > 1 && !used.has(indexrelname),
      );
      expect(later.length).toBeGreaterThan(0);
      expect(next.map(({ indexrelname }) => indexrelname)).toEqual(
        expect.arrayContaining(later.map(({ indexrelname }) => indexrelname)),
      );
      const first = next.filter(({ batch }) => batch?.number === 1).map(({ relname }) => relname);
      expect(new Set(first).size).toBe(first.length);
      expect(first).toEqual(expect.arrayContaining([...new Set(later.map(({ relname }) => relname))]));
    });

    test('undone, everything is as it was, but for the leftover of a failed build', async () => {
      await runScript(url, rollbackScript(plan));
      const after = await indexRows(url);
      expect(missingFrom(after, before)).toEqual(['public.uq_people_email']);
      const { 'public.uq_people_email': leftover, ...rest } = before;
      expect(after).toEqual(rest);
      expect(leftover).toMatch(/valid false/);
    });

    test('undone where nothing was done, nothing happens', async () => {
      const now = await indexRows(url);
      await runScript(url, rollbackScript(plan));
      expect(await indexRows(url)).toEqual(now);
    });
  });
});
