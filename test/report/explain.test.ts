import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { factsInWords } from '../../src/report/evidence.ts';
import { explainFinding, explainKind, selectFinding } from '../../src/report/explain.ts';
import { aFinding } from '../support/builders.ts';
import { aHostileFinding, dangerous, hostileName } from './hostile.ts';
import { busyNight } from './samples.ts';

const plain = { width: 100, hasColour: false };

describe('evidence in words', () => {
  const inWords = (facts: Parameters<typeof factsInWords>[0]) =>
    factsInWords(facts).map(({ label, value }) => `${label}: ${value}`);

  it('reads the unit off the end of the key', () => {
    expect(
      inWords({
        sizeBytes: 10 * 1024 * 1024,
        statisticsAgeSeconds: 7200,
        timeoutMs: 1500,
        hotUpdateRatio: 0.825,
        tuplesPerScanRatio: 140,
        scansTotal: 1234567,
        ageXids: 200000000,
        sinceAtMs: 0,
        rebuildBytesPerSecond: 1024,
        writesPerSecond: 2.5,
        rows: 12,
      }),
    ).toEqual([
      'size: 10 MiB (10,485,760 B)',
      'statistics age: 2 h',
      'timeout: 1.5 s',
      'hot update ratio: 82.5 %',
      'tuples per scan ratio: 140 ×',
      'scans: 1,234,567',
      'age: 200,000,000 transactions',
      'since: 1970-01-01T00:00:00.000Z',
      'rebuild bytes per second: 1 KiB/s',
      'writes per second: 2.5/s',
      'rows: 12',
    ]);
  });

  it('says unknown of what is unknown, never zero', () => {
    expect(inWords({ scansTotal: null, ratio: Number.NaN })).toEqual(['scans: unknown', 'ratio: unknown']);
  });

  it('unfolds lists and groups', () => {
    expect(inWords({ nodes: ['a', 'b'], none: [], copies: [{ sizeBytes: 8 }], isUnique: true })).toEqual([
      'nodes: a, b',
      'none: none',
      'copies 1: size: 8 B',
      'is unique: yes',
    ]);
  });
});

describe('explaining a finding', () => {
  it('says everything that it says', async () => {
    const unused = busyNight.findings.find((finding) => finding.kind === 'unused-index')!;
    await expect(explainFinding(unused, undefined, { width: 80, hasColour: false })).toMatchFileSnapshot(
      '../golden/report/explain-finding.txt',
    );
  });

  it('takes what would change the verdict from the page, where the page says it', () => {
    const page =
      '# Copies\n\nText.\n\n## What would change this verdict\n\n- One *scan*.\n\n## More\n\nNo.\n';
    const text = explainFinding(aFinding(), page, plain);
    expect(text).toContain('What would change this verdict\n  - One scan.\n');
    expect(text).not.toContain('No.');
  });

  it('says why there is no statement', () => {
    const fix = { ...aFinding().fix, sql: null, rollbackSql: null, notes: 'Ask the owner.' };
    const text = explainFinding(aFinding({ fix }), undefined, plain);
    expect(text).toContain('No statement is safe to print.');
    expect(text).toContain('Ask the owner.');
  });

  it('is harmless whatever things are called', () => {
    fc.assert(
      fc.property(hostileName, (name) => {
        expect(explainFinding(aHostileFinding(name), undefined, plain)).not.toMatch(dangerous);
      }),
    );
  });
});

describe('choosing a finding', () => {
  const findings = [aFinding({ id: 'aaaa000000000001' }), aFinding({ id: 'aaab000000000002' })];

  it('takes an id or the beginning of one', () => {
    expect(selectFinding(findings, 'AAAB')).toMatchObject({
      kind: 'found',
      finding: { id: 'aaab000000000002' },
    });
    expect(selectFinding(findings, 'aaa')).toMatchObject({ kind: 'several' });
    expect(selectFinding(findings, 'ffff')).toEqual({ kind: 'none' });
  });
});

describe('explaining a kind', () => {
  it('renders its page without markup', async () => {
    const page = [
      '---',
      'title: x',
      '---',
      '# Duplicate index',
      '',
      'Two indexes with the **same** key; see [the manual](https://www.postgresql.org/docs/) and `pg_index`,',
      'which is a long line that has to be wrapped somewhere because terminals are not endless.',
      '',
      '## When it opens',
      '',
      '1. Both are valid.',
      '2. Both have the same',
      '   - operator class',
      '   - collation',
      '',
      '> A note.',
      '',
      '```sql',
      'select 1;',
      '',
      'select 2;',
      '```',
      '',
      '| Setting | Meaning |',
      '|---|---|',
      '| `enabled` | whether it runs, and a rather long explanation of what that means in practice for you |',
      '',
      '<script>alert(1)</script>',
      '',
    ].join('\n');
    await expect(explainKind(page, { width: 72, hasColour: false })).toMatchFileSnapshot(
      '../golden/report/explain-kind.txt',
    );
  });
});
