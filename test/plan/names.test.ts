import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { detectors } from '../../src/detectors/index.ts';
import { type NewNames, newNames, wantedIndexName } from '../../src/plan/names.ts';
import { type JudgeOptions, judge, toFindings } from '../../src/watch/judge.ts';
import { aPolicy } from '../detectors/judge.ts';
import {
  aDefinition,
  aSnapshot,
  type DescribedTable,
  type Facts,
  factsOf,
  statisticsSinceMs,
  takenAtMs,
} from '../support/builders.ts';

const nothingTaken = (): NewNames => newNames(new Map());

describe('a new name', () => {
  it('says the table and its columns', () => {
    expect(wantedIndexName('orders', ['a', 'b'])).toBe('ix_orders_a_b');
    expect(nothingTaken().reserve('public', 'ix_orders_a_b')).toBe('ix_orders_a_b');
  });

  it('is numbered where a relation of the schema has it', () => {
    const names = newNames(new Map([['public', new Set(['ix_t_a', 'ix_t_a_2'])]]));
    expect(names.reserve('public', 'ix_t_a')).toBe('ix_t_a_3');
    expect(names.reserve('app', 'ix_t_a')).toBe('ix_t_a');
  });

  it('is given out once in each schema', () => {
    const names = nothingTaken();
    const thrice = [1, 2, 3].map(() => names.reserve('public', 'ix_t_a'));
    expect(thrice).toEqual(['ix_t_a', 'ix_t_a_2', 'ix_t_a_3']);
    expect(names.reserve('app', 'ix_t_a')).toBe('ix_t_a');
    // What was made up for one is not another's first choice either.
    expect(names.reserve('public', 'ix_t_a_2')).toBe('ix_t_a_2_2');
  });

  it('differs from another though PostgreSQL would cut the two to the same', () => {
    const names = nothingTaken();
    const long = 'x'.repeat(70);
    expect(names.reserve('public', `${long}a`)).not.toBe(names.reserve('public', `${long}b`));
  });

  it('is free, and 63 bytes at most, in whole characters', () => {
    const anyName = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 90 });
    fc.assert(
      fc.property(anyName, fc.array(anyName), fc.nat(3), (wanted, others, times) => {
        const taken = new Set(others);
        const names = newNames(new Map([['public', taken]]));
        const given = Array.from({ length: times + 1 }, () => names.reserve('public', wanted));
        expect(new Set(given).size).toBe(given.length);
        for (const name of given) {
          expect(taken.has(name)).toBe(false);
          expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
          expect(Buffer.from(name).toString()).toBe(name);
        }
      }),
    );
  });
});

describe('the SQL of one report', () => {
  /** Column names that make the same index name: `ix_a_b_c`, and others that PostgreSQL would cut. */
  const long = 'x'.repeat(58);
  const shop: readonly DescribedTable[] = [
    { name: 'parent', columns: ['id'] },
    child('a', 'b_c'),
    child('a_b', 'c'),
    child(`${long}_1`, 'd'),
    child(`${long}_2`, 'd'),
    { name: 'stats_x_1', columns: ['id'] },
    {
      name: 'texts',
      columns: ['s'],
      // The first one's expression cannot be called stats_x_1; what it is called instead is what the other's second would be.
      indexes: [
        { name: 'x', keys: ['lower(s)'], scans: 0 },
        { name: 'x_1', keys: ['upper(s)', 'reverse(s)'], scans: 0 },
      ],
    },
  ];

  function child(name: string, column: string): DescribedTable {
    return { name, columns: [column], foreignKeys: [{ columns: [column], references: 'parent' }] };
  }

  const options: JudgeOptions = {
    detectors,
    settings: {},
    policyFor: () => aPolicy({ unusedAfterMs: takenAtMs - statisticsSinceMs }),
    isWatched: () => true,
    redactLiterals: false,
    docsBaseUrl: '/docs',
  };

  /** SQL by finding, with every definition there is. */
  function sqlOf(facts: Facts): ReadonlyMap<string, string> {
    const judgement = judge(aSnapshot(facts), options);
    const definitions = new Map(
      judgement.catalogue.indexes.map(({ oid, name }) => [
        oid,
        aDefinition({
          indexOid: oid,
          definition: `CREATE INDEX ${name} ON …`,
        }),
      ]),
    );
    return new Map(toFindings(judgement, definitions, options).map(({ id, fix }) => [id, fix.sql ?? '']));
  }

  const created = (sql: ReadonlyMap<string, string>): readonly string[] =>
    [...sql.values()].flatMap((text) =>
      [...text.matchAll(/^CREATE INDEX CONCURRENTLY (\S+) ON (\w+)\./gm)]
        .map(([, name, schemaname]) => `${schemaname}.${name}`)
        .concat([...text.matchAll(/^CREATE STATISTICS IF NOT EXISTS (\S+)/gm)].map(([, name = '']) => name)),
    );

  it('creates no name twice', () => {
    const names = created(sqlOf(factsOf(shop)));
    expect([...names].sort()).toEqual([
      'public.ix_a_b_c',
      'public.ix_a_b_c_2',
      expect.stringMatching(/^public\.ix_x+_[0-9a-f]{8}$/),
      expect.stringMatching(/^public\.ix_x+_[0-9a-f]{8}$/),
      'public.stats_x_1_1',
      'public.stats_x_1_2',
      'public.stats_x_1_2_2',
    ]);
    expect(new Set(names).size).toBe(names.length);
  });

  it('gives a finding the same names in every report, in whatever order facts come', () => {
    const facts = factsOf(shop);
    const first = sqlOf(facts);
    expect(first.size).toBeGreaterThan(7);
    fc.assert(
      fc.property(
        shuffled(facts.tables),
        shuffled(facts.indexes),
        shuffled(facts.constraints),
        (...parts) => {
          const [tables, indexes, constraints] = parts;
          const again = sqlOf({ ...facts, tables, indexes, constraints });
          expect(Object.fromEntries(again)).toEqual(Object.fromEntries(first));
        },
      ),
      { numRuns: 30 },
    );
  });

  const shuffled = <Fact>(facts: readonly Fact[] = []): fc.Arbitrary<Fact[]> =>
    fc.shuffledSubarray([...facts], { minLength: facts.length });
});
