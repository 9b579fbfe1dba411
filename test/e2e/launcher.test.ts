import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inRepository } from '../support/repository.ts';

/*
 * bin/indexwarden in a checkout of its own with two small source files: what it builds, when, and what it does where it cannot.
 * mkdtemp makes folders of mode 0700, as some people's home folders are.
 */

let checkout: string;
const at = (...steps: readonly string[]): string => path.join(checkout, ...steps);
const launcher = (): string => at('bin', 'indexwarden');

beforeEach(() => {
  checkout = mkdtempSync(path.join(tmpdir(), 'launcher-'));
  for (const name of ['bin', 'scripts', 'package.json', 'tsconfig.json', 'tsconfig.build.json'])
    cpSync(inRepository(name), at(name), { recursive: true });
  symlinkSync(inRepository('node_modules'), at('node_modules'));
  mkdirSync(at('src'));
  writeFileSync(
    at('src', 'main.ts'),
    `import { greeting } from './greeting.ts';
const words: readonly string[] = process.argv.slice(2);
console.log([greeting, ...words].join(' '));
if (words.includes('fail')) throw new Error('as asked');
`,
  );
  greet('hello');
});

afterEach(() => rmSync(checkout, { recursive: true, force: true }));

const greet = (greeting: string): void =>
  writeFileSync(at('src', 'greeting.ts'), `export const greeting: string = '${greeting}';\n`);

const launch = (
  args: readonly string[] = [],
  options: { uid?: number; node?: readonly string[] } = {},
): SpawnSyncReturns<string> =>
  spawnSync(process.execPath, [...(options.node ?? []), launcher(), ...args], {
    cwd: '/',
    encoding: 'utf8',
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });

describe('bin/indexwarden in a checkout', () => {
  it('builds dist when it is missing, and starts fast when it is there', () => {
    expect(launch(['one'])).toMatchObject({ status: 0, stdout: 'hello one\n', stderr: '' });
    const began = performance.now();
    expect(launch(['two'])).toMatchObject({ status: 0, stdout: 'hello two\n', stderr: '' });
    // A build takes more than a second; this is one start of Node.js.
    expect(performance.now() - began).toBeLessThan(1_000);
  });

  it('works through a link, as npm makes one', () => {
    symlinkSync(launcher(), at('link'));
    const linked = spawnSync(at('link'), ['linked'], { cwd: '/', encoding: 'utf8' });
    expect(linked).toMatchObject({ status: 0, stdout: 'hello linked\n' });
  });

  it('builds again when a source changes or goes, and leaves no output of a source that went', () => {
    writeFileSync(at('src', 'passing.ts'), 'export const passing = true;\n');
    launch();
    expect(existsSync(at('dist', 'passing.js'))).toBe(true);
    rmSync(at('src', 'passing.ts'));
    greet('good evening');
    expect(launch()).toMatchObject({ status: 0, stdout: 'good evening\n' });
    expect(existsSync(at('dist', 'passing.js'))).toBe(false);
  });

  it('may be started several times at once', async () => {
    launch();
    greet('together');
    const ended = await Promise.all(
      [1, 2, 3].map(async () => {
        const child = spawn(process.execPath, [launcher()], { stdio: ['ignore', 'pipe', 'pipe'] });
        const output: Buffer[] = [];
        for (const stream of [child.stdout, child.stderr])
          stream.on('data', (chunk: Buffer) => output.push(chunk));
        const [code] = (await once(child, 'close')) as [number | null];
        return `${code} ${Buffer.concat(output)}`;
      }),
    );
    expect(ended).toEqual(['0 together\n', '0 together\n', '0 together\n']);
    expect(readdirSync(checkout).filter((name) => name.startsWith('dist'))).toEqual(['dist']);
  });

  it('takes over the lock of a process that died', () => {
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    writeFileSync(at('dist.lock'), String(dead));
    expect(launch()).toMatchObject({ status: 0, stdout: 'hello\n' });
  });

  it('names the line of the source where something is thrown', () => {
    expect(launch(['fail']).stderr).toContain(at('src', 'main.ts:4'));
  });

  it('says what does not compile and runs nothing', () => {
    writeFileSync(at('src', 'greeting.ts'), 'export const greeting: number = "hello";\n');
    const result = launch();
    expect(result).toMatchObject({ status: 2, stdout: '' });
    expect(result.stderr).toContain('src/greeting.ts(1,14)');
  });

  it('uses dist as it is where TypeScript is not installed', () => {
    launch();
    rmSync(at('node_modules'));
    expect(launch()).toMatchObject({ status: 0, stdout: 'hello\n', stderr: '' });
    greet('changed');
    const stale = launch();
    expect(stale).toMatchObject({ status: 0, stdout: 'hello\n' });
    expect(stale.stderr).toContain('TypeScript is not installed');
  });

  it('runs the sources, or says what to do, where there is neither dist nor TypeScript', () => {
    rmSync(at('node_modules'));
    const result = launch();
    // `process.features.typescript` is there from 22.10 on, and true in the releases that read TypeScript unasked.
    if ('typescript' in process.features && process.features.typescript) {
      expect(result).toMatchObject({ status: 0, stdout: 'hello\n' });
    } else {
      expect(result).toMatchObject({ status: 2, stdout: '' });
      expect(result.stderr).toMatch(/Run "npm ci" in .*, or use Node\.js 22\.18 or later/);
    }
  });

  it('works in a checkout that it cannot write to', () => {
    launch();
    makeReadOnly();
    const asNobody = process.getuid?.() === 0 ? { uid: 65_534 } : {};
    expect(launch(['fresh'], asNobody)).toMatchObject({ status: 0, stdout: 'hello fresh\n', stderr: '' });
    greet('changed');
    const stale = launch(['stale'], asNobody);
    expect(stale).toMatchObject({ status: 0, stdout: 'hello stale\n' });
    expect(stale.stderr).toContain('is not writable');
    chmodSync(checkout, 0o755);
  });

  it('refuses a Node.js that is too old', () => {
    const pretend = 'data:text/javascript,Object.defineProperty(process,"versions",{value:{node:"20.18.3"}})';
    const result = launch([], { node: ['--import', pretend] });
    expect(result).toMatchObject({ status: 2, stdout: '' });
    expect(result.stderr).toContain('needs Node.js 20.19 or later; this is 20.18.3');
  });
});

describe('bin/indexwarden in an installed package', () => {
  it('runs dist and asks for nothing else', () => {
    launch();
    for (const name of ['src', 'scripts', 'node_modules', 'tsconfig.json', 'tsconfig.build.json'])
      rmSync(at(name), { recursive: true });
    expect(launch(['installed'])).toMatchObject({ status: 0, stdout: 'hello installed\n', stderr: '' });
  });
});

describe('scripts/prepare.mjs', () => {
  const prepare = (...args: readonly string[]): SpawnSyncReturns<string> =>
    spawnSync(process.execPath, [at('scripts', 'prepare.mjs'), ...args], { cwd: '/', encoding: 'utf8' });

  it('builds, and only once', () => {
    expect(prepare()).toMatchObject({ status: 0, stdout: 'indexwarden: built dist\n' });
    expect(prepare()).toMatchObject({ status: 0, stdout: 'indexwarden: dist is up to date\n' });
  });

  it('is content without TypeScript, unless a build is required', () => {
    rmSync(at('node_modules'));
    expect(prepare()).toMatchObject({
      status: 0,
      stdout: 'indexwarden: TypeScript is not installed, so dist was not built\n',
    });
    expect(prepare('--required').status).toBe(1);
  });

  it('fails when the sources do not compile', () => {
    writeFileSync(at('src', 'greeting.ts'), 'export const greeting: number = "hello";\n');
    const result = prepare();
    expect(result.status).toBe(1);
    expect(result.stderr).toContain('src/greeting.ts(1,14)');
  });
});

/** For everybody; root, who is not held back by modes, runs it as somebody else. */
function makeReadOnly(): void {
  for (const entry of readdirSync(checkout, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) chmodSync(path.join(entry.parentPath, entry.name), 0o755);
  }
  chmodSync(checkout, 0o555);
}
