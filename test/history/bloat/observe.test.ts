import { describe, expect, it } from 'vitest';
import { buildCatalogue } from '../../../src/analysis/catalogue.ts';
import type { CollectorName } from '../../../src/collectors/index.ts';
import type { Snapshot } from '../../../src/collectors/snapshot.ts';
import { rebuildsIn } from '../../../src/history/bloat/answers.ts';
import type { BloatMemory, IndexMemory } from '../../../src/history/bloat/memory.ts';
import {
  defaultObserveSettings,
  inventoryWholeAtMs,
  type Observed,
  observe,
  remember,
  sizePointsMax,
} from '../../../src/history/bloat/observe.ts';
import type { Outcome } from '../../../src/model/outcome.ts';
import { atOnce } from '../../../src/model/sliced.ts';
import { dayMs, hourMs, KiB, MiB, minuteMs } from '../../../src/model/units.ts';
import {
  aCatalogueOf,
  aSnapshot,
  collected,
  type DescribedIndex,
  type Facts,
  factsOf,
  failed,
  indexOid,
  takenAtMs,
} from '../../support/builders.ts';

const key = '["public","orders","orders_a_idx"]';

interface Look extends Partial<DescribedIndex> {
  readonly rows?: number;
  readonly atMs?: number;
  readonly facts?: Facts;
  readonly isGone?: boolean;
}

/** What came of a look, and what is remembered after it. */
interface Seen extends Observed {
  readonly memory: BloatMemory;
}

/** One look at `orders_a_idx`, minutes after the first. */
function look(
  before: BloatMemory,
  { rows = 100_000, atMs = 0, facts, isGone, ...index }: Look,
  wholeAtMs?: number,
): Seen & { readonly snapshot: Snapshot } {
  const indexes = isGone === true ? [] : [{ name: 'orders_a_idx', keys: ['a'], ...index }];
  const described = factsOf([{ name: 'orders', columns: ['id', 'a'], rows, indexes }], {
    takenAtMs: takenAtMs + atMs,
    ...facts,
  });
  const snapshot = aSnapshot(described);
  const catalogue = buildCatalogue(snapshot, () => true);
  const observed = observe(before, catalogue, snapshot, defaultObserveSettings, wholeAtMs);
  const memory = new Map(before);
  atOnce(remember(memory, observed.changes));
  return { ...observed, memory, snapshot };
}

/** Several looks, five minutes apart. */
function looks(...all: readonly Look[]): Seen & { readonly known: IndexMemory } {
  let memory: BloatMemory = new Map();
  let observed: Seen = { memory, changes: new Map(), events: [] };
  for (const [at, one] of all.entries()) {
    observed = look(memory, { atMs: at * 5 * minuteMs, ...one });
    memory = observed.memory;
  }
  const known = memory.get(key);
  if (known === undefined) throw new Error('the index is not remembered');
  return { ...observed, known };
}

const file = (relfilenode: number, oid = 10_001): Pick<DescribedIndex, 'fact'> => ({
  fact: { relfilenode, indexOid: indexOid(oid) },
});
const large = { sizeBytes: 80 * MiB, ...file(1) };
const rebuilt = { sizeBytes: 40 * MiB, ...file(2) };

describe('a rebuild', () => {
  it('is remembered for the index until the next', () => {
    const { known } = looks(large, rebuilt, rebuilt);
    expect(known.rebuiltAtMs).toBe(takenAtMs + 5 * minuteMs);
    const part = { name: 'orders_a_idx', keys: ['a'], ...file(2) };
    const catalogue = aCatalogueOf([{ name: 'orders', columns: ['id', 'a'], indexes: [part] }]);
    expect([...atOnce(rebuildsIn(catalogue, new Map([[key, known]])))]).toEqual([
      [indexOid(10_001), takenAtMs + 5 * minuteMs],
    ]);
    const { rebuiltAtMs: _, ...never } = known;
    expect(atOnce(rebuildsIn(catalogue, new Map([[key, never]]))).size).toBe(0);
  });

  it('is a new file of another size: an event with both sizes, and a baseline at once', () => {
    const { known, events } = looks(large, rebuilt);
    expect(known.baseline).toMatchObject({
      source: 'rebuild',
      expectedBytes: 40 * MiB,
      liveEntries: 100_000,
      freshDensity: null,
      atMs: takenAtMs + 5 * minuteMs,
    });
    expect(events).toEqual([
      expect.objectContaining({
        kind: 'index-rebuilt',
        indexrelname: 'orders_a_idx',
        atMs: takenAtMs + 5 * minuteMs,
        title: 'orders_a_idx on public.orders was rebuilt and went from 80 MiB to 40 MiB',
        evidence: { bytesBefore: 80 * MiB, bytesAfter: 40 * MiB },
      }),
    ]);
  });

  it('may change the oid alone, as REINDEX CONCURRENTLY does', () => {
    const { events } = looks(large, { sizeBytes: 40 * MiB, ...file(1, 10_009) });
    expect(events.map(({ kind }) => kind)).toEqual(['index-rebuilt']);
  });

  it('is none when the size stayed: SET TABLESPACE copies the bloat', () => {
    const { known, events } = looks(large, { sizeBytes: 80 * MiB, ...file(2) });
    expect({ events, baseline: known.baseline }).toEqual({ events: [], baseline: undefined });
    // Nor later, when it grows in its new place.
    expect(looks(large, { ...large, ...file(2) }, { sizeBytes: 90 * MiB, ...file(2) }).events).toEqual([]);
  });

  it('is none when the copy grew by a few pages meanwhile', () => {
    expect(looks(large, { sizeBytes: 80 * MiB + 64 * KiB, ...file(2) }).events).toEqual([]);
  });

  it('is none when the size alone changed', () => {
    expect(looks(large, { sizeBytes: 120 * MiB, ...file(1) }).events).toEqual([]);
  });

  it('is seen when it came between the reading of the catalogue and of the sizes', () => {
    const { events } = looks(large, large, { ...large, sizeBytes: 40 * MiB }, rebuilt);
    expect(events.map(({ evidence }) => evidence)).toEqual([{ bytesBefore: 80 * MiB, bytesAfter: 40 * MiB }]);
  });

  it('waits for the size where that cannot be seen', () => {
    const { known, events } = looks(large, { ...rebuilt, sizeBytes: null }, rebuilt);
    expect(events).toHaveLength(1);
    expect(known.baseline?.expectedBytes).toBe(40 * MiB);
  });

  it('is no baseline below a megabyte', () => {
    const { known, events } = looks(large, { sizeBytes: 8 * KiB, ...file(2) });
    expect({ events: events.length, baseline: known.baseline }).toEqual({ events: 1, baseline: undefined });
  });

  it('is no baseline where nobody knows how many rows there are', () => {
    const unknown = { rows: 0, fact: { ...rebuilt.fact, estimatedEntries: 0 } };
    expect(looks(large, { ...rebuilt, ...unknown }).known.baseline).toBeUndefined();
  });

  it('is an event and no baseline when it was noticed hours later: it may be bloated again', () => {
    const { known, events } = looks(large, { ...rebuilt, atMs: 3 * hourMs });
    expect({ events: events.length, baseline: known.baseline }).toEqual({ events: 1, baseline: undefined });
  });

  it('takes what was measured of the old file with it', () => {
    const first = looks(large).known;
    const scan = { atMs: 0, sizeBytes: 1, tupleCount: 1, tupleBytes: 1, freeBytes: 0, liveEntries: 1 };
    const measured: IndexMemory = { ...first, scan, sizeAtScanBytes: 1, deadShareAtScan: 0.1 };
    const observed = look(new Map([[key, measured]]), { ...rebuilt, atMs: minuteMs });
    const known = observed.memory.get(key);
    expect(known?.scan).toBeUndefined();
    expect(known?.deadShareAtScan).toBeUndefined();
    expect(known?.sizes.all()).toEqual(first.sizes.all());
  });
});

describe('an index that appears while the daemon watches', () => {
  const born = { sizeBytes: 40 * MiB, fact: { relpages: 40 * 128 } };
  const fresh = {
    source: 'rebuild',
    expectedBytes: 40 * MiB,
    liveEntries: 100_000,
    freshDensity: null,
    atMs: takenAtMs + 5 * minuteMs,
  };
  /** Looks at all that is described, five minutes after each other; each knows when the catalogue was last read whole. */
  const watched = (...all: readonly Look[]) => {
    let memory: BloatMemory = new Map();
    let wholeAtMs: number | undefined;
    for (const [at, one] of all.entries()) {
      const atMs = one.atMs ?? at * 5 * minuteMs;
      const seen = look(memory, { ...one, atMs }, wholeAtMs);
      memory = seen.memory;
      wholeAtMs = inventoryWholeAtMs(seen.snapshot) ?? wholeAtMs;
    }
    return memory;
  };
  const baselineOf = (memory: BloatMemory) => memory.get(key)?.baseline;

  it('was just built: a baseline like that of a rebuild, and no event', () => {
    expect(baselineOf(watched({ isGone: true }, born))).toMatchObject(fresh);
    const { snapshot, memory } = look(new Map(), { isGone: true });
    expect(look(memory, { ...born, atMs: 5 * minuteMs }, inventoryWholeAtMs(snapshot)).events).toEqual([]);
  });

  it('is nothing of the kind at the first look, nor after an inventory that was not whole', () => {
    expect(baselineOf(watched(born))).toBeUndefined();
    expect(baselineOf(watched(born, born))).toBeUndefined();
    const partial = { outcomes: { indexes: collected([], { skippedRelations: [1] }) } };
    expect(baselineOf(watched({ isGone: true, facts: partial }, born))).toBeUndefined();
  });

  it('is nothing of the kind when nobody had looked for hours', () => {
    expect(baselineOf(watched({ isGone: true }, { ...born, atMs: 3 * hourMs }))).toBeUndefined();
  });

  it('was renamed if its oid was there under another name', () => {
    const old = { ...born, name: 'orders_b_idx' };
    expect(baselineOf(watched(old, born))).toBeUndefined();
    const other = { ...old, fact: { ...old.fact, indexOid: indexOid(10_777) } };
    expect(baselineOf(watched(other, born))).toMatchObject(fresh);
  });

  it('was created empty and filled row by row if it has more pages than the build noted', () => {
    expect(baselineOf(watched({ isGone: true }, { ...born, fact: { relpages: 1 } }))).toBeUndefined();
  });

  it('waits until the build has ended: an invalid index is not known yet', () => {
    const building = { ...born, fact: { ...born.fact, isValid: false, isReady: false } };
    const still = watched({ isGone: true }, building);
    expect(still.size).toBe(0);
    expect(baselineOf(watched({ isGone: true }, building, building, born))).toMatchObject({
      ...fresh,
      atMs: takenAtMs + 15 * minuteMs,
    });
  });

  it('waits for its size where that cannot be seen, but not for hours', () => {
    const locked = { ...born, sizeBytes: null };
    expect(baselineOf(watched({ isGone: true }, locked))).toBeUndefined();
    const seen = watched({ isGone: true }, locked, locked, born);
    expect(baselineOf(seen)).toMatchObject({ ...fresh, atMs: takenAtMs + 15 * minuteMs });
    expect(seen.get(key)?.look.isNew).toBeUndefined();
    expect(baselineOf(watched({ isGone: true }, locked, { ...born, atMs: 3 * hourMs }))).toBeUndefined();
  });

  it('is no baseline below a megabyte', () => {
    const small = { sizeBytes: 16 * KiB, fact: { relpages: 2 } };
    expect(baselineOf(watched({ isGone: true }, small))).toBeUndefined();
  });
});

describe('what is remembered', () => {
  it('is written when it changes, and left alone otherwise', () => {
    const first = look(new Map(), large);
    expect([...first.changes.keys()]).toEqual([key]);
    const second = look(first.memory, { ...large, atMs: 5 * minuteMs });
    const third = look(second.memory, { ...large, atMs: 10 * minuteMs });
    expect(third.changes.size).toBe(0);
    const grown = look(third.memory, { ...large, sizeBytes: 81 * MiB, atMs: 15 * minuteMs });
    expect(grown.changes.size).toBe(1);
  });

  it('goes with the index', () => {
    const first = look(new Map(), large);
    const later = look(first.memory, { isGone: true });
    expect(later.memory.size).toBe(0);
    expect([...later.changes]).toEqual([[key, undefined]]);
  });

  it.each<[string, CollectorName, Outcome<never>]>([
    ['the catalogue could not be read', 'indexes', failed('timeout')],
    ['tables could not be read', 'tables', failed('timeout')],
    ['some indexes were locked', 'indexes', collected([], { skippedRelations: [1] })],
  ])('stays when %s', (_, collector, outcome) => {
    const first = look(new Map(), large);
    const later = look(first.memory, { isGone: true, facts: { outcomes: { [collector]: outcome } } });
    expect(later.memory).toEqual(first.memory);
    expect(later.changes.size).toBe(0);
  });

  it('holds one size a day, and no more than are needed', () => {
    let memory: BloatMemory = new Map();
    for (let hour = 0; hour < 24 * 45; hour += 6)
      memory = look(memory, {
        ...large,
        sizeBytes: (80 + hour) * MiB,
        atMs: hour * hourMs,
        facts: { takenAtMs: takenAtMs + hour * hourMs },
      }).memory;
    const sizes = memory.get(key)?.sizes.all() ?? [];
    expect(sizes).toHaveLength(sizePointsMax);
    const days = sizes.map(({ atMs }) => Math.floor(atMs / dayMs));
    expect(new Set(days).size).toBe(days.length);
    expect(days).toEqual([...days].sort((a, b) => a - b));
    expect(Math.max(...days)).toBe(Math.floor((takenAtMs + 44.5 * dayMs) / dayMs));
  });
});
