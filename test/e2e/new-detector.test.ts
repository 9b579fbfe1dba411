import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inRepository } from '../support/repository.ts';
import { run } from '../support/tools.ts';

const id = 'odd-problem-index';
const written = [
  `src/detectors/${id}/detector.ts`,
  `test/detectors/${id}.test.ts`,
  `docs/detectors/${id}.md`,
];
const bin = (name: string): string => inRepository('node_modules', '.bin', name);

let copy: string;

/** As much of the repository as a new detector needs: writing into the one under test would disturb its other tests. */
beforeAll(() => {
  copy = mkdtempSync(path.join(tmpdir(), 'new-detector-'));
  for (const name of [
    'src',
    'test/support',
    'test/detectors/judge.ts',
    'package.json',
    'tsconfig.json',
    'biome.json',
    'vitest.config.ts',
  ])
    cpSync(inRepository(name), path.join(copy, name), { recursive: true });
  symlinkSync(inRepository('node_modules'), path.join(copy, 'node_modules'));
});

afterAll(() => rmSync(copy, { recursive: true, force: true }));

const newDetector = (...args: readonly string[]): string =>
  run(
    process.execPath,
    ['--import', 'tsx', inRepository('scripts', 'new-detector.ts'), ...args, '--root', copy],
    {
      cwd: inRepository(),
    },
  );

describe('npm run new-detector', () => {
  it('writes folder, test and page, and says what is left to do', () => {
    const output = newDetector(id);
    for (const file of written) expect(output).toContain(file);
    expect(output).toContain(`add '${id}' to findingKinds`);
    expect(output).toContain(`import oddProblemIndex from './${id}/detector.ts'`);
  });

  it('writes what compiles, passes the linter and its own test once the kind is known', () => {
    const finding = path.join(copy, 'src', 'model', 'finding.ts');
    writeFileSync(
      finding,
      readFileSync(finding, 'utf8').replace('findingKinds = [', `findingKinds = [\n  '${id}',`),
    );
    const [detector, test] = written as [string, string];
    writeFileSync(
      path.join(copy, 'tsconfig.one.json'),
      JSON.stringify({ extends: './tsconfig.json', include: [], files: [detector, test] }),
    );
    run(bin('tsc'), ['-p', 'tsconfig.one.json'], { cwd: copy });
    run(bin('biome'), ['check', '--error-on-warnings', '--vcs-enabled=false', detector, test], { cwd: copy });
    run(bin('vitest'), ['run', '--project', 'unit', test], { cwd: copy });
  });

  it('overwrites nothing', () => {
    expect(() => newDetector(id)).toThrow(/nothing was written/);
  });

  it.each(['index', 'Odd-Index', '../odd-index', 'odd_index'])('refuses %s as a name', (name) => {
    expect(() => newDetector(name)).toThrow(/usage:/);
  });
});
