import { describe, expect, it } from 'vitest';
import { MiB } from '../../src/model/units.ts';
import { fewActions, rankFindings } from '../../src/report/actions.ts';
import { aFinding } from '../support/builders.ts';

const freeing = (id: string, mebibytes: number, overrides: Parameters<typeof aFinding>[0] = {}) =>
  aFinding({ id, indexrelname: `index_${id}`, impact: { reclaimableBytes: mebibytes * MiB }, ...overrides });

const idsOf = (findings: readonly { readonly id: string }[]) => findings.map(({ id }) => id);

describe('ranking', () => {
  it('puts bytes first, then severity, then confidence, then ids', () => {
    const ranked = rankFindings([
      freeing('f', 0, { severity: 'info' }),
      freeing('e', 1, { severity: 'warning', confidence: 'possible' }),
      freeing('d', 1, { severity: 'warning', confidence: 'likely' }),
      freeing('c', 1, { severity: 'warning', confidence: 'likely' }),
      freeing('b', 1, { severity: 'critical', confidence: 'possible' }),
      freeing('a', 9, { severity: 'info' }),
    ]);
    expect(idsOf(ranked)).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  });
});

describe('few actions', () => {
  it('stops as soon as four fifths are reached', () => {
    const few = fewActions([freeing('a', 50), freeing('b', 30), freeing('c', 15), freeing('d', 5)]);
    expect(idsOf(few.actions)).toEqual(['a', 'b']);
    expect([few.bytes, few.totalBytes]).toEqual([80 * MiB, 100 * MiB]);
  });

  it('counts an index once, however many findings name it', () => {
    const few = fewActions([
      freeing('a', 60, { indexrelname: 'same', kind: 'unused-index' }),
      freeing('b', 60, { indexrelname: 'same', kind: 'duplicate-index' }),
      freeing('c', 40),
    ]);
    expect(few.totalBytes).toBe(100 * MiB);
    expect(idsOf(few.actions)).toEqual(['a', 'c']);
  });

  it('tells equal names in other schemas, databases and servers apart', () => {
    const few = fewActions([
      freeing('a', 10, { indexrelname: 'same' }),
      freeing('b', 10, { indexrelname: 'same', schemaname: 'other' }),
      freeing('c', 10, { indexrelname: 'same', datname: 'other' }),
      freeing('d', 10, { indexrelname: 'same', server: 'other' }),
    ]);
    expect(few.totalBytes).toBe(40 * MiB);
  });

  it('counts findings without SQL apart, and muted ones not at all', () => {
    const noSql = { ...aFinding().fix, sql: null };
    const few = fewActions([
      freeing('a', 10),
      freeing('b', 70, { fix: noSql }),
      freeing('c', 99, { fix: noSql, indexrelname: 'index_a' }),
      freeing('d', 500, { state: 'muted' }),
    ]);
    expect(idsOf(few.actions)).toEqual(['a']);
    expect(few.totalBytes).toBe(10 * MiB);
    expect(few.reviewBytes).toBe(70 * MiB);
  });

  it('has none where nothing can be reclaimed', () => {
    expect(fewActions([freeing('a', 0)])).toEqual({
      actions: [],
      all: [],
      bytes: 0,
      totalBytes: 0,
      reviewBytes: 0,
    });
  });
});
