import {
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openUsage } from '../../src/history/usage/history.ts';
import { nodeName } from '../../src/model/ids.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';
import type { Store } from '../../src/store/store.ts';
import { findingsOf } from '../e2e/daemon-client.ts';
import { until } from '../e2e/program.ts';
import { usualRetention } from '../store/usual-retention.ts';
import { inRepository } from '../support/repository.ts';
import { type FaultyDaemon, stage, watches } from './faulty-daemon.ts';
import { noteFault, times } from './rows.ts';

/*
 * A file whose bytes are not what was written: found before it is used, or by whoever reads it; never a reason to stop watching.
 */

const { folder, serve, setUp, tearDown, endAll, database } = stage();
beforeAll(setUp);
afterEach(endAll);
afterAll(tearDown);

const recordKinds = ['definitions', 'bloat', 'table-sizes', 'own-scans', 'builds'];

/** Everything that a daemon would read at its start, as text. Throws what a daemon would meet. */
async function contentOf(store: Store): Promise<string> {
  const target = { server: 'main', datname: database().name };
  const ledger = await store.ledgerOf(target);
  const records = [];
  for (const kind of recordKinds) records.push([...(await store.recordsOf(target, kind))]);
  const { history, problem } = openUsage(
    nodeName('primary'),
    await store.usageOf(target, nodeName('primary')),
  );
  const events = await store.eventsOf({ limit: 1_000 });
  return JSON.stringify([
    [...ledger.findings],
    records,
    history.state.lastAtMs,
    problem,
    events,
    await store.mutes(),
  ]);
}

type Outcome = 'moved aside' | 'as before' | 'not noticed';

async function openDamaged(file: string, sound: string): Promise<Outcome> {
  const store = await openSqliteStore({
    file: { path: file, busyTimeoutMs: 1_000, synchronous: 'normal', checkTimeLimitMs: 20_000 },
    retention: usualRetention,
    now: Date.now,
    threadModule: pathToFileURL(inRepository('dist/store/worker.js')),
  });
  try {
    const content = await contentOf(store);
    const { movedAside } = await store.status();
    // Whatever it was, what comes next can be kept.
    await store.keepRecords({ server: 'main', datname: database().name }, 'probe', new Map([['a', 1]]));
    if (movedAside !== null) return 'moved aside';
    return content === sound ? 'as before' : 'not noticed';
  } finally {
    await store.close();
  }
}

function damage(file: string, at: number, length: number): void {
  const fd = openSync(file, 'r+');
  writeSync(fd, crypto.getRandomValues(new Uint8Array(length)), 0, length, at);
  closeSync(fd);
}

const anywhereIn = (file: string): number => Math.floor(Math.random() * statSync(file).size);

/** A file that a daemon has filled and closed. */
async function filled(): Promise<string> {
  const store = path.join(mkdtempSync(path.join(folder, 'filled-')), 'indexwarden.db');
  const daemon = await serve({ store });
  await watches(daemon);
  await watches(daemon);
  daemon.kill('SIGTERM');
  expect((await daemon.ended).code).toBe(0);
  return store;
}

test('bytes changed anywhere before the start: the file is moved aside or can be used, each time', async () => {
  const sound = await filled();
  const at = mkdtempSync(path.join(folder, 'damaged-'));
  const copy = (n: string): string => {
    const file = path.join(at, `${n}.db`);
    copyFileSync(sound, file);
    // What shows that the place is ours, as beside the file that a daemon has left.
    copyFileSync(`${sound}.lock`, `${file}.lock`);
    return file;
  };
  const whole = await openSqliteStore({
    file: { path: copy('whole'), busyTimeoutMs: 1_000, synchronous: 'normal', checkTimeLimitMs: 20_000 },
    retention: usualRetention,
    now: Date.now,
    threadModule: pathToFileURL(inRepository('dist/store/worker.js')),
  });
  const content = await contentOf(whole);
  await whole.close();
  const count = times(40, 600);
  const outcomes = new Map<Outcome, number>();
  for (let n = 0; n < count; n += 1) {
    const file = copy(String(n));
    // A flipped byte, a torn line, a lost page.
    damage(file, anywhereIn(file), [1, 16, 4_096][n % 3] ?? 1);
    const outcome = await openDamaged(file, content);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    for (const name of readdirSync(at)) if (name.startsWith(`${n}.db`)) rmSync(path.join(at, name));
  }
  const told = [...outcomes].map(([outcome, times]) => `${times} ${outcome}`).join(', ');
  expect([...outcomes.values()].reduce((sum, n) => sum + n, 0)).toBe(count);
  expect(outcomes.get('moved aside') ?? 0).toBeGreaterThan(0);
  // What is left is a number by which rows are ordered, and that is in order still.
  expect(outcomes.get('not noticed') ?? 0).toBeLessThanOrEqual(Math.ceil(count / 100));
  noteFault({
    area: 'daemon',
    fault: `the store damaged at ${count} random places (1 byte to a page) before the start`,
    did: `opened or begun anew each time, and written again: ${told}`,
    said: 'no start failed, no read failed',
    recoveryMs: null,
  });
}, 600_000);

test('a daemon started on a damaged file begins anew, says so, and watches', async () => {
  const store = await filled();
  damage(store, 100, 3_000);
  const startedAtMs = Date.now();
  const daemon = await serve({ store });
  await watches(daemon);
  const recoveryMs = Date.now() - startedAtMs;
  const [line] = daemon.events('store-damaged');
  expect(line).toMatchObject({ level: 'error', movedAside: expect.stringContaining('.damaged-') });
  const up = await daemon.metric('indexwarden_store_up');
  expect(up).toBe(1);
  expect((await findingsOf(daemon.address)).length).toBeGreaterThan(0);
  expect(statSync(String(line?.movedAside)).size).toBeGreaterThan(0);
  noteFault({
    area: 'daemon',
    fault: 'the schema of the store is overwritten before the start',
    did: `moved it aside ("${line?.why}"), began anew, collected`,
    said: `indexwarden_store_up ${up}`,
    recoveryMs,
  });
});

test('bytes changed under a running daemon do not stop it, then or after a restart', async () => {
  const rounds = times(2, 12);
  let reopened = 0;
  let movedAtStart = 0;
  let slowestMs = 0;
  const whole = (daemon: FaultyDaemon): Promise<number | undefined> => daemon.metric('indexwarden_store_up');
  for (let n = 0; n < rounds; n += 1) {
    const store = await filled();
    const daemon = await serve({ store });
    await watches(daemon);
    for (let page = 1; page * 4_096 < statSync(store).size; page += 2) damage(store, page * 4_096, 400);
    const damagedAtMs = Date.now();
    await watches(daemon);
    await watches(daemon);
    await until('it to be written', async () => (await whole(daemon)) === 1);
    slowestMs = Math.max(slowestMs, Date.now() - damagedAtMs);
    const before = await findingsOf(daemon.address);
    reopened += daemon.events('store-ended').length > 0 ? 1 : 0;
    daemon.kill('SIGTERM');
    expect((await daemon.ended).code).toBe(0);
    const again = await serve({ store });
    await watches(again);
    movedAtStart += again.events('store-damaged').length;
    const ids = new Set((await findingsOf(again.address)).map(({ id }) => id));
    for (const { id, state } of before) if (state === 'open') expect(ids).toContain(id);
    again.kill('SIGTERM');
    expect((await again.ended).code).toBe(0);
  }
  noteFault({
    area: 'daemon',
    fault: `every other page of the store overwritten under a running daemon, ${rounds} times`,
    did: `goes on watching; noticed while running ${reopened} times, at the next start ${movedAtStart} times; findings found again`,
    said: 'indexwarden_store_up 1 again, facts fresh',
    recoveryMs: slowestMs,
  });
}, 600_000);
