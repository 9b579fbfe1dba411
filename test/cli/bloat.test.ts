import { describe, expect, it } from 'vitest';
import { err, ok } from '../../src/model/result.ts';
import type { BloatReport } from '../../src/report/bloat/result.ts';
import { runLine } from './support.ts';

const url = 'postgresql://monitor@db.example/shop';
const report = (more: Partial<BloatReport> = {}): BloatReport => ({
  rows: [],
  improvements: [],
  targets: 1,
  unreadable: [],
  ...more,
});
const answering = (value: BloatReport) => ({ commands: { bloat: () => Promise.resolve(ok(value)) } });

describe('bloat', () => {
  it('reads nothing but the catalogue unless told to measure', async () => {
    const { calls, code } = await runLine(['bloat', '--url', url]);
    expect(code).toBe(0);
    expect(calls).toEqual([
      { command: 'bloat', request: { flags: {}, command: { url }, isMeasured: false, indexes: [] } },
    ]);
  });

  it('hands on what is to be measured, and how fast', async () => {
    const { calls } = await runLine([
      ...['bloat', '--url-file', 'u', '--measure', '--budget', '512MiB'],
      ...['--index', 'a*', '--index', 's.b', '--schema', 'public'],
    ]);
    expect(calls[0]?.request).toEqual({
      flags: { 'bloat.budgetPerMinute': '512MiB' },
      command: { urlFile: '/here/u', schemas: ['public'] },
      isMeasured: true,
      indexes: ['a*', 's.b'],
    });
  });

  it('prints JSON that a script can rely on, and warnings beside it', async () => {
    const unreadable = [{ server: 'main', datname: 'shop', reason: 'connection refused' }];
    const run = await runLine(['bloat', '--format', 'json'], answering(report({ unreadable })));
    expect(JSON.parse(run.stdout)).toEqual({ indexes: [] });
    expect(run.stderr).toContain('main/shop could not be read: connection refused');
    expect(run.code).toBe(3);
  });

  it('ends with 3 where there was nothing to look at, or the look failed', async () => {
    expect((await runLine(['bloat'], answering(report({ targets: 0 })))).code).toBe(3);
    const failing = { bloat: () => Promise.resolve(err({ kind: 'unreadable' as const, message: 'no' })) };
    expect((await runLine(['bloat'], { commands: failing })).code).toBe(3);
  });

  it('ends with 130 when it was interrupted', async () => {
    const signal = AbortSignal.abort();
    const run = await runLine(['bloat', '--measure'], { environment: { signal } });
    expect(run).toMatchObject({ code: 130, stdout: '' });
  });

  it.each<[readonly string[], RegExp]>([
    [['--budget', '1GiB'], /--budget means nothing without --measure/],
    [['--measure', '--budget', 'much'], /--budget is not a size/],
    [['--measure', '--budget', '0'], /is no budget/],
    [['--index', '[a'], /--index is not a pattern/],
    [['--format', 'csv'], /table, json/],
    [['shop'], /what does 'shop' mean/],
    [['--url', url, '--url-file', 'f'], /exclude each other/],
    [['--fail-on', 'never'], /no flag --fail-on/],
  ])('refuses %j', async (argv, message) => {
    const run = await runLine(['bloat', ...argv]);
    expect(run.code).toBe(2);
    expect(run.stderr).toMatch(message);
    expect(run.calls).toEqual([]);
  });
});
