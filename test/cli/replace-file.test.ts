import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { replaceFile } from '../../src/cli/replace-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'replace-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('makes a file, or puts a new one into the place of the old', () => {
  const file = path.join(folder, 'report.md');
  replaceFile(file, 'one');
  chmodSync(file, 0o640);
  const before = statSync(file).ino;
  replaceFile(file, 'two');
  expect(readFileSync(file, 'utf8')).toBe('two');
  expect(statSync(file).ino).not.toBe(before);
  expect(statSync(file).mode & 0o777).toBe(0o640);
  expect(readdirSync(folder)).toEqual(['report.md']);
});

test('leaves a link a link', () => {
  const [file, link] = [path.join(folder, 'report.md'), path.join(folder, 'latest.md')];
  writeFileSync(file, 'one');
  symlinkSync(file, link);
  replaceFile(link, 'two');
  expect(readFileSync(file, 'utf8')).toBe('two');
  expect(readdirSync(folder).sort()).toEqual(['latest.md', 'report.md']);
});

test('leaves nothing behind where it cannot write', () => {
  expect(() => replaceFile(path.join(folder, 'no', 'report.md'), 'one')).toThrow(/ENOENT/);
  expect(existsSync(path.join(folder, 'no'))).toBe(false);
});

test('writes to what is no file', () => {
  expect(() => replaceFile('/dev/null', 'gone')).not.toThrow();
  expect(statSync('/dev/null').isFile()).toBe(false);
});
