import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sharedTemporaryFolder, unprivilegedAccount } from '../../src/demo/unprivileged-account.ts';
import { withConnection } from './postgres.ts';
import { eventually } from './processes.ts';

/** A pgbouncer in transaction mode, with one server connection for everybody who comes. */
export interface Pooler {
  /** The connection string that it was started for, by way of it. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts one in front of a server; pgbouncer refuses to run as root, as PostgreSQL does. */
export async function startPooler(url: string): Promise<Pooler> {
  const target = new URL(url);
  const account = await unprivilegedAccount();
  if (account === 'none') throw new Error('there is no unprivileged account to run pgbouncer as');
  const temporary = account === undefined ? tmpdir() : await sharedTemporaryFolder(tmpdir());
  const folder = await mkdtemp(path.join(temporary, 'indexwarden-pooler-'));
  const port = await freePort();
  const users = path.join(folder, 'users.txt');
  const settings = path.join(folder, 'pgbouncer.ini');
  const quoted = (text: string): string => `"${decodeURIComponent(text).replaceAll('"', '""')}"`;
  await writeFile(users, `${quoted(target.username)} ${quoted(target.password)}\n`);
  await writeFile(
    settings,
    `[databases]
* = host=${target.hostname} port=${target.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = transaction
default_pool_size = 1
server_tls_sslmode = disable
`,
  );
  for (const file of [folder, users, settings]) {
    await chmod(file, file === folder ? 0o700 : 0o600);
    if (account !== undefined) await chown(file, account.uid, account.gid);
  }
  const child = spawn('pgbouncer', [settings], {
    stdio: 'ignore',
    ...(account === undefined ? {} : { uid: account.uid, gid: account.gid }),
  });
  const pooled = new URL(url);
  pooled.hostname = '127.0.0.1';
  pooled.port = String(port);
  const stop = async (): Promise<void> => {
    await ended(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await eventually('pgbouncer to answer', () =>
      withConnection(pooled.href, () => Promise.resolve(true)).catch(() => false),
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: pooled.href, stop };
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null || !child.kill('SIGKILL')) resolve();
    else child.once('exit', () => resolve());
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(address !== null && typeof address === 'object' ? address.port : 0));
    });
  });
}
