import { readFileSync } from 'node:fs';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import type { QueryPlan } from '../../src/analysis/plans/plan.ts';
import type { Probe } from '../../src/model/probe.ts';
import { err, ok } from '../../src/model/result.ts';
import type { ProbeRun } from '../../src/postgres/probe.ts';
import { Database } from '../../src/store/database.ts';
import type { Store } from '../../src/store/store.ts';
import { ProbeKeeper, recordKind } from '../../src/watch/probes/keeper.ts';
import { aPolicy } from '../detectors/judge.ts';
import { places } from '../store/places.ts';
import { aCatalogueOf, takenAtMs } from '../support/builders.ts';
import { aPlan, aProbe } from '../support/probes.ts';

const { path, open, tidy, end } = places();
afterEach(tidy);
afterAll(end);
// Threads and files, on machines that have other things to do.
vi.setConfig({ testTimeout: 30_000 });

const target = { server: 'main', datname: 'shop' };
const catalogue = aCatalogueOf([{ name: 'orders', columns: ['id'], indexes: [], rows: 50_000 }]);

const keeperOn = (
  store: Store,
  probes: readonly Probe[] = [aProbe()],
  problems: string[] = [],
): ProbeKeeper =>
  new ProbeKeeper({
    target,
    probes,
    expectations: [],
    policyFor: () => aPolicy(),
    store,
    unmeasured: undefined,
    onProblem: (message) => void problems.push(message),
  });

const run = (plan: QueryPlan, durationMs = 12): ProbeRun => ({
  plan,
  durationMs,
  isTimeout: false,
  ownScans: new Map(),
  roleName: 'monitor',
});
const byIndex = aPlan({ indexName: 'orders_at' });

describe('what is known of probes', () => {
  it('survives a restart, in a file that an older version wrote as well', async () => {
    const file = path();
    const older = new Database(file, 0);
    older.exec(readFileSync(new URL('../store/fixtures/version-1.sql', import.meta.url), 'utf8'));
    older.exec('pragma journal_mode = wal');
    older.close();

    const first = await open(file);
    expect(first.notices).toMatchObject([{ kind: 'opened', upgradedFrom: 1 }]);
    const before = keeperOn(first.store);
    await before.see(aProbe(), ok(run(byIndex)), catalogue, takenAtMs);
    await before.see(aProbe(), ok(run(aPlan({ nodeType: 'Seq Scan' }), 15)), catalogue, takenAtMs + 5);
    const [known] = await before.states();
    await first.store.close();

    const second = await open(file);
    const after = keeperOn(second.store);
    const [state] = await after.states();
    expect(state?.memory).toEqual(known?.memory);
    expect(state?.memory).toMatchObject({
      planChangedAtMs: takenAtMs + 5,
      runs: [{ durationMs: 12 }, { durationMs: 15 }],
    });
    // What is told of this run of the program begins anew, as counters do.
    expect([state?.lastRunAtMs, state?.durations.count]).toEqual([null, 0]);
  });

  it('is forgotten of probes that are declared no more, and of records that are damaged', async () => {
    const { store } = await open(path());
    const problems: string[] = [];
    await keeperOn(store).see(aProbe(), ok(run(byIndex)), catalogue, takenAtMs);
    await store.keepRecords(target, recordKind, new Map([['other', { runs: 'many' }]]));
    const keeper = keeperOn(store, [aProbe({ name: 'other' })], problems);
    expect((await keeper.states())[0]?.memory).toBeUndefined();
    expect(problems).toEqual(['what was kept of these probes could not be used: other']);
    expect((await store.recordsOf(target, recordKind)).size).toBe(1);
  });

  it('stays where a run failed, with the reason', async () => {
    const { store } = await open(path());
    const keeper = keeperOn(store);
    await keeper.see(aProbe(), ok(run(byIndex)), catalogue, takenAtMs);
    const failure = { kind: 'not-permitted', message: 'no right', grant: 'GRANT …;' } as const;
    await keeper.see(aProbe(), err(failure), catalogue, takenAtMs + 5);
    const [state] = await keeper.states();
    expect(state?.problem).toEqual({ reason: 'no right', grant: 'GRANT …;' });
    expect(state?.memory?.current).toBeDefined();
    expect(state?.lastRunAtMs).toBe(takenAtMs + 5);
  });

  it('is kept with the next run where it could not be', async () => {
    const { store } = await open(path());
    const problems: string[] = [];
    let isBroken = true;
    const keeper = keeperOn(
      {
        ...store,
        keepRecords: (...call) =>
          isBroken ? Promise.reject(new Error('disk full')) : store.keepRecords(...call),
      },
      [aProbe(), aProbe({ name: 'second' })],
      problems,
    );
    await keeper.see(aProbe(), ok(run(byIndex)), catalogue, takenAtMs);
    expect(problems).toEqual(['what is known of probes could not be kept: Error: disk full']);
    isBroken = false;
    await keeper.see(aProbe({ name: 'second' }), ok(run(byIndex)), catalogue, takenAtMs);
    expect([...(await store.recordsOf(target, recordKind)).keys()].sort()).toEqual([
      'recent-orders',
      'second',
    ]);
  });
});
