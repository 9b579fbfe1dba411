import { describe, expect, it } from 'vitest';
import { checkExitCode } from '../../src/cli/check.ts';
import { ok } from '../../src/model/result.ts';
import { writeBaseline } from '../../src/report/check/baseline.ts';
import type { CheckResult } from '../../src/report/check/result.ts';
import { summaryLine } from '../../src/report/check/summary.ts';
import { aCheckedTarget, aResult, busyNight } from '../report/samples.ts';
import { aFinding, anInconclusive } from '../support/builders.ts';
import { runLine } from './support.ts';

const giving = (result: CheckResult) => ({ commands: { check: () => Promise.resolve(ok(result)) } });
const down = aCheckedTarget({ isUp: false, error: 'refused' });
const failing = (isRequired: boolean) =>
  aCheckedTarget({ failures: [{ collector: 'indexes', reason: 'timeout', isRequired }] });
const info = aFinding({ severity: 'info' });
const warning = aFinding();
const critical = aFinding({ severity: 'critical' });

describe('exit codes', () => {
  it.each([
    ['nothing', aResult(), 'warning', false, 0],
    ['an info, warnings asked', aResult({ findings: [info] }), 'warning', false, 0],
    ['an info, infos asked', aResult({ findings: [info] }), 'info', false, 1],
    ['a warning', aResult({ findings: [warning] }), 'warning', false, 1],
    ['a warning, criticals asked', aResult({ findings: [warning] }), 'critical', false, 0],
    ['a critical', aResult({ findings: [critical] }), 'critical', false, 1],
    ['a critical, never', aResult({ findings: [critical] }), 'never', false, 0],
    [
      'a muted critical',
      aResult({ findings: [aFinding({ severity: 'critical', state: 'muted' })] }),
      'info',
      false,
      0,
    ],
    ['inconclusive', aResult({ inconclusive: [anInconclusive()] }), 'info', false, 0],
    ['inconclusive, asked', aResult({ inconclusive: [anInconclusive()] }), 'never', true, 1],
    ['a target down', aResult({ targets: [aCheckedTarget(), down] }), 'never', false, 3],
    ['a target down and findings', aResult({ findings: [critical], targets: [down] }), 'info', false, 3],
    ['a required collector', aResult({ targets: [failing(true)] }), 'warning', false, 3],
    ['an optional collector', aResult({ targets: [failing(false)] }), 'warning', false, 0],
    ['no target at all', aResult({ targets: [] }), 'warning', false, 3],
  ] as const)('%s', (_, result, failOn, failOnInconclusive, code) => {
    expect(checkExitCode(result, { failOn, failOnInconclusive })).toBe(code);
  });

  it('are those of the flags', async () => {
    const warned = giving(aResult({ findings: [warning], inconclusive: [anInconclusive()] }));
    expect((await runLine(['check'], warned)).code).toBe(1);
    expect((await runLine(['check', '--fail-on', 'critical'], warned)).code).toBe(0);
    expect((await runLine(['check', '--fail-on=never', '--fail-on-inconclusive'], warned)).code).toBe(1);
  });

  it('130 when interrupted, and no half of a result', async () => {
    const controller = new AbortController();
    const run = await runLine(['check'], {
      commands: {
        check: () => {
          controller.abort();
          return Promise.resolve(ok(busyNight));
        },
      },
      environment: { signal: controller.signal },
    });
    expect(run).toMatchObject({ code: 130, stdout: '' });
  });
});

describe('output', () => {
  it.each(['json', 'sarif', 'junit', 'markdown'])(
    '%s goes to stdout, the last line to stderr',
    async (format) => {
      const run = await runLine(['check', '--format', format], giving(busyNight));
      expect(run.stdout).not.toBe('');
      expect(run.stderr.trimEnd().split('\n').at(-1)).toBe(summaryLine(busyNight));
    },
  );

  it('a table has the last line itself, and nothing is on stderr', async () => {
    const run = await runLine(['check'], giving(busyNight));
    expect(run.stdout.trimEnd().split('\n').at(-1)).toBe(summaryLine(busyNight));
    expect(run.stderr).toBe('');
  });

  it('colours on a terminal, not for NO_COLOR', async () => {
    expect((await runLine(['check'], { ...giving(busyNight), terminalColumns: 100 })).stdout).toContain(
      '\u001b[',
    );
    const env = { NO_COLOR: '1' };
    expect(
      (await runLine(['check'], { ...giving(busyNight), terminalColumns: 100, env })).stdout,
    ).not.toContain('\u001b');
  });

  it('bounds infos on a terminal only', async () => {
    const findings = Array.from({ length: 60 }, (_, index) =>
      aFinding({ id: index.toString(16).padStart(16, '0'), severity: 'info' }),
    );
    const many = giving(aResult({ findings }));
    expect((await runLine(['check'], { ...many, terminalColumns: 100 })).stdout).toContain('20 more infos');
    expect((await runLine(['check'], many)).stdout).not.toContain('more infos');
  });
});

describe('baselines', () => {
  const one = giving(aResult({ findings: [warning] }));

  it('accept what is there; afterwards only what is new counts', async () => {
    const first = await runLine(['check', '--write-baseline', 'b.json'], one);
    expect(first.code).toBe(1);
    expect(first.stderr).toContain('wrote 1 findings to b.json');
    const files = Object.fromEntries(first.files);
    const second = await runLine(['check', '--baseline', 'b.json'], { ...one, files });
    expect(second.code).toBe(0);
    expect(second.stdout).toContain('no new findings on 1 target; 1 more in the baseline');

    const fresh = aResult({ findings: [warning, aFinding({ id: 'f'.repeat(16), title: 'something new' })] });
    const third = await runLine(['check', '--baseline', 'b.json'], { ...giving(fresh), files });
    expect(third.code).toBe(1);
    expect(third.stdout).toContain('something new');
    expect(third.stdout).not.toContain(warning.title);
  });

  it('are read before any database is asked', async () => {
    const missing = await runLine(['check', '--baseline', 'none.json']);
    expect(missing).toMatchObject({ code: 2, calls: [] });
    expect(missing.stderr).toMatch(/none\.json cannot be read: ENOENT[\s\S]*--write-baseline none\.json/);
    const broken = await runLine(['check', '--baseline', 'b.json'], { files: { '/here/b.json': '[]' } });
    expect(broken).toMatchObject({ code: 2, calls: [] });
    expect(broken.stderr).toContain('is not a baseline');
  });

  it('can be renewed in one run: the new file holds everything', async () => {
    const files = { '/here/b.json': writeBaseline(aResult({ findings: [warning] }), 'x') };
    const run = await runLine(['check', '--baseline', 'b.json', '--write-baseline', 'b.json'], {
      ...one,
      files,
    });
    expect(run.code).toBe(0);
    expect(JSON.parse(run.files.get('/here/b.json') ?? '').findings).toHaveLength(1);
  });

  it('that lack something unreadable say so', async () => {
    const run = await runLine(['check', '--write-baseline', 'b.json'], giving(aResult({ targets: [down] })));
    expect(run.code).toBe(3);
    expect(run.stderr).toContain('warning: the baseline knows nothing of what could not be read');
  });

  it('that cannot be written end with 2, after the findings', async () => {
    const run = await runLine(['check', '--write-baseline', '/forbidden/b.json'], one);
    expect(run.code).toBe(2);
    expect(run.stdout).toContain(warning.title);
    expect(run.stderr).toContain('EACCES');
  });
});
