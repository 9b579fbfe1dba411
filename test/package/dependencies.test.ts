import { describe, expect, it } from 'vitest';
import { filesBelow, readText } from '../support/repository.ts';

/*
 * What is installed beside our own code: each with a reason, under a hash, with a licence, and without a script of its own.
 */

interface Locked {
  readonly version?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly link?: boolean;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
}

type Versions = Readonly<Record<string, string>>;

const manifest = JSON.parse(readText('package.json')) as {
  readonly name: string;
  readonly version: string;
  readonly dependencies: Versions;
  readonly devDependencies: Versions;
  readonly optionalDependencies: Versions;
  readonly allowScripts: Readonly<Record<string, boolean>>;
};
const lock = JSON.parse(readText('package-lock.json')) as {
  readonly lockfileVersion: number;
  readonly packages: Readonly<Record<string, Locked>>;
};
const page = readText('docs/dependencies.md');

/** Rows of the table below a heading: package, what it does, why. */
function rowsBelow(heading: string): ReadonlyMap<string, readonly string[]> {
  const [, section = ''] = page.split(`\n## ${heading}\n`);
  const rows = [...(section.split('\n## ')[0] ?? '').matchAll(/^\| `([^`]+)` \| (.*) \| (.*?) ?\|$/gm)];
  return new Map(rows.map(([, name = '', does = '', why = '']) => [name, [does, why]]));
}

/** The address of a file of our own, in place of a package that would compile native code. */
const local = 'file:test/support/ssh2-absent';
const fromRegistry = Object.entries(lock.packages).filter(
  ([key, { link }]) => key.includes('node_modules/') && link !== true,
);
const nameOf = (key: string): string => key.replace(/^.*node_modules\//, '');

describe('docs/dependencies.md', () => {
  it('gives a reason for each dependency at run time, and for none that is gone', () => {
    const rows = rowsBelow('At run time');
    expect([...rows.keys()].sort()).toEqual(Object.keys(manifest.dependencies).sort());
    for (const [name, [does = '', why = '']] of rows) {
      expect(does.length, name).toBeGreaterThan(15);
      expect(why.length, name).toBeGreaterThan(15);
    }
  });

  it('names the optional ones', () => {
    expect([...rowsBelow('Optional').keys()].sort()).toEqual(
      Object.keys(manifest.optionalDependencies).sort(),
    );
  });

  it('is true where it says that nothing is accepted in spite of an advisory', () => {
    const accepted = JSON.parse(readText('scripts/audit-accepted.json')) as readonly Record<string, string>[];
    expect(page.includes('It is empty.')).toBe(accepted.length === 0);
    for (const one of accepted)
      expect(one).toEqual({
        advisory: expect.stringMatching(/^https:\/\//),
        package: expect.any(String),
        reason: expect.stringMatching(/.{20}/),
        until: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
      });
  });
});

describe('package.json', () => {
  it('holds no dependency at run time that the sources do not use', () => {
    const sources = filesBelow('src')
      .filter((file) => file.endsWith('.ts'))
      .map((file) => readText(file))
      .join('\n');
    for (const name of Object.keys(manifest.dependencies))
      expect(
        new RegExp(`(?:from |import\\()'${name.replaceAll('/', '\\/')}(?:/[^']*)?'`).test(sources),
        name,
      ).toBe(true);
  });

  it('names exact versions', () => {
    const { dependencies, devDependencies, optionalDependencies } = manifest;
    for (const [name, version] of Object.entries({
      ...dependencies,
      ...devDependencies,
      ...optionalDependencies,
    }))
      if (version !== local) expect(version, name).toMatch(/^\d+\.\d+\.\d+(?:-[\w.]+)?$/);
  });

  it('lets no package run a script while it is installed', () => {
    const scripted = fromRegistry
      .filter(([, { hasInstallScript }]) => hasInstallScript === true)
      .map(([key]) => nameOf(key));
    expect(Object.keys(manifest.allowScripts).sort()).toEqual([...new Set(scripted)].sort());
    expect(Object.values(manifest.allowScripts).filter((isAllowed) => isAllowed)).toEqual([]);
  });
});

describe('package-lock.json', () => {
  it('is of this package.json', () => {
    expect(lock.lockfileVersion).toBe(3);
    const { name, version, dependencies, devDependencies, optionalDependencies } = manifest;
    expect(lock.packages['']).toMatchObject({
      name,
      version,
      dependencies,
      devDependencies,
      optionalDependencies,
    });
  });

  it('has a whole SHA-512 of each package', () => {
    expect(fromRegistry.length).toBeGreaterThan(100);
    for (const [key, { integrity = '' }] of fromRegistry) {
      expect(integrity, key).toMatch(/^sha512-/);
      expect(Buffer.from(integrity.slice('sha512-'.length), 'base64').length, key).toBe(64);
    }
    // What has none is ours.
    const others = Object.keys(lock.packages).filter((key) => !fromRegistry.some(([one]) => one === key));
    expect(others.sort()).toEqual(['', 'node_modules/ssh2', 'test/support/ssh2-absent']);
  });

  it('holds nothing at run time under a licence that asks for more than a notice', () => {
    const permissive = new Set([
      'MIT',
      'ISC',
      'Apache-2.0',
      'BSD-2-Clause',
      'BSD-3-Clause',
      'PSF-2.0',
      '0BSD',
    ]);
    const others = fromRegistry
      .filter(([, { dev, license = '' }]) => dev !== true && !permissive.has(license))
      .map(([key, { license }]) => `${nameOf(key)}: ${license}`);
    expect(others).toEqual([]);
  });
});
