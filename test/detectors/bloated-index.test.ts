import { describe, expect, it } from 'vitest';
import { bloatedIndex } from '../../src/detectors/bloated-index/detector.ts';
import { GiB, MiB } from '../../src/model/units.ts';
import {
  aBloat,
  aServerFact,
  type DescribedIndex,
  type DescribedTable,
  failed,
  indexOid,
} from '../support/builders.ts';
import { type Circumstances, judge, onlyDraft, reasonsOf } from './judge.ts';

const orders = (
  index: Partial<DescribedIndex> = {},
  table: Partial<DescribedTable> = {},
): DescribedTable => ({
  name: 'orders',
  columns: ['id', 'a'],
  indexes: [{ name: 'orders_a_idx', keys: ['a'], sizeBytes: 100 * MiB, ...index }],
  ...table,
});
/** Of 100 MiB so many would be freed. */
const wasting = (wastedMiB: number, more: Parameters<typeof aBloat>[0] = {}) =>
  aBloat({
    sizeBytes: 100 * MiB,
    expectedSizeBytes: (100 - wastedMiB) * MiB,
    wastedBytes: wastedMiB * MiB,
    ratio: wastedMiB / 100,
    low: wastedMiB / 100,
    high: wastedMiB / 100,
    ...more,
  });
const judged = (bloat: ReturnType<typeof aBloat>, more: Circumstances = {}, tables = [orders()]) =>
  judge(bloatedIndex, tables, { bloat: { orders_a_idx: bloat }, ...more });

describe('bloated-index', () => {
  it('opens for an index of which a rebuild would free a good part', () => {
    const draft = onlyDraft(judged(wasting(45)));
    expect(draft).toMatchObject({
      severity: 'info',
      confidence: 'likely',
      title: 'A rebuild of orders_a_idx on public.orders (a) would free 45 MiB of 100 MiB (45 %)',
      impact: { reclaimableBytes: 45 * MiB },
      remedy: { kind: 'rebuild-index', expectedBytes: 55 * MiB },
    });
    expect(draft.evidence).toMatchObject({
      sizeBytes: 100 * MiB,
      expectedSizeBytes: 55 * MiB,
      wastedBytes: 45 * MiB,
      bloatRatio: 0.45,
      method: 'measured',
      measurementConfidence: 'high',
      measuredAt: '2026-03-01T11:00:00.000Z',
    });
    const notes = draft.remedy.kind === 'rebuild-index' ? draft.remedy.notes : '';
    expect(notes).toMatch(/55 MiB of free disk.*as much WAL.*slot/);
  });

  it('is graver the more bytes there are, unless it rests on an estimate', () => {
    const large = (more: Parameters<typeof aBloat>[0] = {}) => {
      const bloat = aBloat({
        sizeBytes: 4 * GiB,
        expectedSizeBytes: 2 * GiB,
        wastedBytes: 2 * GiB,
        ratio: 0.5,
        low: 0.5,
        high: 0.5,
        ...more,
      });
      return onlyDraft(judged(bloat, {}, [orders({ sizeBytes: 4 * GiB })]));
    };
    expect(large()).toMatchObject({ severity: 'warning', confidence: 'likely' });
    expect(large({ method: 'calibrated', confidence: 'medium' })).toMatchObject({
      severity: 'warning',
      confidence: 'likely',
    });
    const guess = large({ method: 'estimated', confidence: 'low', low: 0.3 });
    expect(guess).toMatchObject({ severity: 'info', confidence: 'possible' });
    expect(guess.title).toContain('would free perhaps 2 GiB');
    expect(guess.caveats.join()).toContain('as little as 30 %');
  });

  it('is info on a tiny table', () => {
    const bloat = aBloat({
      sizeBytes: 4 * GiB,
      expectedSizeBytes: GiB,
      wastedBytes: 3 * GiB,
      ratio: 0.75,
      low: 0.75,
      high: 0.75,
    });
    expect(onlyDraft(judged(bloat, {}, [orders({ sizeBytes: 4 * GiB }, { rows: 10 })])).severity).toBe(
      'info',
    );
  });

  it.each([
    ['less than three tenths', wasting(29)],
    ['less than ten megabytes', wasting(9, { ratio: 0.9 })],
    [
      'what random keys will take again: a healthy index on a UUID',
      wasting(31, { naturalFillBytes: 28 * MiB }),
    ],
    ['little more than that', wasting(34, { naturalFillBytes: 25 * MiB })],
    ['nothing', wasting(0)],
  ])('is silent on %s', (_, bloat) => {
    expect(judged(bloat)).toMatchObject({ drafts: [], undecided: [] });
  });

  it('tells apart what lasts and what random keys will take again', () => {
    const draft = onlyDraft(judged(wasting(60, { naturalFillBytes: 18 * MiB })));
    expect(draft.evidence).toMatchObject({ naturalFillBytes: 18 * MiB, lastingBytes: 42 * MiB });
    expect(draft.caveats.join()).toMatch(/69 %.*18 MiB.*lasts is 42 MiB/);
  });

  it('says what is not known, and how to know it', () => {
    const unknown = aBloat({
      method: 'unknown',
      confidence: 'none',
      ...{ expectedSizeBytes: null, wastedBytes: null, ratio: null, low: null, high: null },
      reason: 'it cannot be measured: the extension pgstattuple is not installed in shop',
      improvement: 'CREATE EXTENSION pgstattuple;',
    });
    expect(reasonsOf(judged(unknown))).toEqual([
      'public.orders_a_idx: it cannot be measured: the extension pgstattuple is not installed in shop; CREATE EXTENSION pgstattuple;',
    ]);
    expect(reasonsOf(judge(bloatedIndex, [orders()]))).toEqual([
      'public.orders_a_idx: nobody estimated its bloat',
    ]);
  });

  it('need not know of an index that is too small to waste so much', () => {
    expect(judge(bloatedIndex, [orders({ sizeBytes: 10 * MiB - 1 })])).toMatchObject({
      drafts: [],
      undecided: [],
    });
  });

  it.each([
    ['an invalid index', { fact: { isValid: false } }],
    ['BRIN', { fact: { accessMethod: 'brin' } }],
  ])('is silent on %s', (_, index) => {
    expect(judged(wasting(60), {}, [orders(index)])).toMatchObject({ drafts: [], undecided: [] });
  });

  it('on a standby says where to run it', () => {
    const facts = { server: aServerFact({ isInRecovery: true }) };
    const { remedy } = onlyDraft(judged(wasting(60), { facts }));
    expect(remedy.kind === 'rebuild-index' && remedy.notes).toContain('run it on the primary');
  });

  it('follows its settings', () => {
    expect(judged(wasting(60), { settings: { ratioMin: 0.7 } }).drafts).toEqual([]);
    expect(onlyDraft(judged(wasting(60), { settings: { warningBytesMin: 50 * MiB } })).severity).toBe(
      'warning',
    );
  });

  it('is inconclusive without sizes', () => {
    const facts = { outcomes: { 'relation-sizes': failed('lock timeout') } };
    expect(judged(wasting(60), { facts }).judged.size).toBe(0);
  });

  describe('on a partitioned index', () => {
    const leaf = (name: string, relname: string, place: number): DescribedTable => ({
      name: relname,
      columns: ['a'],
      indexes: [
        {
          name,
          keys: ['a'],
          sizeBytes: 100 * MiB,
          fact: { indexOid: indexOid(place * 10_000 + 1), parentIndexOid: indexOid(10_001) },
        },
      ],
    });
    const tree: readonly DescribedTable[] = [
      {
        name: 'whole',
        columns: ['a'],
        fact: { relkind: 'p' },
        indexes: [{ name: 'whole_a', keys: ['a'], fact: { relkind: 'I' } }],
      },
      leaf('one_a', 'one', 2),
      leaf('two_a', 'two', 3),
      leaf('three_a', 'three', 4),
    ];
    const sum = aBloat({
      sizeBytes: 300 * MiB,
      expectedSizeBytes: 170 * MiB,
      wastedBytes: 130 * MiB,
      ratio: 0.43,
      low: 0.43,
      high: 0.43,
    });

    it('is judged whole, and advises to rebuild the partitions that need it, the worst first', () => {
      const bloat = { whole_a: sum, one_a: wasting(10), two_a: wasting(50), three_a: wasting(70) };
      const draft = onlyDraft(judge(bloatedIndex, tree, { bloat }));
      expect(draft.index?.name).toBe('whole_a');
      expect(draft.evidence).toMatchObject({ partitions: 3 });
      const { remedy } = draft;
      if (remedy.kind !== 'rebuild-index') throw new Error(remedy.kind);
      expect(remedy.parts?.map(({ name }) => name)).toEqual(['three_a', 'two_a']);
      expect(remedy.expectedBytes).toBe(80 * MiB);
      expect(remedy.notes).toContain('Of 3 partitions 2 are bloated');
    });

    it('prints no statement where no partition stands out', () => {
      const bloat = { whole_a: sum, one_a: wasting(29), two_a: wasting(29), three_a: wasting(29) };
      expect(onlyDraft(judge(bloatedIndex, tree, { bloat })).remedy.kind).toBe('review');
    });
  });
});
