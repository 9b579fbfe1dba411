import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openReadingStore } from '../../src/store/reading-store.ts';
import { answerOf, findingsOf, listed } from '../e2e/daemon-client.ts';
import { until } from '../e2e/program.ts';
import { collectedAt, stage, watches } from './faulty-daemon.ts';
import { noteFault } from './rows.ts';

/*
 * Bugs of our own: a detector, a collector, the store's thread, work that nobody waits for, and the one that nobody caught.
 */

const { folder, serve, setUp, tearDown, endAll, database } = stage();
beforeAll(setUp);
afterEach(endAll);
afterAll(tearDown);

const kinds = async (address: string): Promise<readonly string[]> =>
  [
    ...new Set((await findingsOf(address)).filter(({ state }) => state === 'open').map(({ kind }) => kind)),
  ].sort();

interface Inconclusive {
  readonly kind: string;
  readonly reason: string;
}

const inconclusive = async (address: string): Promise<readonly Inconclusive[]> =>
  (await listed<{ readonly inconclusive: readonly Inconclusive[] }>(address, 'targets')).flatMap(
    (target) => target.inconclusive,
  );

test('a detector that throws costs the others nothing, resolves nothing, and is said with its stack', async () => {
  const daemon = await serve();
  await watches(daemon);
  const before = await kinds(daemon.address);
  expect(before).toEqual(expect.arrayContaining(['duplicate-index', 'missing-primary-key']));
  await daemon.order('throw-in-detector duplicate-index');
  const said = await until('it to be inconclusive', async () =>
    (await inconclusive(daemon.address)).find(({ kind }) => kind === 'duplicate-index'),
  );
  expect(said.reason).toBe('the detector failed (a bug in indexwarden): a detector out of luck');
  expect(Object.keys(said)).not.toContain('stack');
  await watches(daemon);
  await watches(daemon);
  // Neither resolved nor gone.
  expect(await kinds(daemon.address)).toEqual(before);
  const bugs = daemon.events('bug');
  expect(bugs).toMatchObject([
    { level: 'error', detector: 'duplicate-index', stack: expect.stringMatching(/out of luck\n\s+at /) },
  ]);
  const up = await daemon.metric('indexwarden_target_up');
  expect(up).toBe(1);
  const mendedAtMs = Date.now();
  await daemon.order('mend-detector duplicate-index');
  await until('it to judge again', async () =>
    (await inconclusive(daemon.address)).every(({ kind }) => kind !== 'duplicate-index'),
  );
  noteFault({
    area: 'daemon',
    fault: 'a detector throws',
    did: `${before.length} kinds of findings as before, its own inconclusive with the reason; ${bugs.length} line of log with the stack`,
    said: `indexwarden_target_up ${up}, facts fresh`,
    recoveryMs: Date.now() - mendedAtMs,
  });
});

test('a collector that throws, with a rejection that nobody handles, fails its pass and nothing else', async () => {
  const daemon = await serve();
  await watches(daemon);
  const before = await kinds(daemon.address);
  await daemon.order('throw-in-collector pg_stat_user_indexes');
  const success = (): Promise<number | undefined> =>
    daemon.metric('indexwarden_collector_success', { collector: 'index-usage' });
  await until('the collector to fail', async () => (await success()) === 0);
  const said = `indexwarden_collector_success ${await success()} of that collector, indexwarden_target_up ${await daemon.metric('indexwarden_target_up')}; its last success stands still`;
  await until('the rejection to be logged', () => daemon.events('bug').length > 0);
  expect(daemon.events('bug')[0]?.stack).toContain('a rejection out of luck');
  const [why] = (
    await listed<{ name: string; reason: string }>(daemon.address, 'collectors?state=failed')
  ).map(({ reason }) => reason);
  expect(why).toContain('a collector out of luck');
  const staleS = await collectedAt(daemon);
  expect((await answerOf(daemon.address, '/-/healthy')).status).toBe(200);
  expect(await kinds(daemon.address)).toEqual(before);
  expect(await collectedAt(daemon)).toBe(staleS);
  const mendedAtMs = Date.now();
  await daemon.order('mend-collector');
  await watches(daemon);
  noteFault({
    area: 'daemon',
    fault: 'a collector throws, and leaves a rejection that nobody handles',
    did: `goes on, findings as before; the collector failed: ${why}; the rejection in the log with its stack`,
    said,
    recoveryMs: Date.now() - mendedAtMs,
  });
});

test('the thread of the store dies: watching goes on, metrics say so, and it is opened again with all that was learned', async () => {
  const store = path.join(folder, 'thread.db');
  const daemon = await serve({ store });
  await watches(daemon);
  await daemon.order('end-thread');
  const diedAtMs = Date.now();
  const ended = await until('it to be said', () => daemon.events('store-ended')[0]);
  expect(ended).toMatchObject({ level: 'error', error: expect.stringContaining('the storage thread ended') });
  const up = await until('it to show', async () => {
    const value = await daemon.metric('indexwarden_store_up');
    return value === 0 ? `indexwarden_store_up ${value}` : undefined;
  });
  await watches(daemon);
  await until(
    'the store to be written again',
    async () => (await daemon.metric('indexwarden_store_up')) === 1,
  );
  const recoveryMs = Date.now() - diedAtMs;
  expect(daemon.events('store-recovered')).toHaveLength(1);
  await watches(daemon);
  const open = (await findingsOf(daemon.address)).map(({ id, firstSeen }) => ({ id, firstSeen }));
  daemon.kill('SIGTERM');
  expect(await daemon.ended).toMatchObject({ code: 0 });
  const kept = await openReadingStore(store);
  if (!kept.ok) throw new Error(kept.error);
  const { findings } = await kept.value.ledgerOf({ server: 'main', datname: database().name });
  await kept.value.close();
  expect([...findings.values()].map(({ id, firstSeen }) => ({ id, firstSeen })).sort(byId)).toEqual(
    open.toSorted(byId),
  );
  noteFault({
    area: 'daemon',
    fault: "the store's thread dies by a bug",
    did: 'goes on watching; opens the file again by itself; findings in it as on the page',
    said: `${up}, then 1; facts fresh`,
    recoveryMs,
  });
});

const byId = (a: { readonly id: string }, b: { readonly id: string }): number => (a.id < b.id ? -1 : 1);

test('an exception that nobody caught ends it, with a line of log and an exit code', async () => {
  const store = path.join(folder, 'exception.db');
  const daemon = await serve({ store });
  await watches(daemon);
  void daemon.order('throw').catch(() => {});
  const { code, stderr } = await daemon.ended;
  expect(code).toBe(3);
  const last = stderr.trimEnd().split('\n').at(-1) ?? '';
  expect(JSON.parse(last)).toMatchObject({
    level: 'fatal',
    event: 'bug',
    stack: expect.stringContaining('an exception out of luck'),
  });
  const startedAtMs = Date.now();
  const again = await serve({ store });
  await watches(again);
  const recoveryMs = Date.now() - startedAtMs;
  expect(again.events('store-damaged')).toEqual([]);
  noteFault({
    area: 'daemon',
    fault: 'an exception that nobody caught',
    did: 'ends at once with a line of log that holds the stack; the next start finds the store whole',
    said: `exit code ${code}`,
    recoveryMs,
  });
});
