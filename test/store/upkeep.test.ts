import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { emptyLedger } from '../../src/findings/ledger.ts';
import { dayMs, hourMs, MiB } from '../../src/model/units.ts';
import type { Store } from '../../src/store/store.ts';
import { aFinding, takenAtMs } from '../support/builders.ts';
import { aLedger, anEvent, blog, bytes, primary, shop, standby } from './contract.ts';
import { places } from './places.ts';

const { path, open, tidy, end } = places();
afterEach(tidy);
afterAll(end);
// Threads and files, on machines that have other things to do.
vi.setConfig({ testTimeout: 30_000 });

const today = Math.floor(takenAtMs / dayMs);

const daysOf = async (store: Store, node = primary): Promise<readonly number[]> =>
  (await store.usageDaysOf(shop, node, 0, 999_999)).map(({ day }) => day);

const foldDays = (store: Store, days: readonly number[], size = 10, node = primary): Promise<void> =>
  store.foldUsage(shop, node, {
    checkpoint: bytes(1),
    days: days.map((day) => ({ day, record: randomBytes(size) })),
  });

describe('retention', () => {
  it('forgets days past it, and each node knows from where on nothing is missing', async () => {
    const { store } = await open(path(), { retention: { usageDays: 100 } });
    await foldDays(store, [today - 300, today - 101, today - 100, today]);
    await foldDays(store, [today - 5], 10, standby);
    expect(await daysOf(store)).toEqual([today - 100, today]);
    expect(await store.usageOf(shop, primary)).toMatchObject({ forgottenBeforeDay: today - 100 });
    expect(await store.usageOf(shop, standby)).not.toHaveProperty('forgottenBeforeDay');
  });

  it('forgets events past it, and the oldest of too many', async () => {
    const { store } = await open(path(), { retention: { eventsForMs: 10 * dayMs, eventsMax: 2_500 } });
    const old = Array.from({ length: 1_500 }, () => anEvent({ atMs: takenAtMs - 11 * dayMs }));
    const recent = Array.from({ length: 3_000 }, (_, n) => anEvent({ atMs: takenAtMs - n }));
    await store.keepLedger(shop, emptyLedger, [...old, ...recent]);
    const kept = await store.eventsOf({ limit: 10_000 });
    expect(kept).toHaveLength(2_500);
    expect(kept.at(-1)?.id).toBe(2_001);
    await store.keepLedger(shop, emptyLedger, [anEvent()]);
    expect((await store.eventsOf({ limit: 1 }))[0]?.id).toBe(4_501);
  });

  it('forgets targets and nodes of which nothing was kept for as long, and only those', async () => {
    let nowMs = takenAtMs;
    const { store } = await open(path(), { retention: { usageDays: 100 }, now: () => nowMs });
    await store.keepLedger(shop, aLedger(aFinding()), [anEvent()]);
    await store.appendUsage(shop, standby, bytes(1));
    await store.keepLedger(blog, aLedger(aFinding()), [anEvent(blog)]);
    for (let passed = 0; passed <= 110; passed += 1) {
      nowMs = takenAtMs + passed * dayMs;
      await store.appendUsage(shop, primary, bytes(passed));
    }
    expect(await store.ledgerOf(blog)).toEqual(emptyLedger);
    expect(await store.eventsOf({ target: blog, limit: 5 })).toEqual([]);
    expect((await store.ledgerOf(shop)).findings.size).toBe(1);
    expect((await store.usageOf(shop, standby)).collections).toEqual([]);
    expect((await store.usageOf(shop, primary)).collections).toHaveLength(111);
  });

  it('is looked after once an hour, not at each write', async () => {
    let nowMs = takenAtMs;
    const { store } = await open(path(), { retention: { usageDays: 100 }, now: () => nowMs });
    await store.appendUsage(shop, primary, bytes(1));
    await foldDays(store, [today - 300]);
    expect(await daysOf(store)).toEqual([today - 300]);
    nowMs += hourMs;
    await store.appendUsage(shop, primary, bytes(1));
    expect(await daysOf(store)).toEqual([]);
  });
});

describe('a file that is too large', () => {
  it('loses its oldest days and events, gives the room back, and says so', async () => {
    const { store, notices } = await open(path(), { retention: { bytesMax: 8 * MiB } });
    const old = Array.from({ length: 500 }, () => anEvent({ atMs: (today - 40.5) * dayMs }));
    await store.keepLedger(shop, aLedger(aFinding()), [...old, anEvent({ title: 'of today' })]);
    for (let day = today - 40; day <= today; day += 1) await foldDays(store, [day], MiB / 2);
    const kept = await daysOf(store);
    expect(kept.length).toBeGreaterThan(10);
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, n) => today - kept.length + 1 + n));
    expect(await store.usageOf(shop, primary)).toMatchObject({ forgottenBeforeDay: kept[0] });
    expect(await store.eventsOf({ limit: 9 })).toMatchObject([{ title: 'of today' }]);
    expect((await store.ledgerOf(shop)).findings.size).toBe(1);
    const said = notices.filter((notice) => notice.kind === 'trimmed');
    expect(said.reduce((sum, { days }) => sum + days, 0)).toBe(41 - kept.length);
    expect(said.reduce((sum, { events }) => sum + events, 0)).toBe(500);
    expect(said.every(({ isEnough }) => isEnough)).toBe(true);
    await store.close();
    // Now without its log.
    const { sizeBytes } = (await (await open(await pathOf(store))).store.status()) as { sizeBytes: number };
    expect(sizeBytes).toBeLessThan(13 * MiB);
  });

  it('says once when there is nothing left that may be forgotten', async () => {
    const { store, notices } = await open(path(), { retention: { bytesMax: MiB } });
    for (let n = 0; n < 5; n += 1) await store.appendUsage(shop, primary, randomBytes(MiB / 2));
    expect((await store.usageOf(shop, primary)).collections).toHaveLength(5);
    expect(notices.filter(({ kind }) => kind === 'trimmed')).toMatchObject([{ isEnough: false, days: 0 }]);
  });
});

describe('a disk that is full', () => {
  it('fails writes one by one, said once, until there is room again', async () => {
    const file = path();
    const full = await open(file, { file: { pagesMax: 200 } });
    const noise = randomBytes(200_000);
    for (let n = 0; n < 2; n += 1) await full.store.appendUsage(shop, primary, noise);
    const failures = [1, 2, 3].map(() => full.store.appendUsage(shop, primary, randomBytes(MiB)));
    for (const failure of failures)
      await expect(failure).rejects.toThrow('appendUsage: database or disk is full');
    expect((await full.store.status()).lastError).toBe('database or disk is full');
    expect(full.notices.filter(({ kind }) => kind !== 'opened')).toEqual([
      { kind: 'write-failed', error: 'database or disk is full' },
    ]);
    // Reading goes on, and what is small enough is kept, which ends the trouble.
    expect((await full.store.usageOf(shop, primary)).collections).toHaveLength(2);
    await full.store.appendUsage(shop, primary, bytes(1));
    expect((await full.store.status()).lastError).toBeNull();
    expect(full.notices.at(-1)).toEqual({ kind: 'writes-again' });
    await full.store.close();
    const { store } = await open(file);
    expect((await store.usageOf(shop, primary)).collections).toHaveLength(3);
  });
});

const pathOf = async (store: Store): Promise<string> => (await store.status()).path ?? '';
