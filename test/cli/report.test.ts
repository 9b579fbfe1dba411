import { describe, expect, test } from 'vitest';
import { ok } from '../../src/model/result.ts';
import { aReport } from '../report/document/samples.ts';
import { aCheckedTarget, aResult } from '../report/samples.ts';
import { runLine } from './support.ts';

const url = 'postgresql://monitor@db.example/shop';

describe('indexwarden report', () => {
  test('prints Markdown on stdout and the summary on stderr', async () => {
    const { code, stdout, stderr, calls } = await runLine(['report', '--url', url]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^# Index report: /);
    expect(stderr).toBe('no findings on 1 target; every detector could judge\n');
    expect(calls).toMatchObject([{ command: 'report', request: { windowMs: 30 * 86_400_000 } }]);
  });

  test.each([
    ['html', /^<!DOCTYPE html>\n/],
    ['json', /^\{\n {2}"reportVersion": 1,/],
  ])('prints %s', async (format, beginning) => {
    expect((await runLine(['report', '--url', url, '--format', format])).stdout).toMatch(beginning);
  });

  test('takes the flags that check takes, and how far to look back', async () => {
    const { calls } = await runLine([
      'report',
      '--url',
      url,
      '--since',
      '90d',
      '--expectations',
      'a.yaml',
      '--schema',
      'app',
    ]);
    expect(calls).toMatchObject([
      {
        request: {
          windowMs: 90 * 86_400_000,
          command: { url, expectations: ['/here/a.yaml'], schemas: ['app'] },
        },
      },
    ]);
  });

  test('writes to a file', async () => {
    const { code, stdout, files } = await runLine(['report', '--url', url, '--output', 'out/report.md']);
    expect([code, stdout]).toEqual([0, '']);
    expect(files.get('/here/out/report.md')).toMatch(/^# Index report: /);
    const refused = await runLine(['report', '--url', url, '--output', '/forbidden/report.md']);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('the report cannot be written: EACCES');
  });

  test('ends with 3 where a target could not be read, and prints the report all the same', async () => {
    const result = aResult({ targets: [aCheckedTarget({ isUp: false, error: 'connection refused' })] });
    const { code, stdout } = await runLine(['report', '--url', url], {
      commands: { report: async () => ok({ document: aReport(), result }) },
    });
    expect(code).toBe(3);
    expect(stdout).toMatch(/^# Index report: /);
  });

  test.each([['0d'], ['30'], ['soon']])('refuses --since %s', async (since) => {
    const { code, calls } = await runLine(['report', '--url', url, '--since', since]);
    expect([code, calls]).toEqual([2, []]);
  });
});
