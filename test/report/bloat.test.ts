import { describe, expect, it } from 'vitest';
import { MiB } from '../../src/model/units.ts';
import { renderBloatJson } from '../../src/report/bloat/json.ts';
import { bloatReportOf } from '../../src/report/bloat/result.ts';
import { renderBloatTable } from '../../src/report/bloat/table.ts';
import { aBloat, aGeneration, factsOf, failed, indexOid } from '../support/builders.ts';

const unknown = (reason: string, improvement: string | null) =>
  aBloat({
    method: 'unknown',
    confidence: 'none',
    ...{ expectedSizeBytes: null, wastedBytes: null, ratio: null, low: null, high: null, measuredAtMs: null },
    reason,
    improvement,
  });
const generation = aGeneration({
  facts: factsOf([
    {
      name: 'orders',
      columns: ['id', 'a', 'b'],
      indexes: [
        { name: 'orders_pkey', keys: ['id'] },
        { name: 'orders_a', keys: ['a'] },
        { name: 'orders_b', keys: ['b'] },
        { name: 'evil\u001b[31m', keys: ['b'], sizeBytes: null },
      ],
    },
    {
      name: 'whole',
      columns: ['a'],
      fact: { relkind: 'p' },
      indexes: [{ name: 'whole_a', keys: ['a'], fact: { relkind: 'I' } }],
    },
    {
      name: 'part',
      columns: ['a'],
      indexes: [{ name: 'part_a', keys: ['a'], fact: { parentIndexOid: indexOid(20_001) } }],
    },
  ]),
  bloat: {
    orders_pkey: aBloat({ expectedSizeBytes: 9 * MiB, wastedBytes: MiB, ratio: 0.1, low: 0.08, high: 0.12 }),
    orders_a: aBloat(),
    orders_b: unknown(
      'it was not measured: only the catalogue was read',
      'measure it: indexwarden bloat --measure',
    ),
    part_a: aBloat({
      method: 'estimated',
      confidence: 'low',
      wastedBytes: 0,
      ratio: 0,
      low: 0,
      high: 0.2,
      expectedSizeBytes: 10 * MiB,
    }),
  },
});

describe('the rows', () => {
  it('are the indexes on disk, the most wasteful first, with exactly the keys of the contract', () => {
    const { indexes } = JSON.parse(renderBloatJson(bloatReportOf([generation])));
    expect(indexes.map((row: { indexrelname: string }) => row.indexrelname)).toEqual([
      'orders_a',
      'orders_pkey',
      'part_a',
      'orders_b',
      'evil\u001b[31m',
    ]);
    expect(Object.keys(indexes[0])).toEqual([
      ...['server', 'datname', 'schemaname', 'relname', 'indexrelname', 'access_method', 'sizeBytes'],
      ...['expectedSizeBytes', 'wastedBytes', 'ratio', 'low', 'high', 'method', 'confidence', 'reason'],
    ]);
    expect(indexes[0]).toEqual({
      server: 'main',
      datname: 'shop',
      schemaname: 'public',
      relname: 'orders',
      indexrelname: 'orders_a',
      access_method: 'btree',
      sizeBytes: 10 * MiB,
      expectedSizeBytes: 6 * MiB,
      wastedBytes: 4 * MiB,
      ratio: 0.4,
      low: 0.4,
      high: 0.4,
      method: 'measured',
      confidence: 'high',
      reason: null,
    });
  });

  it('never say 0 for what is unknown', () => {
    const { rows } = bloatReportOf([generation]);
    expect(rows.find((row) => row.indexrelname === 'orders_b')).toMatchObject({
      ...{ expectedSizeBytes: null, wastedBytes: null, ratio: null, low: null, high: null },
      ...{ method: 'unknown', confidence: 'none' },
      reason: 'it was not measured: only the catalogue was read',
    });
    expect(rows.find((row) => row.indexrelname.startsWith('evil'))).toMatchObject({
      sizeBytes: null,
      method: 'unknown',
    });
  });

  it('are those asked for', () => {
    const report = bloatReportOf([generation], (index) => index.name === 'orders_b');
    expect(report.rows).toHaveLength(1);
    expect(report.improvements).toEqual([
      { server: 'main', datname: 'shop', what: 'measure it: indexwarden bloat --measure', indexes: 1 },
    ]);
  });
});

describe('a target that could not be read', () => {
  it('is named with the reason', () => {
    const down = aGeneration({ isUp: false, error: 'connection refused' });
    const blind = aGeneration({ facts: { outcomes: { 'relation-sizes': failed('lock timeout') } } });
    expect(bloatReportOf([down, blind]).unreadable).toEqual([
      { server: 'main', datname: 'shop', reason: 'connection refused' },
      { server: 'main', datname: 'shop', reason: 'relation-sizes: lock timeout' },
    ]);
  });
});

describe('the table', () => {
  const table = renderBloatTable(bloatReportOf([generation]), { width: 80, hasColour: false });

  it('is what a person wants to read', () => {
    expect(table).toMatchInlineSnapshot(`
      "index               table   size    rebuilt  wasted  %   range  known by
      public.orders_a     orders  10 MiB  6 MiB    4 MiB   40  40     measured, high
      public.orders_pkey  orders  10 MiB  9 MiB    1 MiB   10  8–12   measured, high
      public.part_a       part    10 MiB  10 MiB   0 B     0   0–20   estimated, low

      Not known (2):
        public.orders_b: it was not measured: only the catalogue was read
        public.evil\\x1b[31m: nobody estimated it

      To know more:
        main/shop, 1 index: measure it: indexwarden bloat --measure

      3 indexes, 30 MiB, of which rebuilds would free 5 MiB; 2 more are not known
      "
    `);
  });

  it('shows nothing that a terminal would obey, and colours only on request', () => {
    expect(table).not.toContain('\u001b');
    const coloured = renderBloatTable(bloatReportOf([generation]), { width: 80, hasColour: true });
    expect(coloured).toContain('\u001b[1m');
  });

  it('ends in one line even where there is nothing', () => {
    expect(
      renderBloatTable(
        { rows: [], improvements: [], targets: 1, unreadable: [] },
        { width: 80, hasColour: false },
      ),
    ).toBe('0 indexes, 0 B, of which rebuilds would free 0 B\n');
  });
});
