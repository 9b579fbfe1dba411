import { existsSync } from 'node:fs';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { emptyLedger } from '../../src/findings/ledger.ts';
import { dayMs } from '../../src/model/units.ts';
import { schemaVersion } from '../../src/store/migrations.ts';
import { aFinding, takenAtMs } from '../support/builders.ts';
import { aLedger, aMute, anEvent, bytes, primary, shop, storeContract } from './contract.ts';
import { places } from './places.ts';

const { path, open, tidy, end } = places();
afterEach(tidy);
afterAll(end);
// Threads and files, on machines that have other things to do.
vi.setConfig({ testTimeout: 30_000 });

describe('a store in a file', () => {
  storeContract(async () => (await open(path())).store);

  it('starts its thread from the form that it has itself, sources here', async () => {
    const { store } = await open(path(), { threadModule: null });
    await store.keepMute(aMute());
    expect(await store.mutes()).toEqual([aMute()]);
  });

  it('has everything after it was closed and opened again', async () => {
    const file = path();
    const ledger = aLedger(
      aFinding({ id: 'f1' }),
      aFinding({ id: 'f2', lastSeen: '2026-03-09T00:00:00.000Z' }),
    );
    const { store } = await open(file);
    await store.keepLedger(shop, ledger, [anEvent(), anEvent({ kind: 'index-dropped' })]);
    await store.keepMute(aMute());
    await store.keepRecords(shop, 'bloat', new Map([['a', { ratio: 1 }]]));
    await store.appendUsage(shop, primary, bytes(1));
    await store.foldUsage(shop, primary, { checkpoint: bytes(2), days: [{ day: 20_500, record: bytes(3) }] });
    await store.appendUsage(shop, primary, bytes(4));
    await store.close();
    expect(existsSync(`${file}-wal`)).toBe(false);

    const { store: again, notices } = await open(file);
    expect(notices).toMatchObject([{ kind: 'opened', isChecked: true }]);
    expect(notices[0]).toMatchObject({ upgradedFrom: undefined, movedAside: undefined });
    expect(await again.ledgerOf(shop)).toEqual(ledger);
    const events = await again.eventsOf({ limit: 9 });
    expect(events.map(({ id, kind }) => [id, kind])).toEqual([
      [2, 'index-dropped'],
      [1, 'finding-opened'],
    ]);
    expect(await again.mutes()).toEqual([aMute()]);
    expect(await again.recordsOf(shop, 'bloat')).toEqual(new Map([['a', { ratio: 1 }]]));
    expect(await again.usageOf(shop, primary)).toEqual({ checkpoint: bytes(2), collections: [bytes(4)] });
    expect(await again.usageDaysOf(shop, primary, 0, 99_999)).toEqual([{ day: 20_500, record: bytes(3) }]);
  });

  it('says where it is, how large, and when it was last written', async () => {
    const file = path();
    let nowMs = takenAtMs;
    const { store } = await open(file, { now: () => nowMs });
    const before = await store.status();
    expect(before).toMatchObject({ path: file, schemaVersion, movedAside: null, lastError: null });
    nowMs += dayMs;
    await store.appendUsage(shop, primary, crypto.getRandomValues(new Uint8Array(60_000)));
    const after = await store.status();
    expect(after.lastWriteAtMs).toBe(takenAtMs + dayMs);
    expect(after.sizeBytes! - before.sizeBytes!).toBeGreaterThan(60_000);
  });

  it('does not write again what has not changed', async () => {
    const { store } = await open(path());
    const findings = Array.from({ length: 300 }, (_, n) => aFinding({ id: `f${n}` }));
    const later = findings.map((finding) => ({ ...finding, lastSeen: '2026-03-08T12:00:00.000Z' }));
    await store.keepLedger(shop, aLedger(...findings));
    const before = (await store.status()).sizeBytes!;
    await store.keepLedger(shop, aLedger(...later));
    // The log grows by a page or two, not by hundreds of rows.
    expect((await store.status()).sizeBytes! - before).toBeLessThan(20_000);
    expect((await store.ledgerOf(shop)).findings.get('f7')?.lastSeen).toBe('2026-03-08T12:00:00.000Z');
  });

  it('goes on after a call that failed, of which nothing is left', async () => {
    const { store } = await open(path());
    const unwritable = { toJSON: () => undefined };
    await expect(
      store.keepRecords(
        shop,
        'bloat',
        new Map<string, unknown>([
          ['good', 1],
          ['bad', 1n],
        ]),
      ),
    ).rejects.toThrow(/cannot be sent/);
    // An event without a title is JSON all the same; one that is no JSON at all is refused by the table, after the ledger was written.
    await expect(
      store.keepLedger(shop, aLedger(aFinding()), [unwritable as unknown as ReturnType<typeof anEvent>]),
    ).rejects.toThrow(/keepLedger: /);
    expect(await store.recordsOf(shop, 'bloat')).toEqual(new Map());
    expect(await store.ledgerOf(shop)).toEqual(emptyLedger);
    expect((await store.status()).lastError).not.toBeNull();
    await store.keepMute(aMute());
    expect((await store.status()).lastError).toBeNull();
    expect(await store.mutes()).toEqual([aMute()]);
  });

  it('refuses calls after it was closed', async () => {
    const { store } = await open(path());
    const last = store.keepMute(aMute());
    const closing = store.close();
    await expect(store.mutes()).rejects.toThrow(/closed/);
    await expect(last).resolves.toBeUndefined();
    await expect(closing).resolves.toBeUndefined();
    await expect(store.close()).resolves.toBeUndefined();
  });

  it('rejects what waits when the thread dies, and says so from then on', async () => {
    const threadModule = new URL('./dying-thread.mjs', import.meta.url);
    const { store, notices } = await open(path(), { threadModule });
    const waiting = [store.mutes(), store.keepMute(aMute()), store.ledgerOf(shop)];
    const outcomes = await Promise.allSettled(waiting);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(String((outcomes[1] as PromiseRejectedResult).reason)).toBe(
      'StoreError: keepMute: the storage thread ended: out of luck',
    );
    await expect(store.mutes()).rejects.toThrow('the storage thread ended: out of luck');
    expect((await store.status()).lastError).toBe('the storage thread ended: out of luck');
    expect(notices.at(-1)).toEqual({
      kind: 'thread-ended',
      error: 'the storage thread ended: out of luck',
      reopensInMs: 1_000,
    });
    await expect(store.close()).resolves.toBeUndefined();
  });
});
