import { expect, it } from 'vitest';
import { emptyLedger, type Ledger } from '../../src/findings/ledger.ts';
import type { DiaryEvent, EventKind } from '../../src/model/event.ts';
import type { Finding } from '../../src/model/finding.ts';
import { nodeName, type TargetId } from '../../src/model/ids.ts';
import type { KeptMute, Store } from '../../src/store/store.ts';
import { aFinding, takenAtMs } from '../support/builders.ts';

export const shop: TargetId = { server: 'main', datname: 'shop' };
export const blog: TargetId = { server: 'main', datname: 'blog' };
export const primary = nodeName('primary');
export const standby = nodeName('standby-1');

export const bytes = (...values: readonly number[]): Uint8Array => Uint8Array.from(values);

export const anEvent = (overrides: Partial<DiaryEvent> = {}): DiaryEvent => ({
  kind: 'finding-opened',
  atMs: takenAtMs,
  ...shop,
  schemaname: 'public',
  relname: 'orders',
  indexrelname: 'orders_note_idx',
  node: null,
  findingId: 'f1',
  title: 'an index appeared that nobody uses',
  evidence: { sizeBytes: 8192, tables: ['orders'], nested: { isBig: false } },
  ...overrides,
});

export const aMute = (overrides: Partial<KeptMute> = {}): KeptMute => ({
  findingId: 'f1',
  reason: 'needed at the end of the quarter: “Abschluss”',
  author: 'dba',
  setAtMs: takenAtMs,
  untilMs: null,
  ...overrides,
});

export function aLedger(...findings: readonly Finding[]): Ledger {
  return {
    ...emptyLedger,
    findings: new Map(findings.map((finding) => [finding.id, finding])),
    observed: new Set(['unused-index', 'invalid-index']),
    pending: new Map([['unused-index', new Set(['public.orders', 'odd "schema".ünïcode'])]]),
    life: new Map(
      findings.map(({ id, severity }) => [
        id,
        {
          lineage: null,
          baselineBytes: 8192,
          worstSeverity: severity,
          reopenedAtMs: null,
          absentSinceMs: null,
        },
      ]),
    ),
  };
}

/** What every store does; `open` gives an empty one, which the caller closes in the end. */
export function storeContract(open: () => Promise<Store>): void {
  it('has an empty ledger for a target never seen', async () => {
    expect(await (await open()).ledgerOf(shop)).toEqual(emptyLedger);
  });

  it('gives back the ledger that was kept last, of each target its own', async () => {
    const store = await open();
    const first = aLedger(aFinding({ id: 'f1' }), aFinding({ id: 'f2', state: 'muted' }));
    const second = aLedger(
      aFinding({ id: 'f2', lastSeen: '2026-03-02T12:00:00.000Z' }),
      aFinding({ id: 'f3', title: 'a title in two lines\nand with “quotes”, 索引' }),
    );
    await store.keepLedger(shop, first);
    await store.keepLedger(blog, first);
    await store.keepLedger(shop, second);
    expect(await store.ledgerOf({ ...shop })).toEqual(second);
    expect(await store.ledgerOf(blog)).toEqual(first);
    await store.keepLedger(shop, emptyLedger);
    expect(await store.ledgerOf(shop)).toEqual(emptyLedger);
  });

  it('keeps when each finding was last seen, the latest of all or not', async () => {
    const store = await open();
    const held = aLedger(
      aFinding({ id: 'f1', lastSeen: '2026-03-01T12:00:00.000Z' }),
      aFinding({ id: 'f2', lastSeen: '2026-03-05T12:00:00.000Z' }),
      aFinding({ id: 'f3', lastSeen: '2026-03-05T12:00:00.000Z' }),
    );
    await store.keepLedger(shop, held);
    expect(await store.ledgerOf(shop)).toEqual(held);
    // The one that was the latest goes; what it stood for must not go with it.
    const rest = aLedger(aFinding({ id: 'f1', lastSeen: '2026-03-01T12:00:00.000Z' }));
    await store.keepLedger(shop, rest);
    expect(await store.ledgerOf(shop)).toEqual(rest);
  });

  it('numbers events in the order of writing and finds them newest first', async () => {
    const store = await open();
    const kinds: readonly EventKind[] = ['finding-opened', 'index-created', 'finding-resolved'];
    await store.keepLedger(
      shop,
      emptyLedger,
      kinds.map((kind) => anEvent({ kind })),
    );
    await store.keepLedger(blog, emptyLedger, [anEvent({ ...blog, atMs: takenAtMs - 5 })]);
    const all = await store.eventsOf({ limit: 10 });
    expect(all.map(({ kind, datname }) => [kind, datname])).toEqual([
      ['finding-opened', 'blog'],
      ['finding-resolved', 'shop'],
      ['index-created', 'shop'],
      ['finding-opened', 'shop'],
    ]);
    const ids = all.map(({ id }) => id);
    expect(ids).toEqual([...ids].sort((a, b) => b - a));
    expect(new Set(ids).size).toBe(4);
    const { id: _, ...last } = all[3]!;
    expect(last).toEqual(anEvent());
    expect((await store.eventsOf({ limit: 2 })).map(({ id }) => id)).toEqual(ids.slice(0, 2));
    expect((await store.eventsOf({ limit: 9, before: ids[1]! })).map(({ id }) => id)).toEqual(ids.slice(2));
    expect((await store.eventsOf({ limit: 9, target: blog })).map(({ id }) => id)).toEqual([ids[0]]);
    expect(
      (await store.eventsOf({ limit: 9, target: shop, kinds: ['finding-opened', 'finding-resolved'] })).map(
        ({ id }) => id,
      ),
    ).toEqual([ids[1], ids[3]]);
    expect(await store.eventsOf({ limit: 9, kinds: [] })).toEqual([]);
    expect(await store.eventsOf({ limit: 9, target: { server: 'main', datname: 'none' } })).toEqual([]);
  });

  it('keeps mutes by finding, in the order in which they were first set', async () => {
    const store = await open();
    expect(await store.mutes()).toEqual([]);
    await store.keepMute(aMute());
    await store.keepMute(aMute({ findingId: 'f2', untilMs: takenAtMs + 5 }));
    await store.keepMute(aMute({ reason: 'changed' }));
    expect(await store.mutes()).toEqual([
      aMute({ reason: 'changed' }),
      aMute({ findingId: 'f2', untilMs: takenAtMs + 5 }),
    ]);
    await store.liftMute('f1');
    await store.liftMute('unknown');
    expect(await store.mutes()).toEqual([aMute({ findingId: 'f2', untilMs: takenAtMs + 5 })]);
  });

  it('sets and deletes records, of each target and kind its own', async () => {
    const store = await open();
    expect(await store.recordsOf(shop, 'bloat')).toEqual(new Map());
    await store.keepRecords(
      shop,
      'bloat',
      new Map<string, unknown>([
        ['a', { ratio: 0.25, at: [1, 2] }],
        ['b', null],
        ['c', 'text'],
      ]),
    );
    await store.keepRecords(shop, 'definitions', new Map([['a', 7]]));
    await store.keepRecords(blog, 'bloat', new Map([['a', 8]]));
    await store.keepRecords(
      shop,
      'bloat',
      new Map<string, unknown>([
        ['b', undefined],
        ['c', false],
        ['never', undefined],
      ]),
    );
    expect(await store.recordsOf(shop, 'bloat')).toEqual(
      new Map<string, unknown>([
        ['a', { ratio: 0.25, at: [1, 2] }],
        ['c', false],
      ]),
    );
    expect(await store.recordsOf(shop, 'definitions')).toEqual(new Map([['a', 7]]));
    expect(await store.recordsOf(blog, 'bloat')).toEqual(new Map([['a', 8]]));
  });

  it('hands records to a reader, all of them, however many there are', async () => {
    const store = await open();
    const records = Array.from({ length: 2_500 }, (_, place) => [`k${place}`, { place }] as const);
    await store.keepRecords(shop, 'bloat', new Map([...records, ['', { place: -1 }]]));
    await store.keepRecords(shop, 'bloat-after', new Map([['k', 'of another kind']]));
    const read = await store.recordsOf(
      shop,
      'bloat',
      (record) => (record as { readonly place: number }).place,
    );
    expect(new Map(read)).toEqual(
      new Map([...records.map(([key], place) => [key, place] as const), ['', -1]]),
    );
  });

  it('appends collections, and folds them into checkpoint and days', async () => {
    const store = await open();
    expect(await store.usageOf(shop, primary)).toEqual({ checkpoint: undefined, collections: [] });
    await store.appendUsage(shop, primary, bytes(1));
    await store.appendUsage(shop, primary, bytes());
    await store.appendUsage(shop, standby, bytes(9));
    const compressible = new Uint8Array(5_000).fill(3);
    await store.appendUsage(shop, primary, compressible);
    expect(await store.usageOf(shop, primary)).toEqual({
      checkpoint: undefined,
      collections: [bytes(1), bytes(), compressible],
    });
    await store.foldUsage(shop, primary, {
      checkpoint: compressible,
      days: [
        { day: 20_000, record: bytes(5, 6) },
        { day: 19_998, record: compressible },
      ],
    });
    await store.appendUsage(shop, primary, bytes(2));
    expect(await store.usageOf(shop, primary)).toEqual({ checkpoint: compressible, collections: [bytes(2)] });
    expect(await store.usageOf(shop, standby)).toEqual({ checkpoint: undefined, collections: [bytes(9)] });
    await store.foldUsage(shop, primary, {
      checkpoint: bytes(4),
      days: [
        { day: 20_000, record: bytes(7) },
        { day: 20_003, record: bytes() },
      ],
    });
    expect(await store.usageOf(shop, primary)).toEqual({ checkpoint: bytes(4), collections: [] });
    expect(await store.usageDaysOf(shop, primary, 0, 99_999)).toEqual([
      { day: 19_998, record: compressible },
      { day: 20_000, record: bytes(7) },
      { day: 20_003, record: bytes() },
    ]);
    expect(await store.usageDaysOf(shop, primary, 20_000, 20_003)).toHaveLength(2);
    expect(await store.usageDaysOf(shop, primary, 20_001, 20_002)).toEqual([]);
    expect(await store.usageDaysOf(shop, standby, 0, 99_999)).toEqual([]);
    expect(await store.usageDaysOf(blog, primary, 0, 99_999)).toEqual([]);
  });

  it('leaves the memory it is given to its owner', async () => {
    const store = await open();
    const page = new Uint8Array(1_024).fill(7);
    const part = page.subarray(100, 110);
    await store.appendUsage(shop, primary, part);
    await store.foldUsage(shop, standby, { checkpoint: part, days: [{ day: 1, record: part }] });
    expect(page).toEqual(new Uint8Array(1_024).fill(7));
    expect(await store.usageOf(shop, primary)).toEqual({
      checkpoint: undefined,
      collections: [new Uint8Array(10).fill(7)],
    });
  });

  it('takes calls in the order in which they are made, without waiting between them', async () => {
    const store = await open();
    const many = aLedger(...Array.from({ length: 300 }, (_, n) => aFinding({ id: `f${n}` })));
    const kept = store.keepLedger(shop, many);
    const read = store.ledgerOf(shop);
    const replaced = store.keepLedger(shop, emptyLedger);
    const reread = store.ledgerOf(shop);
    expect((await read).findings.size).toBe(300);
    expect((await reread).findings.size).toBe(0);
    await Promise.all([kept, replaced]);
    const appended = Array.from({ length: 20 }, (_, n) => store.appendUsage(shop, primary, bytes(n)));
    expect((await store.usageOf(shop, primary)).collections.map((one) => one[0])).toEqual(
      Array.from({ length: 20 }, (_, n) => n),
    );
    await Promise.all(appended);
  });
}
