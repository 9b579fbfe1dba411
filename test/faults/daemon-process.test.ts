import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { answerOf, findingsOf } from '../e2e/daemon-client.ts';
import { until } from '../e2e/program.ts';
import { eventsIn, stage, watches } from './faulty-daemon.ts';
import { noteFault, times } from './rows.ts';

/*
 * What surrounds the process: its port, its file descriptors, the disk of its log, and a configuration that is wrong again and again.
 */

const { folder, serve, launch, setUp, tearDown, endAll } = stage();
beforeAll(setUp);
afterEach(endAll);
afterAll(tearDown);

test('a port that is taken ends it before anything is begun, and says what to do', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const address = other.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const ended = await launch({ listen: `127.0.0.1:${port}` }).ended;
  other.close();
  expect(ended).toMatchObject({ code: 2, stdout: '' });
  expect(ended.stderr).toMatch(/the port is taken; .*--http\.listen/);
  noteFault({
    area: 'daemon',
    fault: 'its port is taken',
    did: 'ends before it begins, and says which port and how to choose another',
    said: `exit code ${ended.code}`,
    recoveryMs: null,
  });
});

test('without a file descriptor left it goes on with the connections it has, says so, and recovers', async () => {
  const daemon = await serve();
  await watches(daemon);
  const open = readdirSync(`/proc/${daemon.pid}/fd`).length;
  const limit = open + 12;
  const limited = spawnSync('prlimit', ['--pid', String(daemon.pid), `--nofile=${limit}:${limit}`]);
  expect(limited.status, 'prlimit (util-linux) is needed').toBe(0);
  const { port, hostname } = new URL(daemon.address);
  const clients: Socket[] = [];
  // As many as are let in; the surplus is closed, so that others are tried until it is noticed.
  const flood = setInterval(() => {
    for (let n = 0; n < 40; n += 1) clients.push(connect(Number(port), hostname).on('error', () => {}));
  }, 200);
  const [said] = await until('it to be said', () => {
    const lines = daemon.events('no-file-descriptors');
    return lines.length > 0 && lines;
  });
  expect(said).toMatchObject({ level: 'error', msg: expect.stringMatching(/raise the limit/) });
  expect(daemon.hasEnded()).toBe(false);
  clearInterval(flood);
  for (const client of clients) client.destroy();
  const freedAtMs = Date.now();
  await watches(daemon);
  const recoveryMs = Date.now() - freedAtMs;
  await until('that to be said', () => daemon.events('file-descriptors-again').length === 1);
  expect(daemon.events('no-file-descriptors')).toHaveLength(1);
  const shown = `process_open_fds ${await daemon.metric('process_open_fds')} after`;
  daemon.kill('SIGTERM');
  expect(await daemon.ended).toMatchObject({ code: 0 });
  noteFault({
    area: 'daemon',
    fault: 'no file descriptor is left',
    did: 'goes on; turns new clients away; one line of log that says what to raise, one when it is over',
    said: shown,
    recoveryMs,
  });
}, 120_000);

test('a disk that is full under the log costs no more than lines', async () => {
  const { pid, hasEnded, kill, ended } = launch({ args: ['--log.destination', '/dev/full'] });
  const listens = await until('a port', () => portsOf(pid)[0]);
  const address = `http://127.0.0.1:${listens}`;
  await until('readiness', async () => (await answerOf(address, '/-/ready')).status === 200);
  kill('SIGHUP');
  await until('readiness again', async () => (await answerOf(address, '/-/ready')).status === 200);
  expect(hasEnded()).toBe(false);
  const healthy = (await answerOf(address, '/-/healthy')).status;
  kill('SIGTERM');
  const { code } = await ended;
  expect(code).toBe(0);
  noteFault({
    area: 'daemon',
    fault: 'the disk of the log is full',
    did: 'starts, watches, reloads and ends as usual; lines wait in memory, up to 1 MiB',
    said: `/-/healthy ${healthy}; exit code ${code} after SIGTERM`,
    recoveryMs: null,
  });
});

/** Ports on 127.0.0.1 that a process listens on. Linux only. */
function portsOf(pid: number): readonly number[] {
  const own = new Set(
    readdirSync(`/proc/${pid}/fd`).map((fd) => {
      const found = spawnSync('readlink', [`/proc/${pid}/fd/${fd}`], { encoding: 'utf8' }).stdout;
      return /socket:\[(\d+)\]/.exec(found)?.[1];
    }),
  );
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === '0A' && own.has(inode))
    .map(([, local = '']) => Number.parseInt(local.split(':')[1] ?? '', 16));
}

interface Measured {
  readonly heapUsed: number;
  readonly rss: number;
  readonly handles: number;
  readonly files: number;
}

/** What a few hundred reloads may leave behind: noise of the heap. A leak of one configuration each would be far more. */
const heapGrowthMax = 3 * 1024 * 1024;

test('a configuration that is wrong hundreds of times changes nothing and leaves nothing behind', async () => {
  const daemon = await serve({ config: { http: { lifecycle: true, requestsPerMinute: 0 } } });
  await watches(daemon);
  const file = path.join(
    folder,
    readdirSync(folder)
      .filter((name) => name.endsWith('.yaml'))
      .toSorted(byNumber)
      .at(-1) ?? '',
  );
  const good = readFileSync(file, 'utf8');
  const before = (await findingsOf(daemon.address)).length;
  const bad = [
    'servers: [{name: main, primary: {prot: 1}}]\n',
    'servers: nonsense\n',
    '{{{\n',
    `${good.slice(0, -1)}, "surprise": 1}`,
    '\u0000',
    '',
  ];
  const failures = (): number => daemon.events('reload-failed').length;
  const reloadAll = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n += 1) {
      writeFileSync(file, bad[n % bad.length] ?? '');
      const failed = failures();
      if (n % 2 === 0) daemon.kill('SIGHUP');
      else expect((await answerOf(daemon.address, '/-/reload', { method: 'POST' })).status).toBe(500);
      await until('the failure to be said', () => failures() > failed);
    }
  };
  const count = times(60, 400);
  await reloadAll(30);
  const first = (await daemon.order('measure')) as Measured;
  await reloadAll(count);
  const last = (await daemon.order('measure')) as Measured;
  expect(last.heapUsed - first.heapUsed).toBeLessThan(heapGrowthMax);
  expect(last.files).toBeLessThanOrEqual(first.files + 1);
  expect(last.handles).toBeLessThanOrEqual(first.handles + 2);
  const successful = await daemon.metric('indexwarden_config_last_reload_successful');
  expect(successful).toBe(0);
  expect(await findingsOf(daemon.address)).toHaveLength(before);
  await watches(daemon);
  const logged = failures();
  expect(logged).toBe(count + 30);
  writeFileSync(file, good);
  const mendedAtMs = Date.now();
  daemon.kill('SIGHUP');
  await until(
    'the good one',
    async () => (await daemon.metric('indexwarden_config_last_reload_successful')) === 1,
  );
  await watches(daemon);
  noteFault({
    area: 'daemon',
    fault: `a configuration with errors, reloaded ${count} times by SIGHUP and POST`,
    did: `the one before stays, ${logged} lines of log; heap ${((last.heapUsed - first.heapUsed) / 1024).toFixed(0)} KiB, files ${last.files - first.files}, handles ${last.handles - first.handles} more`,
    said: `indexwarden_config_last_reload_successful ${successful}; facts fresh`,
    recoveryMs: Date.now() - mendedAtMs,
  });
}, 300_000);

const byNumber = (a: string, b: string): number => numberIn(a) - numberIn(b);
const numberIn = (name: string): number => Number(/\d+/.exec(name)?.[0] ?? 0);

test('the log of the tests is read whole', () => {
  expect(eventsIn('{"event":"a"}\n{"event":"b"}\nnoise\n{"event":"a', 'a')).toEqual([{ event: 'a' }]);
});
