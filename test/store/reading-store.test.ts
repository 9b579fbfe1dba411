import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { emptyLedger } from '../../src/findings/ledger.ts';
import { Database } from '../../src/store/database.ts';
import { openReadingStore } from '../../src/store/reading-store.ts';
import type { Store } from '../../src/store/store.ts';
import { aFinding } from '../support/builders.ts';
import { aLedger, aMute, anEvent, bytes, primary, shop } from './contract.ts';
import { places } from './places.ts';

const { path, open, tidy, end } = places();
afterEach(tidy);
afterAll(end);
vi.setConfig({ testTimeout: 30_000 });

async function reading(file: string): Promise<Store> {
  const opened = await openReadingStore(file);
  if (!opened.ok) throw new Error(opened.error);
  return opened.value;
}

const hashOf = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

describe('a store opened to be read', () => {
  it('sees what a daemon has written, and goes on seeing it while the daemon writes', async () => {
    const file = path();
    const { store } = await open(file);
    const ledger = aLedger(aFinding({ id: 'f1' }));
    await store.keepLedger(shop, ledger, [anEvent()]);
    await store.keepMute(aMute());
    await store.keepRecords(shop, 'bloat', new Map([['a', { ratio: 1 }]]));
    await store.foldUsage(shop, primary, { checkpoint: bytes(2), days: [{ day: 20_500, record: bytes(3) }] });
    await store.appendUsage(shop, primary, bytes(4));

    const reader = await reading(file);
    expect(await reader.ledgerOf(shop)).toEqual(ledger);
    expect(await reader.eventsOf({ limit: 9 })).toEqual(await store.eventsOf({ limit: 9 }));
    expect(await reader.mutes()).toEqual([aMute()]);
    expect(await reader.usageOf(shop, primary)).toEqual(await store.usageOf(shop, primary));
    expect(await reader.usageDaysOf(shop, primary, 20_000, 21_000)).toEqual([
      { day: 20_500, record: bytes(3) },
    ]);

    await store.keepLedger(shop, ledger, [anEvent({ kind: 'index-dropped' })]);
    expect(await reader.eventsOf({ limit: 9 })).toHaveLength(2);
    await reader.close();
    expect((await store.status()).lastError).toBeNull();
  });

  it('keeps to itself what it is told', async () => {
    const file = path();
    const { store } = await open(file);
    await store.keepRecords(
      shop,
      'bloat',
      new Map([
        ['a', 1],
        ['b', 2],
      ]),
    );
    await store.close();
    const before = hashOf(file);

    const reader = await reading(file);
    await reader.keepLedger(shop, aLedger(aFinding({ id: 'mine' })), [anEvent()]);
    await reader.keepRecords(
      shop,
      'bloat',
      new Map<string, unknown>([
        ['a', undefined],
        ['c', 3],
      ]),
    );
    await reader.appendUsage(shop, primary, bytes(1));
    await reader.foldUsage(shop, primary, { checkpoint: bytes(1), days: [] });
    expect([...(await reader.ledgerOf(shop)).findings.keys()]).toEqual(['mine']);
    expect(await reader.recordsOf(shop, 'bloat')).toEqual(
      new Map([
        ['b', 2],
        ['c', 3],
      ]),
    );
    await expect(reader.keepMute(aMute())).rejects.toThrow(/opened to be read/);
    await reader.close();

    expect(hashOf(file)).toBe(before);
    const { store: again, notices } = await open(file);
    expect(notices).toMatchObject([{ kind: 'opened', isChecked: true }]);
    expect(await again.ledgerOf(shop)).toEqual(emptyLedger);
    expect(await again.recordsOf(shop, 'bloat')).toEqual(
      new Map([
        ['a', 1],
        ['b', 2],
      ]),
    );
  });

  it('does not keep a daemon from starting or stopping', async () => {
    const file = path();
    const first = await open(file);
    const reader = await reading(file);
    await first.store.keepMute(aMute());
    await first.store.close();
    const second = await open(file);
    await second.store.keepMute(aMute({ findingId: 'f2' }));
    expect(await reader.mutes()).toHaveLength(2);
    await reader.close();
  });

  it.each([
    ['nothing', () => {}, /no daemon has written it yet/],
    ['no database', (file: string) => writeFileSync(file, 'my diary\n'.repeat(500)), /not a database/],
    [
      'a database of another program',
      (file: string) => {
        const other = new Database(file, 100);
        other.exec('create table theirs (a)');
        other.close();
      },
      /no store of indexwarden/,
    ],
  ])('says that it is %s', async (_, make, why) => {
    const file = path();
    make(file);
    const opened = await openReadingStore(file);
    expect(opened).toMatchObject({ ok: false, error: expect.stringMatching(why) });
  });

  it('does not read what a newer program wrote', async () => {
    const file = path();
    await (await open(file)).store.close();
    const database = new Database(file, 100);
    database.exec('pragma user_version = 99');
    database.close();
    expect(await openReadingStore(file)).toMatchObject({
      ok: false,
      error: expect.stringMatching(/a newer indexwarden/),
    });
  });
});
