import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inRepository } from '../support/repository.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'ci-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What is counted of a report in vitest's JSON format and the exit code of its run. */
const count = (report: object | undefined, exitCode: number): string => run(report, exitCode).stdout.trim();

function run(report: object | undefined, exitCode: number) {
  const file = path.join(folder, 'report.json');
  rmSync(file, { force: true });
  if (report !== undefined) writeFileSync(file, JSON.stringify(report));
  const args = [inRepository('scripts', 'count-tests.mjs'), file, String(exitCode)];
  return spawnSync(process.execPath, args, { encoding: 'utf8' });
}

const file = (status: string, ...tests: readonly string[]) => ({
  status,
  assertionResults: tests.map((each) => ({ status: each })),
});

describe('the count of tests in CI', () => {
  it('adds up files', () => {
    const report = {
      testResults: [file('passed', 'passed', 'skipped', 'todo'), file('failed', 'failed', 'passed')],
    };
    expect(count(report, 1)).toBe('2 1 2');
  });

  it('takes a file that could not be loaded for a failure', () => {
    expect(count({ testResults: [file('passed', 'passed'), file('failed')] }, 1)).toBe('1 1 0');
  });

  it('takes a failed run without failed tests for a failure', () => {
    expect(count({ testResults: [file('passed', 'passed')] }, 1)).toBe('1 1 0');
  });

  it('tells what failed and why, in a few lines', () => {
    const failed = {
      status: 'failed',
      fullName: 'a scrape answers',
      failureMessages: ['Error: no answer\n  at …'],
    };
    const report = {
      testResults: [
        { name: 'scrape.test.ts', status: 'failed', assertionResults: [failed] },
        { name: 'unloadable.test.ts', status: 'failed', message: 'no such module', assertionResults: [] },
      ],
    };
    const { stdout, stderr } = run(report, 1);
    expect(stdout.trim()).toBe('0 2 0');
    expect(stderr).toBe(
      'scrape.test.ts: a scrape answers\nError: no answer\n  at …\nunloadable.test.ts\nno such module\n',
    );
    expect(run({ testResults: [] }, 1).stderr).toContain('beside its tests');
  });

  it('takes a missing report for a failure', () => {
    expect(count(undefined, 137)).toBe('0 1 0');
    expect(count(undefined, 0)).toBe('0 1 0');
  });
});

it('.ci/run can be executed', () => {
  expect(statSync(inRepository('.ci', 'run')).mode & 0o111).toBe(0o111);
});
