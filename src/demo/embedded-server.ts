import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Binaries } from './binaries.ts';
import { prepareRuntime } from './server-runtime.ts';
import { type Account, sharedTemporaryFolder, unprivilegedAccount } from './unprivileged-account.ts';
import { startWatchdog, type Watchdog } from './watchdog.ts';

/** How a running server is ended: `fast` writes a checkpoint, `immediate` leaves recovery to the next start. */
export type StopMode = 'fast' | 'immediate';

/** A PostgreSQL server of our own, on 127.0.0.1 only, with a random superuser password. */
export interface EmbeddedServer {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** Process id of the postmaster; undefined while it is stopped. */
  readonly pid: number | undefined;
  readonly dataDirectory: string;
  /** Where the server's own messages go. Removed with the server. */
  readonly logFile: string;
  /** Who the server runs as when this program is root; undefined when it runs as ourselves. */
  readonly account: Account | undefined;
  /** Connection string of the superuser `postgres`; it holds the password. */
  superuserUrl(database?: string): string;
  /** Connection string of another role. */
  urlFor(role: string, password: string, database: string): string;
  /** Stops the server and keeps its data, so that `start` goes on with it. */
  stop(mode?: StopMode): Promise<void>;
  /** Starts a stopped server again, on the same port if that is still free. */
  start(): Promise<void>;
  /** Kills one server process as the system would when memory runs out, and waits until the server has recovered. */
  crash(): Promise<void>;
  /** Stops the server and removes what its start created. May be called twice. */
  close(mode?: StopMode): Promise<void>;
}

export interface EmbeddedServerOptions {
  readonly binaries: Binaries;
  /** A folder that is empty or absent, or holds a cluster of the same major. Default: a temporary one. */
  readonly dataDirectory?: string | undefined;
  /** Leave the data when the server goes. A cluster that was there before is always left. Default false. */
  readonly keep?: boolean | undefined;
  /** Server settings, over the defaults below. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
  /** Further arguments of initdb; a later one wins over ours (`--locale=C.UTF-8`, `--data-checksums`). */
  readonly initdbArguments?: readonly string[] | undefined;
  /** The superuser's password of a cluster that has one and keeps it: a standby cannot be given another. */
  readonly password?: string | undefined;
  /** Default: a free one. */
  readonly port?: number | undefined;
  /** Cancels the start. A started server is ended by `close`, not by this. */
  readonly signal?: AbortSignal | undefined;
}

/** The server could not be started, and what the person in front of it can do. */
export class EmbeddedServerError extends Error {
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(`${message}\n${remedy}`, options);
    this.name = 'EmbeddedServerError';
    this.remedy = remedy;
  }
}

/**
 * Starts a PostgreSQL server from binaries of the npm registry.
 *
 * PostgreSQL refuses to run as root; for root the server runs as an unprivileged account, from a copy of the binaries
 * that this account can reach. A watchdog process ends the server and removes its folders when this program dies
 * without having done so, even by SIGKILL. The event loop is not kept alive by the server.
 *
 * @throws EmbeddedServerError with the end of the server's log, or the signal's reason.
 */
export async function startEmbeddedServer(options: EmbeddedServerOptions): Promise<EmbeddedServer> {
  options.signal?.throwIfAborted();
  const account = await unprivilegedAccount();
  if (account === 'none') {
    throw new EmbeddedServerError(
      'PostgreSQL does not run as root, and there is no unprivileged account to run it as.',
      'Add a user "nobody" to /etc/passwd, or run this as an ordinary user.',
    );
  }
  const temporary = account === undefined ? tmpdir() : await sharedTemporaryFolder(tmpdir());
  const runtime = await prepareRuntime(options.binaries, temporary);
  const server = new Server(options, account, runtime, await privateFolder(temporary, account));
  try {
    await server.initialize();
    await server.start();
    return server;
  } catch (error) {
    await server.close('immediate');
    throw error;
  }
}

/** What suits a throw-away server: nothing here is worth an fsync, and nobody but this machine connects. */
const defaultSettings: Readonly<Record<string, string>> = {
  fsync: 'off',
  full_page_writes: 'off',
  listen_addresses: '127.0.0.1',
  // TCP is enough, and a path below a long temporary folder may exceed the 107 bytes of a socket's name.
  unix_socket_directories: '',
  log_checkpoints: 'off',
};

/** Recovery after a crash is the longest thing a start may do; on a machine under load initdb comes close. */
const startLimitMs = 90_000;
const stopLimitMs = 30_000;
const pollMs = 25;

class Server implements EmbeddedServer {
  readonly host = '127.0.0.1';
  readonly dataDirectory: string;
  readonly logFile: string;
  readonly account: Account | undefined;
  readonly #options: EmbeddedServerOptions;
  readonly #runtime: string;
  readonly #folder: string;
  readonly #password: string;
  readonly #watchdog: Watchdog;
  #port = 0;
  #child: ChildProcess | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: EmbeddedServerOptions, account: Account | undefined, runtime: string, folder: string) {
    this.#options = options;
    this.#runtime = runtime;
    this.#folder = folder;
    this.#password = options.password ?? randomBytes(24).toString('base64url');
    this.account = account;
    this.dataDirectory =
      options.dataDirectory === undefined ? path.join(folder, 'data') : path.resolve(options.dataDirectory);
    this.logFile = path.join(folder, 'server.log');
    this.#watchdog = startWatchdog(account);
    this.#watchdog.announce({ remove: [folder], dataDirectory: this.dataDirectory });
  }

  get port(): number {
    return this.#port;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  superuserUrl(database = 'postgres'): string {
    return this.urlFor('postgres', this.#password, database);
  }

  urlFor(role: string, password: string, database: string): string {
    const [user, secret, name] = [role, password, database].map(encodeURIComponent);
    return `postgresql://${user}:${secret}@${this.host}:${this.#port}/${name}`;
  }

  /** Creates the cluster, or takes over the one that is there. */
  async initialize(): Promise<void> {
    const existing = await readFile(path.join(this.dataDirectory, 'PG_VERSION'), 'utf8').catch(
      () => undefined,
    );
    if (existing !== undefined) {
      await this.#takeOver(existing.trim());
      return;
    }
    const inside = await readdir(this.dataDirectory).catch((): string[] => []);
    if (inside.length > 0) {
      throw new EmbeddedServerError(
        `${this.dataDirectory} is not empty and holds no PostgreSQL cluster.`,
        'Name an empty folder, or one that does not exist yet.',
      );
    }
    await mkdir(this.dataDirectory, { recursive: true, mode: 0o700 });
    await giveTo(this.account, this.dataDirectory, 0o700);
    if (this.#options.keep !== true) this.#watchdog.announce({ remove: [this.dataDirectory, this.#folder] });
    await this.#initdb();
    // From here on there is something to keep, so that the server must end in order.
    if (this.#options.keep === true) this.#watchdog.announce({ signal: 'SIGINT' });
  }

  async start(): Promise<void> {
    const deadline = Date.now() + startLimitMs;
    this.#port = this.#options.port ?? (this.#port === 0 ? await freePort() : this.#port);
    for (;;) {
      const problem = await this.#launch(deadline);
      if (problem === undefined) return;
      // Another program may have taken the port since it was found free; after a crash the shared memory of the old
      // server lingers until its last process has gone.
      const portTaken = /could not bind|Address already in use/.test(problem);
      if (portTaken && this.#options.port === undefined) this.#port = await freePort();
      else if (!/pre-existing shared memory block/.test(problem) || Date.now() > deadline) {
        throw await this.#failure('the PostgreSQL server did not start', problem);
      }
      await delay(pollMs, undefined, { signal: this.#options.signal });
    }
  }

  async stop(mode: StopMode = 'fast'): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const exited = exitOf(child);
    // While somebody waits for the end, the event loop has to live that long.
    child.ref();
    if (process.platform === 'win32') {
      // There are no signals on Windows; pg_ctl talks to the server through a named pipe.
      const stopping = this.#spawn('pg_ctl', ['stop', '-D', this.dataDirectory, '-m', mode], 'ignore');
      await exitOf(stopping);
    } else {
      child.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    }
    const timer = setTimeout(() => child.kill('SIGKILL'), stopLimitMs);
    await exited;
    clearTimeout(timer);
    this.#child = undefined;
    this.#watchdog.announce({ process: null });
  }

  async crash(): Promise<void> {
    const recoveriesBefore = await this.#recoveries();
    const client = new pg.Client({ connectionString: this.superuserUrl() });
    client.on('error', () => {});
    await client.connect();
    const { rows } = await client.query<{ pid: number }>('select pg_catalog.pg_backend_pid() as pid');
    for (const { pid } of rows) process.kill(pid, 'SIGKILL');
    await client.end().catch(() => {});
    const deadline = Date.now() + startLimitMs;
    while ((await this.#recoveries()) === recoveriesBefore || !(await this.#accepts())) {
      if (Date.now() > deadline) throw await this.#failure('the PostgreSQL server did not recover');
      await delay(pollMs);
    }
  }

  close(mode: StopMode = this.#options.keep === true ? 'fast' : 'immediate'): Promise<void> {
    this.#closing ??= this.#close(mode);
    return this.#closing;
  }

  async #close(mode: StopMode): Promise<void> {
    await this.stop(mode);
    await this.#watchdog.finish();
    // The watchdog may not remove what lies in a folder of root's: what it emptied is left for us.
    if (this.#watchdog.removes(this.dataDirectory)) await removeAll(this.dataDirectory);
    await removeAll(this.#folder);
  }

  async #initdb(): Promise<void> {
    const passwordFile = path.join(this.#folder, 'password');
    await writeFile(passwordFile, `${this.#password}\n`, { mode: 0o600 });
    await giveTo(this.account, passwordFile, 0o600);
    const ours = [
      '--no-sync',
      '--encoding=UTF8',
      '--locale=C',
      '--auth=scram-sha-256',
      '--username=postgres',
    ];
    await this.#runToEnd(
      'initdb',
      [
        ...ours,
        `--pwfile=${passwordFile}`,
        ...(this.#options.initdbArguments ?? []),
        '-D',
        this.dataDirectory,
      ],
      '',
    );
    await rm(passwordFile);
  }

  /** An existing cluster's superuser gets this run's password, in single-user mode, so that none is ever stored. */
  async #takeOver(version: string): Promise<void> {
    if (version !== String(this.#options.binaries.major)) {
      throw new EmbeddedServerError(
        `${this.dataDirectory} holds a cluster of PostgreSQL ${version}, not ${this.#options.binaries.major}.`,
        `Name another folder, or use --pg ${version}.`,
      );
    }
    this.#watchdog.announce({ signal: 'SIGINT' });
    if (this.#options.password !== undefined) return;
    const statement = `alter role postgres password '${this.#password}';\n`;
    await this.#runToEnd(
      'postgres',
      ['--single', '-D', this.dataDirectory, ...this.#settings(), 'postgres'],
      statement,
    );
  }

  /** Runs one of the binaries until it ends; its output goes to the log. */
  async #runToEnd(program: string, args: readonly string[], input: string): Promise<void> {
    const log = await open(this.logFile, 'a', 0o600);
    try {
      const child = this.#spawn(program, args, log.fd, input);
      this.#watchdog.announce({ process: child.pid ?? null });
      const abort = () => child.kill('SIGTERM');
      this.#options.signal?.addEventListener('abort', abort, { once: true });
      const timer = setTimeout(() => child.kill('SIGKILL'), startLimitMs);
      const ended = await exitOf(child);
      clearTimeout(timer);
      this.#options.signal?.removeEventListener('abort', abort);
      this.#watchdog.announce({ process: null });
      this.#options.signal?.throwIfAborted();
      if (ended.error !== undefined) throw this.#cannotRun(program, ended.error);
      if (ended.code !== 0) throw await this.#failure(`${program} failed (${ended.code ?? ended.signal})`);
    } finally {
      await log.close();
    }
  }

  /** Starts the postmaster and waits until it lets us in. Returns the log of this attempt when it ended instead. */
  async #launch(deadline: number): Promise<string | undefined> {
    const { signal } = this.#options;
    const log = await open(this.logFile, 'a', 0o600);
    const logStart = (await log.stat()).size;
    const child = this.#spawn('postgres', ['-D', this.dataDirectory, ...this.#settings()], log.fd);
    this.#child = child;
    this.#watchdog.announce({ process: child.pid ?? null });
    await log.close();
    // An object, since the compiler takes a captured variable for unchanged.
    const seen: { end?: Ended } = {};
    const ended = exitOf(child).then((end) => {
      seen.end = end;
      if (this.#child !== child) return;
      this.#child = undefined;
      this.#watchdog.announce({ process: null });
    });
    for (;;) {
      signal?.throwIfAborted();
      if (seen.end?.error !== undefined) throw this.#cannotRun('postgres', seen.end.error);
      if (seen.end !== undefined) return (await readFile(this.logFile, 'utf8')).slice(logStart);
      // Who listens in our server's place may accept a connection and say nothing.
      if ((await Promise.race([this.#accepts(), ended])) === true) break;
      if (Date.now() > deadline) throw await this.#failure('the PostgreSQL server did not get ready in time');
      await delay(pollMs, undefined, { signal });
    }
    child.unref();
    return undefined;
  }

  /** Only our own server knows the password: a stranger on the same port does not count. */
  async #accepts(): Promise<boolean> {
    const client = new pg.Client({ connectionString: this.superuserUrl(), connectionTimeoutMillis: 5_000 });
    client.on('error', () => {});
    try {
      await client.connect();
      return true;
    } catch {
      return false;
    } finally {
      await client.end().catch(() => {});
    }
  }

  #settings(): string[] {
    const settings = { ...defaultSettings, ...this.#options.settings, port: String(this.#port || 5432) };
    return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  }

  #spawn(program: string, args: readonly string[], output: number | 'ignore', input?: string): ChildProcess {
    const child = spawn(path.join(this.#runtime, 'bin', program), args, {
      cwd: this.#folder,
      // None of PG*, LD_* and the locale of whoever started us; messages in English, since we read some of them.
      env: {
        PATH: process.env.PATH ?? '',
        LC_ALL: 'C',
        TZ: 'UTC',
        ...(process.platform === 'win32'
          ? { SystemRoot: process.env.SystemRoot, TEMP: process.env.TEMP }
          : {}),
      },
      ...(this.account === undefined ? {} : { uid: this.account.uid, gid: this.account.gid }),
      // A session of its own: Ctrl-C in the terminal is for us, and we stop the server in order.
      detached: true,
      stdio: [input === undefined ? 'ignore' : 'pipe', output, output],
      windowsHide: true,
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    return child;
  }

  async #recoveries(): Promise<number> {
    const log = await readFile(this.logFile, 'utf8');
    return log.split('all server processes terminated; reinitializing').length - 1;
  }

  #cannotRun(program: string, error: Error): EmbeddedServerError {
    const code = 'code' in error ? error.code : undefined;
    const remedies: Readonly<Record<string, string>> = {
      EACCES: `Files below ${this.#runtime} cannot be executed here; point TMPDIR at a folder where they can.`,
      EPERM: 'This root may not become another user (a restricted container?); run it as an ordinary user.',
      ENOENT: 'The binaries need glibc; on a system without it (Alpine) use a server of your own.',
    };
    const remedy = remedies[String(code)] ?? 'Use a server of your own instead.';
    return new EmbeddedServerError(`${program} could not be run: ${error.message}`, remedy, { cause: error });
  }

  async #failure(what: string, output?: string): Promise<EmbeddedServerError> {
    const log = output ?? (await readFile(this.logFile, 'utf8').catch(() => ''));
    const tail = log.trimEnd().split('\n').slice(-12).join('\n');
    return new EmbeddedServerError(`${what}; the end of its log:\n${tail}`, this.#remedyFor(log));
  }

  #remedyFor(log: string): string {
    const user =
      this.account === undefined ? 'this user' : `the user "${this.account.name}", which root becomes`;
    if (/could not look up effective user/.test(log)) return 'Give this user an entry in /etc/passwd.';
    if (/Permission denied|has wrong ownership|could not access directory/.test(log)) {
      return `${this.dataDirectory} has to belong to ${user}, and the folders above it must let that user in.`;
    }
    if (/already exists|another server/.test(log)) return 'Another server runs on this data; stop it first.';
    if (/could not bind|Address already in use/.test(log))
      return 'Choose another port, or leave the choice to us.';
    if (/No space left|could not resize shared memory/.test(log))
      return 'Make room in TMPDIR or in shared memory.';
    return 'Use a server of your own instead, or report this with the log above.';
  }
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly error?: Error;
}

/** Settles once, when the process has ended or could not be started; never rejects. */
function exitOf(child: ChildProcess): Promise<Ended> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve({ code: child.exitCode, signal: child.signalCode });
      return;
    }
    child.once('error', (error) => resolve({ code: null, signal: null, error }));
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
}

async function privateFolder(temporary: string, account: Account | undefined): Promise<string> {
  const folder = await mkdtemp(path.join(await realpath(temporary), 'indexwarden-server-'));
  await giveTo(account, folder, 0o700);
  return folder;
}

/** A process that was just ended may still be writing its last file. */
const removeAll = (folder: string): Promise<void> =>
  rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });

async function giveTo(account: Account | undefined, file: string, mode: number): Promise<void> {
  await chmod(file, mode);
  if (account !== undefined && (await stat(file)).uid !== account.uid)
    await chown(file, account.uid, account.gid);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port);
        else reject(new Error('the system named no port'));
      });
    });
  });
}
