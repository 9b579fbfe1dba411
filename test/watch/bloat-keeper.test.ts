import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Catalogue } from '../../src/analysis/catalogue.ts';
import { indexOid, tableOid } from '../../src/collectors/define.ts';
import type { IndexFact } from '../../src/collectors/inventory.ts';
import { MiB } from '../../src/model/units.ts';
import { systemClock } from '../../src/scheduler/clock.ts';
import { memoryStore } from '../../src/store/store.ts';
import { BloatKeeper } from '../../src/watch/bloat/keeper.ts';
import {
  aCatalogue,
  aColumnStatisticsFact,
  type DescribedTable,
  factsOf,
  takenAtMs,
} from '../support/builders.ts';

/*
 * What a keeper tells is made again only where something changed. It must be what one would tell that looks for the first time.
 */

const aKeeper = (): BloatKeeper =>
  new BloatKeeper({
    target: { server: 'main', datname: 'shop' },
    store: memoryStore(),
    clock: systemClock,
    settings: {
      queue: { indexBytesMax: MiB, remeasureAfterMs: 1, remeasureChangeRatio: 1, deadShare: 1 },
      baselineBytesMin: MiB,
      watchIntervalMs: 100,
      activeBackendsMax: 1,
      statementTimeoutMs: () => 1_000,
    },
    obstacle: undefined,
    onProblem: (message) => {
      throw new Error(message);
    },
  });

/** Two partitioned indexes, and leaves of which each belongs to one of them, to none, or is gone. */
interface Scene {
  readonly sizesMiB: readonly number[];
  readonly parents: readonly ('first' | 'second' | 'none' | 'gone')[];
  readonly hasSecond: boolean;
}
const leaves = 4;
const scene: fc.Arbitrary<Scene> = fc.record({
  sizesMiB: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: leaves, maxLength: leaves }),
  parents: fc.array(fc.constantFrom('first', 'second', 'none', 'gone'), {
    minLength: leaves,
    maxLength: leaves,
  }),
  hasSecond: fc.boolean(),
});
const [firstOid, secondOid] = [indexOid.parse(90_001), indexOid.parse(90_002)];

/** Facts that are equal are one, as they are from one reading to the next. */
const seen = new Map<string, IndexFact>();

function catalogueOf({ sizesMiB, parents, hasSecond }: Scene): Catalogue {
  const whole = (name: string, oid: typeof firstOid) => ({
    name,
    keys: ['a'],
    fact: { relkind: 'I' as const, indexOid: oid },
  });
  const parentOids = { first: firstOid, second: hasSecond ? secondOid : null, none: null };
  const facts = factsOf([
    {
      name: 'whole',
      columns: ['a'],
      fact: { relkind: 'p' },
      indexes: [whole('first', firstOid), ...(hasSecond ? [whole('second', secondOid)] : [])],
    },
    ...parents.map(
      (parent, place): DescribedTable => ({
        name: `part_${place}`,
        columns: ['a'],
        indexes:
          parent === 'gone'
            ? []
            : [
                {
                  name: `part_${place}_a`,
                  keys: ['a'],
                  sizeBytes: (sizesMiB[place] ?? 1) * 8 * MiB,
                  fact: { indexOid: indexOid.parse(70_000 + place), parentIndexOid: parentOids[parent] },
                },
              ],
      }),
    ),
  ]);
  const indexes = (facts.indexes ?? []).map((fact) => {
    const known = seen.get(JSON.stringify(fact)) ?? fact;
    seen.set(JSON.stringify(known), known);
    return known;
  });
  const columnStatistics = parents.map((_, place) =>
    aColumnStatisticsFact({ tableOid: tableOid.parse((place + 2) * 10_000), attributeNumber: 1 }),
  );
  return aCatalogue({ ...facts, indexes, columnStatistics });
}

const toldBy = async (keeper: BloatKeeper, catalogue: Catalogue) => {
  const { bloat } = await keeper.facts(catalogue, takenAtMs);
  return new Map([...bloat].sort(([a], [b]) => a - b));
};

test('what is told is what one tells that looks for the first time, whatever came before', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(scene, { minLength: 1, maxLength: 6 }), async (scenes) => {
      const keeper = aKeeper();
      for (const one of scenes) {
        const catalogue = catalogueOf(one);
        expect(await toldBy(keeper, catalogue)).toEqual(await toldBy(aKeeper(), catalogue));
      }
    }),
  );
});

test('a partitioned index without parts comes and goes', async () => {
  const alone = (hasSecond: boolean): Catalogue =>
    catalogueOf({ sizesMiB: [1, 1, 1, 1], parents: ['first', 'first', 'none', 'none'], hasSecond });
  const keeper = aKeeper();
  for (const hasSecond of [true, false, true])
    expect((await toldBy(keeper, alone(hasSecond))).has(secondOid)).toBe(hasSecond);
});

test('where nothing changed it is the very same', async () => {
  const catalogue = catalogueOf({
    sizesMiB: [1, 2, 3, 1],
    parents: ['first', 'first', 'none', 'second'],
    hasSecond: true,
  });
  const keeper = aKeeper();
  const { bloat } = await keeper.facts(catalogue, takenAtMs);
  expect((await keeper.facts(catalogue, takenAtMs)).bloat).toBe(bloat);
});
