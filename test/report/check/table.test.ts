import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ExpectedStatus } from '../../../src/findings/expected-status.ts';
import { summaryLine } from '../../../src/report/check/summary.ts';
import { renderTable } from '../../../src/report/check/table.ts';
import { displayWidth, safeLine } from '../../../src/report/text.ts';
import { aFinding, anInconclusive } from '../../support/builders.ts';
import { aHostileFinding, dangerous, hostileName } from '../hostile.ts';
import { aCheckedTarget, aResult, busyNight } from '../samples.ts';

const plain = { width: 100, hasColour: false };
const lastLine = (text: string) => text.trimEnd().split('\n').at(-1);

const anExpectedStatus = (overrides: Partial<ExpectedStatus> = {}): ExpectedStatus => ({
  schemaname: 'public',
  relname: 'orders',
  expectedIndex: 'idx_a',
  manifest: 'expectations/shop.yaml',
  priority: 1,
  phase: null,
  state: 'satisfied',
  satisfiedBy: ['idx_a'],
  reason: null,
  ...overrides,
});

describe('the table', () => {
  it.each([80, 140])('reads well at %i columns', async (width) => {
    await expect(renderTable(busyNight, { width, hasColour: false })).toMatchFileSnapshot(
      `../../golden/report/check-table-${width}.txt`,
    );
  });

  it('keeps within the width, but for SQL and the last line, which are to be copied', () => {
    for (let width = 60; width <= 200; width += 7) {
      const lines = renderTable(busyNight, { width, hasColour: false }).trimEnd().split('\n');
      const prose = lines.slice(0, -1).filter((line) => !/^ *(?:DROP|CREATE|GRANT) /.test(line));
      for (const line of prose) expect(displayWidth(line), line).toBeLessThanOrEqual(width);
    }
  });

  it('colours only when asked, and says the same', () => {
    expect(renderTable(busyNight, plain)).not.toContain('\u001b');
    const coloured = renderTable(busyNight, { width: 100, hasColour: true });
    expect(coloured).toContain('\u001b[');
    expect(stripVTControlCharacters(coloured)).toBe(renderTable(busyNight, plain));
  });

  it('ends with the line that sums up', () => {
    expect(lastLine(renderTable(busyNight, plain))).toBe(summaryLine(busyNight));
  });

  it('bounds the infos on request, and says how many are left', () => {
    const findings = Array.from({ length: 30 }, (_, index) =>
      aFinding({ id: index.toString(16).padStart(16, '0'), severity: 'info', title: `info ${index}.` }),
    );
    const text = renderTable(aResult({ findings }), { ...plain, infosMax: 10 });
    expect(text.match(/info \d+\./g)).toHaveLength(10);
    expect(text).toContain('20 more infos');
    expect(renderTable(aResult({ findings }), plain).match(/info \d+\./g)).toHaveLength(30);
  });

  it('shows no statement that is not what must be run', () => {
    const finding = aFinding({ fix: { ...aFinding().fix, sql: 'DROP INDEX "a\u202eb";' } });
    const text = renderTable(aResult({ findings: [finding] }), plain);
    expect(text).toContain('DROP INDEX "a\\u{202e}b";');
    expect(text).toContain('hidden characters');
  });

  it('prints a script whole or not at all', () => {
    const sql = Array.from({ length: 9 }, (_, index) => `select ${index};`).join('\n');
    const finding = aFinding({ fix: { ...aFinding().fix, sql } });
    const text = renderTable(aResult({ findings: [finding] }), plain);
    expect(text).not.toContain('select 0;');
    expect(text).toContain(`indexwarden explain ${finding.id}`);
  });

  it('says how many of the expected indexes are there, and which of them under another name', () => {
    const target = aCheckedTarget({
      expectations: [
        anExpectedStatus(),
        anExpectedStatus({ expectedIndex: 'idx_b', satisfiedBy: ['ix\u202e_b'] }),
        anExpectedStatus({ expectedIndex: 'idx_c', state: 'missing', satisfiedBy: [] }),
        anExpectedStatus({ expectedIndex: 'idx_d', state: 'alternative', satisfiedBy: [] }),
        anExpectedStatus({ expectedIndex: 'idx_e', state: 'unknown', satisfiedBy: [], reason: 'locked' }),
      ],
    });
    const text = renderTable(aResult({ targets: [target] }), { width: 200, hasColour: false });
    expect(text).toContain(
      `Of 5 expected indexes in main/shop: 2 there (idx_b as ix${safeLine('\u202e')}_b), 1 replaced by an alternative, 1 missing, 1 that could not be judged\n`,
    );
    expect(renderTable(aResult(), { width: 200, hasColour: false })).not.toContain('expected');
  });

  it('is harmless whatever things are called', () => {
    fc.assert(
      fc.property(hostileName, fc.integer({ min: 60, max: 200 }), (name, width) => {
        const result = aResult({
          findings: [aHostileFinding(name)],
          inconclusive: [anInconclusive({ reason: name, relations: [name] })],
          targets: [
            aCheckedTarget({
              isUp: false,
              error: name,
              missingPermissions: [{ permission: name, isOptional: false, facts: name, grant: name }],
            }),
          ],
        });
        const text = renderTable(result, { width, hasColour: false });
        expect(text).not.toMatch(dangerous);
        expect(lastLine(text)).toBe(summaryLine(result).trimEnd());
      }),
    );
  });
});

describe('the last line', () => {
  it.each([
    ['nothing found, all seen', aResult(), 'no findings on 1 target; every detector could judge'],
    [
      'as the manual has it',
      aResult({
        findings: [
          aFinding({ id: '1'.repeat(16) }),
          aFinding({ id: '2'.repeat(16) }),
          aFinding({ id: '3'.repeat(16), severity: 'info' }),
          aFinding({ id: '4'.repeat(16), state: 'muted' }),
        ],
        inconclusive: [
          anInconclusive({ kind: 'unused-index', reason: 'statistics are 2 h old; the window is 30 d' }),
        ],
        targets: [aCheckedTarget(), aCheckedTarget({ datname: 'two' })],
      }),
      '2 warnings, 1 info on 2 targets; inconclusive: unused-index (statistics are 2 h old; the window is 30 d)',
    ],
    [
      'nothing found, nothing seen',
      aResult({ targets: [aCheckedTarget({ isUp: false, error: 'connection refused' })] }),
      'no findings on 0 of 1 target; could not be read: main/shop (connection refused)',
    ],
    [
      'read in part',
      aResult({
        targets: [
          aCheckedTarget({ failures: [{ collector: 'indexes', reason: 'timeout', isRequired: true }] }),
        ],
      }),
      'no findings on 1 target; read in part only: main/shop (indexes: timeout)',
    ],
    ['no targets', aResult({ targets: [] }), 'no findings on 0 targets'],
    [
      'all in the baseline',
      aResult({ suppressedByBaseline: 12 }),
      'no new findings on 1 target; 12 more in the baseline; every detector could judge',
    ],
  ])('%s', (_, result, line) => {
    expect(summaryLine(result)).toBe(line);
  });

  it('claims that every detector could judge only when everything was read', () => {
    const claims = (result: Parameters<typeof summaryLine>[0]) => /could judge/.test(summaryLine(result));
    expect(claims(aResult({ targets: [] }))).toBe(false);
    expect(claims(aResult({ inconclusive: [anInconclusive()] }))).toBe(false);
    expect(claims(aResult({ targets: [aCheckedTarget({ isUp: false })] }))).toBe(false);
  });

  it('names a kind once, with its first reason and how many more', () => {
    const inconclusive = ['r1', 'r2', 'r1', 'r3'].map((reason) =>
      anInconclusive({ kind: 'unused-index', reason }),
    );
    expect(summaryLine(aResult({ inconclusive }))).toContain('inconclusive: unused-index (r1 and 2 more)');
  });
});
