import { describe, expect, it } from 'vitest';
import { buildCatalogue } from '../../src/analysis/catalogue.ts';
import { usageWindow } from '../../src/analysis/usage-window.ts';
import { duplicateIndex } from '../../src/detectors/duplicate-index/detector.ts';
import { evaluate } from '../../src/detectors/evaluate.ts';
import { redundantIndex } from '../../src/detectors/redundant-index/detector.ts';
import { aSnapshot, type DescribedIndex, type DescribedTable, factsOf, failed } from '../support/builders.ts';
import { aPolicy, judge, onlyDraft } from './judge.ts';

const orders = (...indexes: readonly DescribedIndex[]): DescribedTable => ({
  name: 'orders',
  columns: ['id', 'a', 'b'],
  indexes,
});
const narrow: DescribedIndex = { name: 'narrow', keys: ['a'], sizeBytes: 1_000_000, scans: 500 };
const wide: DescribedIndex = { name: 'wide', keys: ['a', 'b'], sizeBytes: 1_400_000, scans: 500 };

describe('redundant-index', () => {
  it('advises the drop where the wider index is hardly larger', () => {
    expect(onlyDraft(judge(redundantIndex, [orders(narrow, wide)]))).toMatchObject({
      severity: 'warning',
      confidence: 'likely',
      subject: 'narrow',
      related: [{ indexrelname: 'wide', role: 'keep', why: 'it begins with the same keys' }],
      evidence: { reason: 'covered-by-prefix', sizeRatio: 1.4 },
      impact: { reclaimableBytes: 1_000_000 },
      remedy: { kind: 'drop-index' },
    });
  });

  it('is for review where the wider index is much larger and the narrow one is scanned', () => {
    expect(
      onlyDraft(judge(redundantIndex, [orders(narrow, { ...wide, sizeBytes: 3_000_000 })])),
    ).toMatchObject({
      severity: 'info',
      confidence: 'possible',
      impact: { reclaimableBytes: 0 },
      remedy: { kind: 'review' },
    });
  });

  it('advises the drop of a narrow index that is hardly scanned, however large the wider one', () => {
    const tables = [orders({ ...narrow, scans: 0 }, { ...wide, sizeBytes: 9_000_000 })];
    expect(onlyDraft(judge(redundantIndex, tables)).remedy.kind).toBe('drop-index');
  });

  it.each([
    ['drop-index', 'a wider index just within', { sizeRatioMax: 1.4 }],
    ['review', 'one just above', { sizeRatioMax: 1.39 }],
    ['drop-index', 'scans just within', { sizeRatioMax: 1.39, negligibleScanShareMax: 0.5 }],
    ['review', 'scans just above', { sizeRatioMax: 1.39, negligibleScanShareMax: 0.49 }],
  ])('advises a %s for %s the bound set', (remedy, _, settings) => {
    expect(onlyDraft(judge(redundantIndex, [orders(narrow, wide)], { settings })).remedy.kind).toBe(remedy);
  });

  it.each([
    [{}, ['redundant-index narrow', 'redundant-index twin']],
    [{ sizeRatioMax: 1.1 }, ['duplicate-index twin', 'redundant-index narrow']],
  ])(
    'and duplicate-index share out copies of a covered index by the same bounds: %j',
    (settings, expected) => {
      const snapshot = aSnapshot(factsOf([orders(narrow, { ...narrow, name: 'twin' }, wide)]));
      const catalogue = buildCatalogue(snapshot, () => true);
      const { drafts } = evaluate([duplicateIndex, redundantIndex], {
        snapshot,
        catalogue,
        window: catalogue.server && usageWindow(catalogue.server, snapshot.node, snapshot.takenAtMs),
        policyFor: () => aPolicy(),
        topology: { isComplete: true, unseenNodes: [] },
        settings: { 'redundant-index': redundantIndex.settings.parse(settings) },
      });
      expect(drafts.map(({ kind, subject }) => `${kind} ${subject}`).sort()).toEqual(expected);
      const dropped = drafts
        .filter(({ remedy }) => remedy.kind === 'drop-index')
        .map(({ subject }) => subject);
      const kept = drafts.flatMap(({ related }) => related.filter(({ role }) => role === 'keep'));
      expect(kept.filter(({ indexrelname }) => dropped.includes(indexrelname))).toEqual([]);
    },
  );

  it('says that a unique index on the same keys makes a plain one superfluous', () => {
    const unique = { ...wide, name: 'unique', keys: ['a'], fact: { isUnique: true } };
    expect(onlyDraft(judge(redundantIndex, [orders(narrow, unique)]))).toMatchObject({
      subject: 'narrow',
      evidence: { reason: 'covered-by-unique' },
    });
  });

  it('never names the same index to keep and to drop', () => {
    const widest = { ...wide, name: 'widest', keys: ['a', 'b', 'id'], sizeBytes: 1_500_000 };
    const { drafts } = judge(redundantIndex, [orders(narrow, wide, widest)]);
    expect(drafts.map(({ subject }) => subject).sort()).toEqual(['narrow', 'wide']);
    expect(new Set(drafts.map(({ related }) => related[0]?.indexrelname))).toEqual(new Set(['widest']));
  });

  it.each<[string, DescribedIndex, DescribedIndex]>([
    ['a unique index under a wider one', { ...narrow, fact: { isUnique: true } }, wide],
    ['keys in another order', narrow, { ...wide, keys: ['b', 'a'] }],
    ['another sort order', { ...narrow, keys: ['a', 'b'] }, { ...wide, keys: ['a', 'b DESC', 'id'] }],
    ['a partial index under a full one', { ...narrow, where: '(b > 5)' }, wide],
    ['an invalid cover', narrow, { ...wide, fact: { isValid: false } }],
  ])('is silent about %s', (_, one, other) => {
    expect(judge(redundantIndex, [orders(one, other)]).drafts).toEqual([]);
  });

  it('is inconclusive without sizes, which decide between drop and review', () => {
    const facts = { outcomes: { 'relation-sizes': failed('it failed') } };
    expect(judge(redundantIndex, [orders(narrow, wide)], { facts }).judged.size).toBe(0);
  });
});
