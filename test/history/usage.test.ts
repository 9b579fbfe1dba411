import { describe, expect, it } from 'vitest';
import { breakReasons } from '../../src/history/usage/epoch.ts';
import { foldUsage } from '../../src/history/usage/history.ts';
import { usageOfTable, usesOn } from '../../src/history/usage/observation.ts';
import type { NodeEpoch } from '../../src/history/usage/sample.ts';
import { dayOf } from '../../src/history/usage/state.ts';
import { dayMs, hourMs } from '../../src/model/units.ts';
import { hoursOf, indexCounters, type Said, startMs, subjectOf, tableCounters, Watched } from './samples.ts';

const scanned = (scansTotal: number, more: Parameters<typeof indexCounters>[1] = {}): Said => ({
  indexes: [indexCounters('i', { scansTotal, ...more })],
});

describe('a window', () => {
  it('begins at first sight, whatever the counters hold by then', () => {
    const node = new Watched();
    node.look(0, scanned(1_000));
    node.look(1, scanned(1_000));
    expect(node.of()).toMatchObject({
      observedSinceMs: startMs,
      observedToMs: startMs + hourMs,
      firstSeenMs: startMs,
      lastUsedAtMs: null,
      samples: 2,
      beganBy: 'first-sight',
      isFromFirstLook: true,
      counters: { scansTotal: 1_000, sinceMs: startMs - 60 * dayMs },
    });
  });

  it('knows a use by the look that showed it', () => {
    const node = new Watched();
    node.watch(0, 3);
    node.watch(4, 9, scanned(2));
    expect(hoursOf(node.of().lastUsedAtMs)).toBe(4);
    expect(usesOn(node.history, subjectOf('i'), dayOf(startMs))).toBe(2);
  });

  it.each([
    ['tuples read', { tuplesReadTotal: 5 }],
    ['tuples fetched', { tuplesFetchedTotal: 5 }],
    ['the time of the last scan', { lastScanAtMs: startMs + 90_000 }],
  ])('takes %s alone for a use as well', (_, counters) => {
    const node = new Watched();
    node.look(0);
    node.look(1, scanned(0, counters));
    expect(hoursOf(node.of().lastUsedAtMs)).toBe(1);
  });

  it('does not count our own scans', () => {
    const node = new Watched();
    node.look(0);
    node.look(1, scanned(3, { tuplesReadTotal: 7, lastScanAtMs: startMs + 5, ownScans: 3 }));
    expect(node.of().lastUsedAtMs).toBeNull();
    node.look(2, scanned(8, { tuplesReadTotal: 9, ownScans: 3 }));
    expect(usesOn(node.history, subjectOf('i'), dayOf(startMs))).toBe(2);
  });

  it('of a new index begins when it is first seen', () => {
    const node = new Watched();
    node.look(0);
    node.look(1, { indexes: [indexCounters('i'), indexCounters('new', { oid: 20_002 })] });
    expect(hoursOf(node.of('new').observedSinceMs)).toBe(1);
    expect(node.of('new').isFromFirstLook).toBe(false);
  });

  it('goes on over a gap that is not too long', () => {
    const node = new Watched();
    node.look(0);
    node.look(6);
    expect(hoursOf(node.of().observedSinceMs)).toBe(0);
  });

  it('goes on where a primary was restarted, and where its counters begin higher', () => {
    const node = new Watched();
    node.look(0, scanned(5));
    node.look(1, { ...scanned(9), epoch: { startedAtMs: startMs + hourMs / 2 } });
    expect(hoursOf(node.of().observedSinceMs)).toBe(0);
  });

  it('goes on through REINDEX CONCURRENTLY, which gives a new oid and carries the counters over', () => {
    const node = new Watched();
    node.look(0, scanned(5));
    node.look(0.1, scanned(5, { oid: 30_000 }));
    expect(node.of()).toMatchObject({ observedSinceMs: startMs, rebuiltAtMs: startMs + hourMs / 10 });
    expect(node.of().lastUsedAtMs).toBeNull();
  });

  it('goes on where inventory and counters did not meet for a moment', () => {
    const node = new Watched();
    node.look(0, scanned(5));
    node.look(0.1, { indexes: [] });
    node.look(0.2, scanned(6, { oid: 30_000 }));
    expect(node.of()).toMatchObject({ observedSinceMs: startMs, missingForMs: 0 });
    expect(hoursOf(node.of().lastUsedAtMs)).toBe(0.2);
  });

  it('goes on while the definition is locked: the index is known by its oid', () => {
    const node = new Watched();
    node.look(0);
    node.look(1, scanned(3, { subject: undefined }));
    expect(hoursOf(node.of().lastUsedAtMs)).toBe(1);
  });
});

describe('the window of a node breaks', () => {
  const broken = (epoch: Partial<NodeEpoch>, before: Partial<NodeEpoch> = {}) => {
    const node = new Watched();
    node.look(0, { epoch: before });
    const step = node.look(1, { epoch: { ...before, ...epoch } });
    return { ...node.of(), step };
  };

  it.each<[string, Partial<NodeEpoch>, Partial<NodeEpoch>]>([
    ['another-cluster', { systemIdentifier: '2' }, {}],
    ['another-database', { databaseOid: 99 }, {}],
    ['another-version', { versionNum: 180_000 }, {}],
    ['role-changed', { isInRecovery: true }, {}],
    ['another-node', { startedAtMs: startMs - 99 * dayMs }, {}],
    ['another-node', { timeline: 2 }, { timeline: 1 }],
    ['standby-started', { startedAtMs: startMs + 5 }, { versionNum: 140_000, isInRecovery: true }],
    ['crash', { databaseStatsResetAtMs: null, bgwriterStatsResetAtMs: startMs + 5 }, {}],
    ['crash', { archiverStatsResetAtMs: startMs + 5 }, { databaseStatsResetAtMs: null }],
    ['statistics-reset', { databaseStatsResetAtMs: startMs + 5 }, {}],
    ['statistics-reset', { databaseStatsResetAtMs: startMs + 5 }, { databaseStatsResetAtMs: null }],
    ['statistics-reset', { bgwriterStatsResetAtMs: startMs + 5 }, {}],
  ])('by %s', (reason, epoch, before) => {
    const observation = broken(epoch, before);
    expect(breakReasons).toContain(reason);
    expect(observation).toMatchObject({ beganBy: reason, samples: 1, firstSeenMs: startMs });
    expect(hoursOf(observation.observedSinceMs)).toBe(1);
    expect(observation.isFromFirstLook).toBe(false);
    expect(observation.step).toMatchObject({ events: [{ kind: 'statistics-reset', node: 'primary' }] });
  });

  it.each<[string, Partial<NodeEpoch>, Partial<NodeEpoch>]>([
    ['a minor upgrade', { versionNum: 170_011, startedAtMs: startMs + 5 }, {}],
    ['the restart of a standby from 15 on', { startedAtMs: startMs + 5 }, { isInRecovery: true }],
    ['a standby that follows a new timeline', { timeline: 2 }, { timeline: 1, isInRecovery: true }],
  ])('not by %s', (_, epoch, before) => {
    expect(hoursOf(broken(epoch, before).observedSinceMs)).toBe(0);
  });

  it('by a gap, after which use in it is known but not when', () => {
    const node = new Watched();
    node.look(0, scanned(1));
    const step = node.look(6.5, scanned(4));
    expect(hoursOf(node.of().observedSinceMs)).toBe(6.5);
    expect(hoursOf(node.of().lastUsedAtMs)).toBe(6.5);
    expect(node.of().beganBy).toBe('gap');
    expect(step).toMatchObject({ events: [{ kind: 'observation-gap' }] });
  });

  it('by a counter that fell though no reset is recorded, for all indexes', () => {
    const both = (i: number): Said => ({
      indexes: [indexCounters('i', { scansTotal: i }), indexCounters('j', { oid: 20_002 })],
    });
    const node = new Watched();
    node.look(0, both(5));
    node.look(1, both(2));
    expect([node.of('i').beganBy, node.of('j').beganBy]).toEqual(['counter-fell', 'counter-fell']);
  });

  it('for one index alone by its own reset, and by being made again', () => {
    const two = (counters: Parameters<typeof indexCounters>[1]): Said => ({
      indexes: [indexCounters('i', counters), indexCounters('j', { oid: 20_002 })],
    });
    const node = new Watched();
    node.look(0, two({ scansTotal: 5 }));
    node.look(1, two({ scansTotal: 0, statsResetAtMs: startMs + 5 }));
    expect([node.of('i').beganBy, node.of('j').beganBy]).toEqual(['own-reset', 'first-sight']);
    node.look(2, two({ scansTotal: 7, statsResetAtMs: null, oid: 30_000 }));
    expect(node.of('i')).toMatchObject({ beganBy: 'made-again', firstSeenMs: startMs + 2 * hourMs });
    expect(hoursOf(node.of('j').observedSinceMs)).toBe(0);
  });

  it('for an index that was away too long to say what it was doing', () => {
    const node = new Watched();
    node.look(0);
    node.watch(1, 7, { indexes: [] });
    expect(node.of().missingForMs).toBe(7 * hourMs);
    node.look(8);
    expect(node.of()).toMatchObject({ beganBy: 'not-seen', firstSeenMs: startMs });
  });
});

describe('the clock', () => {
  it('may go back a little: what is older than the last look is left out, and said', () => {
    const node = new Watched();
    node.look(5);
    const step = node.look(4, scanned(3));
    expect(step).toMatchObject({ kind: 'ignored', reason: expect.stringMatching(/3600 s older/) });
    node.look(6, scanned(3));
    expect(hoursOf(node.of().lastUsedAtMs)).toBe(6);
    expect(hoursOf(node.of().observedSinceMs)).toBe(5);
  });

  it('may be set back for good: the window begins anew, and nothing stays in the future', () => {
    const node = new Watched();
    node.look(1_000);
    node.look(1_001, scanned(3));
    node.look(1, scanned(3));
    const observation = node.of();
    expect(hoursOf(observation.observedSinceMs)).toBe(1);
    expect(observation.beganBy).toBe('clock');
    expect(observation.lastUsedAtMs).toBeLessThanOrEqual(startMs + hourMs);
    node.watch(2, 30, scanned(3));
    expect(hoursOf(node.of().observedToMs)).toBe(30);
  });
});

describe('a partitioned index', () => {
  const leaf = (name: string, scansTotal: number, oid: number, more = {}) =>
    indexCounters(name, { scansTotal, oid, top: subjectOf('tree'), ...more });

  it('is used where one of its parts is, also one that is gone since', () => {
    const node = new Watched();
    node.look(0, { indexes: [leaf('p1', 4, 21), leaf('p2', 0, 22)] });
    node.look(0.1, { indexes: [leaf('p1', 4, 21), leaf('p2', 1, 22)] });
    node.look(0.2, { indexes: [leaf('p1', 4, 21)] });
    expect(hoursOf(node.of('tree').lastUsedAtMs)).toBe(0.1);
    expect(hoursOf(node.of('tree').observedSinceMs)).toBe(0);
  });

  it('keeps its window when a part comes, and takes one that comes with scans for used', () => {
    const node = new Watched();
    node.look(0, { indexes: [leaf('p1', 4, 21)] });
    node.look(1, { indexes: [leaf('p1', 4, 21), leaf('p2', 0, 22)] });
    expect(node.of('tree')).toMatchObject({ observedSinceMs: startMs, lastUsedAtMs: null });
    node.look(2, { indexes: [leaf('p1', 4, 21), leaf('p2', 0, 22), leaf('p3', 9, 23)] });
    expect(hoursOf(node.of('tree').lastUsedAtMs)).toBe(2);
  });

  it('loses its window with a part that went while nobody looked', () => {
    const node = new Watched();
    node.look(0, { indexes: [leaf('p1', 4, 21), leaf('p2', 0, 22)] });
    node.look(1, { indexes: [leaf('p1', 4, 21)] });
    expect(node.of('tree').beganBy).toBe('part-lost');
  });
});

describe('a table', () => {
  const of = (node: Watched) => usageOfTable(node.history, 'public\0orders');

  it('is read by its own scans and those of its indexes, whose sum falls when one is dropped', () => {
    const node = new Watched();
    node.look(0, { ...scanned(100), tables: [tableCounters({ sequentialScansTotal: 5 })] });
    node.look(1, { ...scanned(103), tables: [tableCounters({ sequentialScansTotal: 6 })] });
    node.look(2, { indexes: [], tables: [tableCounters({ sequentialScansTotal: 6 })] });
    expect(hoursOf(of(node)?.lastReadAtMs ?? null)).toBe(1);
    expect(hoursOf(of(node)?.observedSinceMs ?? null)).toBe(0);
  });

  it('tells deletes from updates that may change a key', () => {
    const node = new Watched();
    node.look(0);
    node.look(1, { tables: [tableCounters({ rowsDeletedTotal: 1 })] });
    node.look(2, { tables: [tableCounters({ rowsDeletedTotal: 1, rowsUpdatedNotHotTotal: 2 })] });
    expect(hoursOf(of(node)?.lastDeletedAtMs ?? null)).toBe(1);
    expect(hoursOf(of(node)?.lastUpdatedAtMs ?? null)).toBe(2);
  });
});

describe('events', () => {
  it('tell of an index that is used again after a week and more', () => {
    const node = new Watched();
    node.watch(0, 7 * 24);
    const step = node.look(7 * 24 + 1, scanned(1));
    expect(step).toMatchObject({
      events: [
        {
          kind: 'index-used-again',
          schemaname: 'public',
          relname: 'orders',
          indexrelname: 'i',
          title: 'public.i is used again on primary, after 7 d',
        },
      ],
    });
    expect(node.look(7 * 24 + 2, scanned(2))).toMatchObject({ events: [] });
  });

  it('are one where many are used again at once', () => {
    const many = (scansTotal: number): Said => ({
      indexes: Array.from({ length: 30 }, (_, place) =>
        indexCounters(`i${place}`, { oid: 30_000 + place, scansTotal }),
      ),
    });
    const node = new Watched();
    node.watch(0, 7 * 24, many(0));
    expect(node.look(7 * 24 + 1, many(1))).toMatchObject({
      events: [{ kind: 'index-used-again', indexrelname: null, evidence: { count: 30 } }],
    });
  });
});

describe('what is kept', () => {
  it('begins with a checkpoint, grows by collections, and is folded when the day ends', () => {
    const node = new Watched();
    expect(node.look(0)).toMatchObject({ fold: { days: [] } });
    expect(node.look(1, scanned(1))).toMatchObject({ fold: undefined });
    expect(node.look(24, scanned(2))).toMatchObject({ fold: { days: [{ day: dayOf(startMs) }] } });
    expect(node.kept.collections).toEqual([]);
  });

  it('is all there after a restart', () => {
    const node = new Watched();
    node.watch(0, 30, scanned(3));
    node.look(31, scanned(7));
    const before = foldUsage(node.history).checkpoint;
    expect(foldUsage(node.reopen()).checkpoint).toEqual(before);
    expect(hoursOf(node.of().lastUsedAtMs)).toBe(31);
  });

  it('is folded when collections have become many, and again until the store has it', () => {
    const node = new Watched();
    node.look(0);
    for (let place = 1; place < 1_440; place++) node.look(place / 100, scanned(place));
    expect(node.kept.collections.length).toBe(1_439);
    expect(node.look(14.5, scanned(2_000))).toMatchObject({ fold: { days: [] } });
    expect(node.kept.collections.length).toBe(0);
  });

  it('starts anew, and says so, where the checkpoint is damaged', () => {
    const node = new Watched();
    node.watch(0, 3);
    const checkpoint = Uint8Array.from(node.kept.checkpoint ?? []);
    checkpoint[20] = (checkpoint[20] ?? 0) ^ 0xff;
    node.reopen({ checkpoint, collections: node.kept.collections });
    expect(node.problem).toMatch(/could not be read \(its checksum is wrong\): it starts anew/);
    node.look(4);
    expect(hoursOf(node.of().observedSinceMs)).toBe(4);
  });

  it.each([
    ['damaged', (collection: Uint8Array) => collection.slice(0, -1)],
    ['of something else', () => Uint8Array.of(9, 9)],
    ['lost', () => undefined],
  ])('goes on from before a collection that is %s, and folds at once', (_, damage) => {
    const node = new Watched();
    node.watch(0, 2);
    node.watch(3, 4, scanned(2));
    const collections = node.kept.collections.flatMap((collection, place) =>
      place === 2 ? (damage(collection) ?? []) : [collection],
    );
    node.reopen({ checkpoint: node.kept.checkpoint, collections });
    expect(node.problem).toMatch(/collections of the usage history of node primary are left out/);
    expect(hoursOf(node.of().observedToMs)).toBe(2);
    expect(node.look(5, scanned(2))).toMatchObject({ fold: { days: [] } });
    expect(hoursOf(node.of().lastUsedAtMs)).toBe(5);
    expect(hoursOf(node.of().observedSinceMs)).toBe(0);
  });

  it('does not build on what the store did not take: the next step holds everything', () => {
    const node = new Watched();
    node.look(0);
    node.look(1, scanned(1), false);
    node.look(23, scanned(1), false);
    expect(node.look(24, scanned(2), false)).toMatchObject({ fold: { days: [{ day: dayOf(startMs) }] } });
    expect(node.look(25, scanned(2))).toMatchObject({ fold: { days: [{ day: dayOf(startMs) }] } });
    const before = foldUsage(node.history).checkpoint;
    expect(foldUsage(node.reopen()).checkpoint).toEqual(before);
  });

  it('forgets what has been gone for long', () => {
    const node = new Watched();
    node.look(0);
    for (let day = 1; day <= 50; day++) node.look(day * 24, { indexes: [], tables: [] });
    expect(node.history.state.indexes.size).toBe(0);
    expect(node.history.state.tables.size).toBe(0);
    expect(node.reopen().state.nextId).toBe(2);
  });
});
