import { describe, expect, it } from 'vitest';
import { buildCatalogue } from '../../../src/analysis/catalogue.ts';
import type { IndexBuildFact } from '../../../src/collectors/builds.ts';
import { defaultBuildSettings } from '../../../src/history/builds/rates.ts';
import { type LearnedBuild, nothingWatched, watchBuilds } from '../../../src/history/builds/watched.ts';
import { hourMs, MiB, minuteMs } from '../../../src/model/units.ts';
import {
  aSnapshot,
  collected,
  type DescribedIndex,
  type Facts,
  factsOf,
  failed,
  indexOid,
  tableOid,
  takenAtMs,
} from '../../support/builders.ts';

/** What one minute shows: builds, and, where the catalogue and the sizes were read too, the indexes of the table. */
interface Minute {
  readonly builds?: readonly Partial<IndexBuildFact>[];
  readonly indexes?: readonly DescribedIndex[];
  readonly facts?: Facts;
  /** Instead of one minute after the last. */
  readonly atMs?: number;
}

const target = 10_001;
const aBuild = (more: Partial<IndexBuildFact>): IndexBuildFact => ({
  backendPid: 77,
  tableOid: tableOid(10_000),
  indexOid: indexOid(10_500),
  command: 'REINDEX CONCURRENTLY',
  phase: 'building index: loading tuples in tree',
  blocksDone: 0,
  blocksTotal: 0,
  tuplesDone: 0,
  tuplesTotal: 0,
  startedAtMs: null,
  ...more,
});
const index = (oid: number, more: DescribedIndex['fact'] = {}, name = `i_${oid}`): DescribedIndex => ({
  name,
  keys: ['a'],
  sizeBytes: 180 * MiB,
  fact: { indexOid: indexOid(oid), relfilenode: oid, ...more },
});
const [building, validating] = ['building index: scanning table', 'index validation: scanning index'];
const seen = (...phases: readonly string[]): Minute[] => phases.map((phase) => ({ builds: [{ phase }] }));

/** Everything learned from minute after minute. The first shows the index as it was. */
function learnedFrom(...minutes: readonly Minute[]): readonly LearnedBuild[] {
  const learned: LearnedBuild[] = [];
  let watch = nothingWatched;
  let inventory: { readonly atMs: number; readonly indexes: readonly DescribedIndex[] } = {
    atMs: takenAtMs,
    indexes: [index(target)],
  };
  for (const [
    minute,
    { builds = [], indexes, facts, atMs = takenAtMs + minute * minuteMs },
  ] of minutes.entries()) {
    if (indexes !== undefined) inventory = { atMs, indexes };
    const described = factsOf([{ name: 'orders', columns: ['id', 'a'], indexes: inventory.indexes }]);
    const then = { collectedAtMs: inventory.atMs };
    const snapshot = aSnapshot({
      ...described,
      indexBuilds: builds.map(aBuild),
      takenAtMs: atMs,
      ...facts,
      outcomes: {
        indexes: collected(described.indexes ?? [], then),
        'relation-sizes': collected(described.relationSizes ?? [], then),
        ...facts?.outcomes,
      },
    });
    const catalogue = buildCatalogue(snapshot, () => true);
    const step = watchBuilds(watch, catalogue, snapshot, { ...defaultBuildSettings, spreadMax: 100 });
    watch = step.watch;
    learned.push(...step.learned);
  }
  return learned;
}
const rebuilt = { indexes: [index(10_500, {}, 'i_10001')] };
const times = (learned: readonly LearnedBuild[]) =>
  learned.map(({ build: { leastMs, mostMs } }) => [leastMs / minuteMs, mostMs / minuteMs]);

describe('a build that was watched', () => {
  it('took at least as long as it was seen, and at most until the looks before and after', () => {
    const learned = learnedFrom({}, ...seen(building, building, building), {}, rebuilt);
    expect(learned).toEqual([
      {
        accessMethod: 'btree',
        build: {
          atMs: takenAtMs + 4 * minuteMs,
          bytes: 180 * MiB,
          leastMs: 2 * minuteMs,
          mostMs: 4 * minuteMs,
          isConcurrent: true,
        },
      },
    ]);
  });

  it.each<[string, readonly string[], readonly [number, number]]>([
    [
      'before it began',
      ['waiting for writers before build', 'waiting for writers before build', building, building],
      [1, 3],
    ],
    [
      'between building and validation',
      [
        building,
        building,
        'waiting for writers before validation',
        'waiting for writers before validation',
        validating,
        validating,
      ],
      [2, 6],
    ],
    [
      'after its work',
      [building, building, 'waiting for old snapshots', 'waiting for old snapshots'],
      [1, 3],
    ],
    [
      'for readers of the old index',
      [building, building, 'waiting for old snapshots', 'waiting for readers before dropping'],
      [1, 3],
    ],
  ])('is not charged for the time that it waited for other transactions %s', (_, phases, expected) => {
    expect(times(learnedFrom({}, ...seen(...phases), {}, rebuilt))).toEqual([expected]);
  });

  it('is learned from once the catalogue and the sizes were read after it, and once only', () => {
    const minutes = [{}, ...seen(building, building)];
    // The pass that misses it may have read the sizes before its end.
    expect(learnedFrom(...minutes, rebuilt)).toEqual([]);
    expect(learnedFrom(...minutes, {}, {})).toEqual([]);
    expect(learnedFrom(...minutes, {}, rebuilt, rebuilt)).toHaveLength(1);
    const sizeless = { indexes: [{ ...index(10_500), sizeBytes: null }] };
    expect(learnedFrom(...minutes, {}, sizeless, rebuilt)).toHaveLength(1);
  });

  it('goes on while the list of builds cannot be read', () => {
    const blind = { facts: { outcomes: { 'index-builds': failed('timeout') } } };
    expect(times(learnedFrom({}, ...seen(building), blind, ...seen(building), {}, rebuilt))).toEqual([
      [2, 4],
    ]);
  });

  it('may be a plain REINDEX, which keeps the oid and gets another file', () => {
    const plain = { indexOid: indexOid(target), command: 'REINDEX' };
    const minutes: Minute[] = [{}, { builds: [plain] }, { builds: [plain] }, {}];
    const another = { indexes: [index(target, { relfilenode: 999 })] };
    expect(learnedFrom(...minutes, another)).toMatchObject([{ build: { isConcurrent: false } }]);
    // Without another file it has failed.
    expect(learnedFrom(...minutes, { indexes: [index(target)] })).toEqual([]);
  });

  it('may be CREATE INDEX CONCURRENTLY, whose index is told once it exists', () => {
    const create = { command: 'CREATE INDEX CONCURRENTLY' };
    const minutes: Minute[] = [
      {},
      { builds: [{ ...create, indexOid: null, phase: 'initializing' }] },
      { builds: [create], indexes: [index(target), index(10_500, { isValid: false })] },
      { builds: [create] },
      {},
    ];
    expect(times(learnedFrom(...minutes, { indexes: [index(target), index(10_500)] }))).toEqual([[1, 3]]);
    const failedBuild = { indexes: [index(target), index(10_500, { isValid: false })] };
    expect(learnedFrom(...minutes, failedBuild)).toEqual([]);
  });

  it('may be CREATE INDEX, which tells no index: it is the only one that the table has more', () => {
    const create = { command: 'CREATE INDEX', indexOid: null };
    const minutes: Minute[] = [{}, { builds: [create] }, { builds: [create] }, {}];
    const gin = index(10_600, { accessMethod: 'gin' });
    expect(learnedFrom(...minutes, { indexes: [index(target), gin] })).toMatchObject([
      { accessMethod: 'gin' },
    ]);
    expect(learnedFrom(...minutes, { indexes: [index(target)] })).toEqual([]);
    expect(learnedFrom(...minutes, { indexes: [index(target), gin, index(10_601)] })).toEqual([]);
    const two = { builds: [create, { ...create, backendPid: 78 }] };
    expect(learnedFrom({}, two, two, {}, { indexes: [index(target), gin] })).toEqual([]);
  });
});

describe('a build teaches nothing', () => {
  it('when it was under way at the first look: nobody knows since when', () => {
    expect(learnedFrom(...seen(building, building, building), {}, rebuilt)).toEqual([]);
  });

  it('when it was seen once', () => {
    expect(learnedFrom({}, ...seen(building), {}, rebuilt)).toEqual([]);
  });

  it('when its index is gone, or not valid', () => {
    const minutes = [{}, ...seen(building, building), {}];
    expect(learnedFrom(...minutes, { indexes: [index(target)] })).toEqual([]);
    expect(learnedFrom(...minutes, { indexes: [index(target), index(10_500, { isValid: false })] })).toEqual(
      [],
    );
  });

  it('when REINDEX of a table builds one index beside the other, concurrently', () => {
    const other = { indexOid: indexOid(10_501) };
    const minutes = [{}, ...seen(building, building), { builds: [other] }, { builds: [other] }, {}];
    const both = { indexes: [index(10_500), index(10_501)] };
    expect(learnedFrom(...minutes, both)).toEqual([]);
  });

  it('when the same session began again', () => {
    expect(learnedFrom({}, ...seen(validating, validating, building, building), {}, rebuilt)).toEqual([]);
  });

  it('when the server says a phase that nobody knows', () => {
    expect(learnedFrom({}, ...seen(building, 'polishing', building), {}, rebuilt)).toEqual([]);
  });

  it('when the size was not seen for an hour', () => {
    const late = { ...rebuilt, atMs: takenAtMs + 2 * hourMs };
    expect(learnedFrom({}, ...seen(building, building), {}, late)).toEqual([]);
  });

  it('when whoever looks may not see which table it is', () => {
    const hidden = { builds: [{ tableOid: null }] };
    expect(learnedFrom({}, hidden, hidden, {}, rebuilt)).toEqual([]);
  });
});

it('several indexes that REINDEX TABLE builds one after the other are learned from one by one', () => {
  const of = (oid: number) => ({ builds: [{ indexOid: indexOid(oid), command: 'REINDEX' }] });
  const before = { indexes: [index(1), index(2)] };
  const after = { indexes: [index(1, { relfilenode: 11 }), index(2, { relfilenode: 22 })] };
  expect(times(learnedFrom(before, of(1), of(1), of(2), of(2), of(2), {}, after))).toEqual([
    [1, 3],
    [2, 4],
  ]);
});
