import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openUsage } from '../../src/history/usage/history.ts';
import { nodeName } from '../../src/model/ids.ts';
import { openReadingStore } from '../../src/store/reading-store.ts';
import type { Ended } from '../e2e/program.ts';
import { collectedAt, eventsIn, type FaultyDaemon, stage, watches } from './faulty-daemon.ts';
import { noteFault, times } from './rows.ts';

/*
 * A daemon that is killed, or told to end, at any moment: while it starts, while it collects, while it writes.
 */

const { folder, serve, launch, setUp, tearDown, endAll, database } = stage();
beforeAll(setUp);
afterEach(endAll);
afterAll(tearDown);

/** What a file holds after its daemon has ended. */
interface Kept {
  /** By finding: since when it is known, and its state. */
  readonly findings: ReadonlyMap<string, string>;
  /** How often each finding was opened, and what else happened to findings. */
  readonly opened: ReadonlyMap<string, number>;
  readonly others: readonly string[];
  /** When the newest use was counted, in seconds since the epoch; 0 where none was. */
  readonly usedAtS: number;
}

async function keptIn(file: string): Promise<Kept> {
  const store = await openReadingStore(file);
  if (!store.ok) throw new Error(store.error);
  try {
    const target = { server: 'main', datname: database().name };
    const { findings } = await store.value.ledgerOf(target);
    const events = (await store.value.eventsOf({ limit: 10_000 })).filter(
      ({ findingId }) => findingId !== null,
    );
    const opened = new Map<string, number>();
    for (const { kind, findingId } of events)
      if (kind === 'finding-opened') opened.set(findingId ?? '', (opened.get(findingId ?? '') ?? 0) + 1);
    const node = nodeName('primary');
    const { history, problem } = openUsage(node, await store.value.usageOf(target, node));
    expect(problem).toBeUndefined();
    return {
      findings: new Map(
        [...findings.values()].map(({ id, firstSeen, state }) => [id, `${state} since ${firstSeen}`]),
      ),
      opened,
      others: events.map(({ kind }) => kind).filter((kind) => kind !== 'finding-opened'),
      usedAtS: history.state.lastAtMs / 1000,
    };
  } finally {
    await store.value.close();
  }
}

/** Nothing that was there is gone or was told twice, and what the page had shown was kept. */
function compare(before: Kept, after: Kept, shownAtS: number): void {
  for (const [id, words] of before.findings) expect(after.findings.get(id)).toBe(words);
  expect([...after.opened.values()].filter((count) => count > 1)).toEqual([]);
  // Resolved, reopened and the like: nothing of that happened in the database.
  expect(after.others).toEqual([]);
  expect(after.usedAtS).toBeGreaterThanOrEqual(before.usedAtS);
  // The page's time is when collecting ended, the history's when it began: a pass takes less than a second here.
  expect(after.usedAtS).toBeGreaterThanOrEqual(shownAtS - 1);
}

/** What `/metrics` shows as newest just before the end; 0 where nobody answers any more. */
const shownBy = (daemon: FaultyDaemon): Promise<number> => collectedAt(daemon).catch(() => 0);

/** Moments are spread over the start and the first passes. */
const momentMaxMs = 2_500;
const earlyMaxMs = 1_200;

test('SIGKILL at any moment loses no more than the collection in flight, and tells nothing twice', async () => {
  const store = path.join(folder, 'killed.db');
  const first = await serve({ store });
  await delayUntilKept(first);
  first.kill('SIGTERM');
  await first.ended;
  let before = await keptIn(store);
  const everBefore = before.findings.size;
  expect(everBefore).toBeGreaterThan(0);
  const count = times(8, 150);
  let whileWatching = 0;
  for (let n = 0; n < count; n += 1) {
    let shownAtS = 0;
    let ended: Ended;
    if (n % 4 === 0) {
      const running = launch({ store });
      await delay(Math.random() * earlyMaxMs);
      running.kill('SIGKILL');
      ended = await running.ended;
    } else {
      const daemon = await serve({ store });
      await delay(Math.random() * momentMaxMs);
      shownAtS = await shownBy(daemon);
      daemon.kill('SIGKILL');
      ended = await daemon.ended;
      whileWatching += 1;
    }
    expect(eventsIn(ended.stderr, 'store-damaged')).toEqual([]);
    const after = await keptIn(store);
    compare(before, after, shownAtS);
    before = after;
  }
  const startedAtMs = Date.now();
  const last = await serve({ store });
  await delayUntilKept(last);
  const recoveryMs = Date.now() - startedAtMs;
  expect(last.events('store-damaged')).toEqual([]);
  noteFault({
    area: 'daemon',
    fault: `SIGKILL at random moments, ${count} times`,
    did: `${whileWatching} while it watched, ${count - whileWatching} while it started: ${before.findings.size} findings as before, none opened twice, use up to what the page had shown, no damage`,
    said: 'facts fresh after the next start',
    recoveryMs,
  });
}, 900_000);

test('SIGTERM at any moment ends it in time, with exit code 0', async () => {
  const store = path.join(folder, 'terminated.db');
  const first = await serve({ store });
  await delayUntilKept(first);
  first.kill('SIGTERM');
  await first.ended;
  let before = await keptIn(store);
  const count = times(6, 60);
  let slowestMs = 0;
  let beforeBegun = 0;
  for (let n = 0; n < count; n += 1) {
    let shownAtS = 0;
    const isEarly = n % 3 === 0;
    const daemon = isEarly ? undefined : await serve({ store });
    const running = daemon ?? launch({ store });
    await delay(Math.random() * (isEarly ? earlyMaxMs : momentMaxMs));
    if (daemon !== undefined) shownAtS = await shownBy(daemon);
    const toldAtMs = performance.now();
    running.kill('SIGTERM');
    const { code, signal, stderr } = await running.ended;
    slowestMs = Math.max(slowestMs, performance.now() - toldAtMs);
    if (signal === 'SIGTERM') {
      // So early that the program was not loaded: nothing was begun, and the system's own answer is to end.
      expect(stderr).toBe('');
      expect(isEarly).toBe(true);
      beforeBegun += 1;
    } else {
      expect({ code, stderr }).toMatchObject({ code: 0 });
    }
    const after = await keptIn(store);
    compare(before, after, shownAtS);
    before = after;
  }
  // http.drainTimeout is 4 s here.
  expect(slowestMs).toBeLessThan(4_000);
  noteFault({
    area: 'daemon',
    fault: `SIGTERM at random moments, ${count} times`,
    did: `ended after ${(slowestMs / 1000).toFixed(1)} s at most (${beforeBegun} before the program was loaded); findings and use as with SIGKILL`,
    said: 'exit code 0',
    recoveryMs: null,
  });
}, 600_000);

/** Until it has taken in use twice: then everything of the first time is kept. */
async function delayUntilKept(daemon: FaultyDaemon): Promise<void> {
  await watches(daemon);
  await watches(daemon);
}
