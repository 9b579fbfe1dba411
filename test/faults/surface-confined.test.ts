import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answerOf, upByDatabase } from '../e2e/daemon-client.ts';
import { programs, until } from '../e2e/program.ts';
import {
  createDatabase,
  runOn,
  startPostgres,
  type TestDatabase,
  type TestServer,
} from '../support/postgres.ts';
import { inRepository } from '../support/repository.ts';
import { run } from '../support/tools.ts';
import { noteFault } from './rows.ts';

/*
 * There is no container engine where the tests run. What the image is to run under is put on the program itself: a user that owns
 * nothing, no capability in any set, none to be gained, and a file system that is read-only from its root on.
 */

const confined = [
  '--reuid=65534',
  '--regid=65534',
  '--clear-groups',
  '--bounding-set=-all',
  '--inh-caps=-all',
  '--ambient-caps=-all',
  '--no-new-privs',
];

/** Whether this process may do what the test needs: as root, with util-linux, where mounts are allowed. */
const canConfine =
  process.getuid?.() === 0 &&
  spawnSync('setpriv', [...confined, 'true']).status === 0 &&
  spawnSync('unshare', ['--mount', 'sh', '-c', 'mount --bind / / && mount -o remount,bind,ro /']).status ===
    0;
if (!canConfine) console.warn('skipped: needs root, setpriv and unshare --mount');

let server: TestServer;
let shop: TestDatabase;
const { startProgram, endAll } = programs();

beforeAll(async () => {
  if (!canConfine) return;
  run(process.execPath, [inRepository('scripts', 'prepare.mjs'), '--required']);
  server = await startPostgres();
  shop = await createDatabase(server, 'shop');
  await runOn(shop.url, 'create table items (id int primary key, name text)');
});
afterAll(async () => {
  await endAll();
  await shop?.drop();
  await server?.close();
});

test.skipIf(!canConfine)(
  'the daemon watches as nobody, without a capability, on a read-only file system',
  async () => {
    const program = [
      process.execPath,
      inRepository('dist', 'main.js'),
      'serve',
      '--http.listen',
      '127.0.0.1:0',
    ];
    // Root itself must not be able to write there, or the daemon's not writing would prove nothing.
    const script = `mount --bind / / && mount -o remount,bind,ro / || exit 96; if touch "$PROBE" 2>/dev/null; then exit 97; fi; exec setpriv ${confined.join(' ')} "$0" "$@"`;
    const daemon = startProgram('unshare', ['--mount', 'sh', '-c', script, ...program], {
      env: { DATABASE_URL: shop.url, PROBE: path.join(tmpdir(), `probe-${process.pid}`) },
      cwd: '/',
    });
    const [, address = ''] = await daemon.printed(/"address":"([^"]+)"/, 'stderr');
    await until('a collection', async () => Object.values(await upByDatabase(address)).includes(1));

    const status = readFileSync(`/proc/${daemon.pid}/status`, 'utf8');
    const inStatus = (name: string): string => new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(status)?.[1] ?? '';
    expect(inStatus('Uid')).toMatch(/^65534\t65534\t65534\t65534/);
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      expect([set, inStatus(set)]).toEqual([set, '0000000000000000']);
    expect(inStatus('NoNewPrivs')).toBe('1');

    for (const path of ['/metrics', '/', '/api/v1/findings', '/docs/', '/-/ready'])
      expect([path, (await answerOf(address, path)).status]).toEqual([path, 200]);
    expect((await answerOf(address, '/metrics')).body).toMatch(/^pgindex_size_bytes\{/m);
    // It starts nothing beside itself, and needs no shell.
    expect(readFileSync(`/proc/${daemon.pid}/task/${daemon.pid}/children`, 'utf8').trim()).toBe('');
    daemon.kill('SIGTERM');
    const ended = await daemon.ended;
    expect(ended.code).toBe(0);
    const complaints = ended.stderr
      .split('\n')
      .filter((line) => /"level":(?:50|60|"error"|"fatal")/.test(line));
    expect(complaints).toEqual([]);
    noteFault({
      area: 'surface',
      fault: 'Nobody’s uid, no capability, no new privileges, read-only file system',
      did: `collected and served; capabilities ${inStatus('CapBnd')}`,
      said: 'target_up 1, exit code 0, no error logged',
      recoveryMs: null,
    });
  },
);
