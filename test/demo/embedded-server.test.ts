import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Binaries, installBinaries, locateBinaries } from '../../src/demo/binaries.ts';
import {
  type EmbeddedServer,
  EmbeddedServerError,
  startEmbeddedServer,
} from '../../src/demo/embedded-server.ts';
import { withConnection } from '../support/postgres.ts';
import { childrenOf, eventually, isRunning, processesMentioning } from '../support/processes.ts';

const found = await installBinaries(17);
const linux = process.platform === 'linux';

describe.skipIf(found.kind === 'missing')('an embedded server', () => {
  // Skipped above when missing; a cast says so to the compiler.
  const binaries = found as Binaries;
  let server: EmbeddedServer;

  beforeAll(async () => {
    server = await startEmbeddedServer({ binaries, settings: { work_mem: '5MB' } });
  });
  afterAll(async () => {
    await server.close();
  });

  test('answers, with the settings that were asked for', async () => {
    await withConnection(server.superuserUrl(), async (client) => {
      const { rows } = await client.query(
        "select current_setting('work_mem') as work_mem, current_setting('fsync') as fsync, current_user as role",
      );
      expect(rows).toEqual([{ work_mem: '5MB', fsync: 'off', role: 'postgres' }]);
    });
  });

  test('lets nobody in without the password, and listens on the loopback only', async () => {
    await expect(
      withConnection(server.urlFor('postgres', 'guessed', 'postgres'), async () => {}),
    ).rejects.toThrow('password authentication failed');
    await withConnection(server.superuserUrl(), async (client) => {
      const { rows } = await client.query<{ method: string }>(
        'select distinct auth_method as method from pg_catalog.pg_hba_file_rules',
      );
      expect(rows).toEqual([{ method: 'scram-sha-256' }]);
      const listening = await client.query('show listen_addresses');
      expect(listening.rows).toEqual([{ listen_addresses: '127.0.0.1' }]);
    });
  });

  test.runIf(linux && process.getuid?.() === 0)('does not run as root when root starts it', async () => {
    const status = await readFile(`/proc/${server.pid}/status`, 'utf8');
    const uids = /^Uid:\s+(.*)$/m.exec(status)?.[1]?.split(/\s+/).map(Number);
    expect(uids).toHaveLength(4);
    expect(uids).not.toContain(0);
    expect(/^Groups:[ \t]*(.*)$/m.exec(status)?.[1]?.trim()).toBe('');
    expect((await stat(server.dataDirectory)).uid).toBe(uids?.[0]);
  });

  test.runIf(process.platform !== 'win32')('keeps its data to itself', async () => {
    expect((await stat(server.dataDirectory)).mode & 0o777).toBe(0o700);
    expect((await stat(path.dirname(server.dataDirectory))).mode & 0o777).toBe(0o700);
  });

  test('stops and starts again with its data, on the same port', async () => {
    await withConnection(server.superuserUrl(), (client) =>
      client.query('create table kept as select 7 as number'),
    );
    const port = server.port;
    await server.stop();
    expect(server.pid).toBeUndefined();
    await server.start();
    expect(server.port).toBe(port);
    await withConnection(server.superuserUrl(), async (client) => {
      expect((await client.query('table kept')).rows).toEqual([{ number: 7 }]);
    });
  });

  test('recovers from the crash of one of its processes, with the same postmaster', async () => {
    const pid = server.pid;
    await server.crash();
    expect(server.pid).toBe(pid);
    await withConnection(server.superuserUrl(), (client) => client.query('select 1'));
  });

  test('a port that is taken is an error with its remedy', async () => {
    const occupant = createServer();
    const port = await new Promise<number>((resolve) => {
      occupant.listen(0, '127.0.0.1', () => {
        const address = occupant.address();
        resolve(address !== null && typeof address === 'object' ? address.port : 0);
      });
    });
    const failure = await startEmbeddedServer({ binaries, port }).catch((error: unknown) => error);
    occupant.close();
    expect(failure).toBeInstanceOf(EmbeddedServerError);
    expect(String(failure)).toContain('Address already in use');
    expect(failure).toHaveProperty('remedy', 'Choose another port, or leave the choice to us.');
  });

  test('a setting that does not exist is an error that shows the log', async () => {
    const starting = startEmbeddedServer({ binaries, settings: { no_such_setting: '1' } });
    await expect(starting).rejects.toThrow('unrecognized configuration parameter "no_such_setting"');
  });

  test('a start that is cancelled leaves nothing', async () => {
    const parent = await mkdtemp(path.join(tmpdir(), 'indexwarden-test-'));
    await openFolder(parent);
    const dataDirectory = path.join(parent, 'data');
    const controller = new AbortController();
    const starting = startEmbeddedServer({ binaries, dataDirectory, signal: controller.signal });
    starting.catch(() => {});
    await eventually('the data directory to appear', () => existsSync(dataDirectory));
    controller.abort(new Error('changed my mind'));
    await expect(starting).rejects.toThrow('changed my mind');
    expect(existsSync(dataDirectory)).toBe(false);
    if (linux) expect(await processesMentioning(dataDirectory)).toEqual(new Map());
    await rm(parent, { recursive: true });
  });

  test('a folder that holds something else is left alone', async () => {
    const dataDirectory = await mkdtemp(path.join(tmpdir(), 'indexwarden-test-'));
    await writeFile(path.join(dataDirectory, 'diary.txt'), 'Dear diary');
    await expect(startEmbeddedServer({ binaries, dataDirectory })).rejects.toThrow(
      'holds no PostgreSQL cluster',
    );
    expect(await readFile(path.join(dataDirectory, 'diary.txt'), 'utf8')).toBe('Dear diary');
    await rm(dataDirectory, { recursive: true });
  });

  test('a cluster that was kept is taken up again with a new password, and kept again', async () => {
    const parent = await mkdtemp(path.join(tmpdir(), 'indexwarden-test-'));
    const dataDirectory = path.join(parent, 'data');
    await openFolder(parent);
    const first = await startEmbeddedServer({ binaries, dataDirectory, keep: true });
    await withConnection(first.superuserUrl(), (client) =>
      client.query('create table kept as select 7 as number'),
    );
    await first.close();
    const second = await startEmbeddedServer({ binaries, dataDirectory });
    await withConnection(second.superuserUrl(), async (client) => {
      expect((await client.query('table kept')).rows).toEqual([{ number: 7 }]);
    });
    expect(new URL(second.superuserUrl()).password).not.toBe(new URL(first.superuserUrl()).password);
    await second.close();
    expect(existsSync(path.join(dataDirectory, 'PG_VERSION'))).toBe(true);
    await rm(parent, { recursive: true });
  });
});

describe.runIf(found.kind === 'found' && linux)('no server outlives its program', () => {
  test('closed in order', async () => {
    if (found.kind === 'missing') return;
    const server = await startEmbeddedServer({ binaries: found });
    const { dataDirectory } = server;
    const processes = [server.pid ?? 0, ...(await childrenOf(server.pid ?? 0))];
    await server.close();
    await server.close();
    await expectNothingLeft(dataDirectory, processes);
  });

  test.each(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP'] as const)('the program ends by %s', async (signal) => {
    const program = startProgram(['wait']);
    const started = await program.says();
    const processes = [started.pid, ...(await childrenOf(started.pid))];
    expect(processes.length).toBeGreaterThan(4);
    program.child.kill(signal);
    await program.ended;
    await expectNothingLeft(started.dataDirectory, processes);
  });

  test.each(['throw', 'end'])('the program ends by itself: %s', async (behaviour) => {
    const program = startProgram([behaviour]);
    const started = await program.says();
    await program.ended;
    await expectNothingLeft(started.dataDirectory, [started.pid]);
  });

  test('the program is killed while initdb runs', async () => {
    const parent = await mkdtemp(path.join(tmpdir(), 'indexwarden-test-'));
    await openFolder(parent);
    const dataDirectory = path.join(parent, 'data');
    const program = startProgram(['announce-start', dataDirectory]);
    await eventually('initdb to work', () => existsSync(dataDirectory));
    program.child.kill('SIGKILL');
    await program.ended;
    await eventually('no process of it', async () => (await processesMentioning(dataDirectory)).size === 0);
    await rm(parent, { recursive: true });
  });

  test('the watchdog is killed first, and the program after it', async () => {
    const program = startProgram(['wait']);
    const started = await program.says();
    const watchdog = async () => {
      const mine = new Set(await childrenOf(program.child.pid ?? 0));
      const all = await processesMentioning('watchdog.mjs');
      return [...all.keys()].find((pid) => mine.has(pid));
    };
    const first = await watchdog();
    if (first === undefined) throw new Error('there is no watchdog');
    process.kill(first, 'SIGKILL');
    await eventually('another watchdog', async () => {
      const second = await watchdog();
      return second !== undefined && second !== first;
    });
    program.child.kill('SIGKILL');
    await program.ended;
    await expectNothingLeft(started.dataDirectory, [started.pid]);
  });

  test('a kept cluster is shut down in order when its program is killed', async () => {
    const parent = await mkdtemp(path.join(tmpdir(), 'indexwarden-test-'));
    await openFolder(parent);
    const dataDirectory = path.join(parent, 'data');
    const program = startProgram(['wait', dataDirectory, 'keep']);
    const started = await program.says();
    program.child.kill('SIGKILL');
    await program.ended;
    await eventually('the server to end', async () => !(await isRunning(started.pid)));
    await eventually('the log to be removed', () => !existsSync(started.logFile));
    expect(existsSync(path.join(dataDirectory, 'PG_VERSION'))).toBe(true);
    expect(existsSync(path.join(dataDirectory, 'postmaster.pid'))).toBe(false);
    await rm(parent, { recursive: true });
  });
});

describe('binaries', () => {
  test('a major that nobody has is missing, with what to do', () => {
    expect(locateBinaries(9)).toEqual({
      kind: 'missing',
      remedy: expect.stringContaining('has no PostgreSQL 9'),
    });
  });
});

interface Started {
  readonly pid: number;
  readonly dataDirectory: string;
  readonly logFile: string;
}

interface Program {
  readonly child: ChildProcess;
  says(): Promise<Started>;
  readonly ended: Promise<void>;
}

/** Runs start-and-wait.ts as a user's program would be run, with what it says on its standard output. */
function startProgram(args: readonly string[]): Program {
  const script = fileURLToPath(new URL('start-and-wait.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script, ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    child,
    ended,
    async says() {
      for await (const line of createInterface({ input: child.stdout })) {
        // What start-and-wait.ts writes.
        const said = JSON.parse(line) as Partial<Started>;
        if (said.pid !== undefined) return said as Started;
      }
      throw new Error('the program ended without starting a server');
    },
  };
}

async function expectNothingLeft(dataDirectory: string, processes: readonly number[]): Promise<void> {
  await eventually('the folder to go', () => !existsSync(path.dirname(dataDirectory)));
  await eventually('the watchdog and the server to end', async () => {
    const running = await Promise.all(processes.map(isRunning));
    return !running.includes(true) && (await processesMentioning(dataDirectory)).size === 0;
  });
}

/** The server's account has to reach a folder inside this one. */
function openFolder(folder: string): Promise<void> {
  return chmod(folder, 0o755);
}
