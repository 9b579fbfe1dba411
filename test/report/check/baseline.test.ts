import { describe, expect, it } from 'vitest';
import { applyBaseline, parseBaseline, writeBaseline } from '../../../src/report/check/baseline.ts';
import { openFindings } from '../../../src/report/check/result.ts';
import { aFinding } from '../../support/builders.ts';
import { aResult, busyNight } from '../samples.ts';

const generatedAt = '2026-03-01T12:00:00.000Z';
const baselineOf = (...findings: readonly ReturnType<typeof aFinding>[]) => {
  const parsed = parseBaseline(writeBaseline(aResult({ findings }), generatedAt), 'b.json');
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value;
};

describe('a baseline', () => {
  it('is a file that says what was accepted', async () => {
    await expect(writeBaseline(busyNight, generatedAt)).toMatchFileSnapshot(
      '../../golden/report/baseline.json',
    );
  });

  it('takes what it holds out of the next result and counts it', () => {
    const again = applyBaseline(aResult({ findings: [aFinding()] }), baselineOf(aFinding()));
    expect(again).toMatchObject({ findings: [], suppressedByBaseline: 1 });
  });

  it('leaves what is new', () => {
    const fresh = aFinding({ id: 'ffff000000000000' });
    const result = applyBaseline(aResult({ findings: [aFinding(), fresh] }), baselineOf(aFinding()));
    expect(result.findings).toEqual([fresh]);
  });

  it('lets a finding speak again that got graver, not one that got milder', () => {
    const info = aFinding({ severity: 'info' });
    const critical = aFinding({ severity: 'critical' });
    expect(applyBaseline(aResult({ findings: [critical] }), baselineOf(info)).findings).toEqual([critical]);
    expect(applyBaseline(aResult({ findings: [info] }), baselineOf(critical)).findings).toEqual([]);
  });

  it('does not accept what is muted: the mute may end', () => {
    expect(baselineOf(aFinding({ state: 'muted' })).findings).toEqual([]);
  });

  it('keeps unknowns', () => {
    const baseline = baselineOf(...openFindings(busyNight));
    const result = applyBaseline(busyNight, baseline);
    expect(openFindings(result)).toEqual([]);
    expect(result.inconclusive).toEqual(busyNight.inconclusive);
    expect(result.suppressedByBaseline).toBe(5);
  });

  it.each([
    ['not JSON', '{', /is not JSON/],
    ['another document', '[]', /is not a baseline/],
    ['a newer version', '{"version": 2, "findings": []}', /has version 2/],
    [
      'a bad id',
      '{"version":1,"generatedAt":"x","findings":[{"id":"1","kind":"k","severity":"info","title":""}]}',
      /findings\.0\.id/,
    ],
  ])('that is %s is refused with path and remedy', (_, text, message) => {
    const parsed = parseBaseline(text, 'some/b.json');
    expect(parsed).toMatchObject({ ok: false, error: { message: expect.stringMatching(message) } });
    expect(parsed).toMatchObject({
      error: { message: expect.stringContaining('some/b.json'), hint: expect.any(String) },
    });
  });
});
