import { execFileSync } from 'node:child_process';
import { cp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type EmbeddedServer, startEmbeddedServer } from '../../src/demo/embedded-server.ts';
import { type MajorUnderTest, startPostgres, type TestServer, withConnection } from './postgres.ts';
import { eventually } from './processes.ts';

/** A primary and standbys that stream from it, all embedded. */
export interface Cluster {
  readonly primary: TestServer;
  readonly standbys: readonly EmbeddedServer[];
  /** Waits until every running standby has replayed what the primary has written. */
  caughtUp(): Promise<void>;
  close(): Promise<void>;
}

/** Whether a major can be had with standbys: a server given by environment or in a container cannot be copied. */
export const canReplicate = (major: MajorUnderTest): boolean =>
  'source' in major && major.source.kind === 'embedded';

/**
 * Starts a primary and `names.length` standbys, which are copies of the stopped primary. `prepare` runs on the primary
 * before they are made.
 */
export async function startCluster(
  major: MajorUnderTest,
  names: readonly string[],
  prepare: (url: string) => Promise<void> = async () => {},
): Promise<Cluster> {
  if (!('source' in major) || major.source.kind !== 'embedded')
    throw new Error('standbys need embedded binaries');
  const { binaries } = major.source;
  const primary = await startPostgres(major, {
    settings: { wal_level: 'replica', max_wal_senders: '8', wal_keep_size: '256MB' },
  });
  const standbys: EmbeddedServer[] = [];
  const folders: string[] = [];
  try {
    await prepare(primary.url());
    const { embedded } = primary;
    if (embedded === undefined) throw new Error('the primary is not embedded');
    const conninfo = new URL(embedded.superuserUrl());
    await embedded.stop();
    for (const name of names) {
      const folder = path.join(path.dirname(embedded.dataDirectory), name);
      await cp(embedded.dataDirectory, folder, { recursive: true, preserveTimestamps: true });
      await writeFile(path.join(folder, 'standby.signal'), '');
      giveAway(folder, embedded);
      folders.push(folder);
    }
    await embedded.start();
    for (const [at, name] of names.entries()) {
      standbys.push(
        await startEmbeddedServer({
          binaries,
          dataDirectory: folders[at],
          password: decodeURIComponent(conninfo.password),
          settings: {
            hot_standby: 'on',
            primary_conninfo: `host=127.0.0.1 port=${embedded.port} user=postgres password=${decodeURIComponent(conninfo.password)} application_name=${name}`,
          },
        }),
      );
    }
  } catch (error) {
    await closeAll(primary, standbys, folders);
    throw error;
  }
  return {
    primary,
    standbys,
    caughtUp: () => caughtUp(primary.url(), standbys),
    close: () => closeAll(primary, standbys, folders),
  };
}

/** To the account that the server runs as, and to nobody else: PostgreSQL insists. */
function giveAway(folder: string, { account }: EmbeddedServer): void {
  execFileSync('chmod', ['-R', 'go-rwx', folder]);
  if (account !== undefined) execFileSync('chown', ['-R', `${account.uid}:${account.gid}`, folder]);
}

async function caughtUp(primaryUrl: string, standbys: readonly EmbeddedServer[]): Promise<void> {
  const { rows } = await withConnection(primaryUrl, (client) =>
    client.query<{ lsn: string }>('select pg_current_wal_flush_lsn()::text as lsn'),
  );
  for (const standby of standbys.filter(({ pid }) => pid !== undefined)) {
    await eventually('the standby to catch up', () =>
      withConnection(standby.superuserUrl(), async (client) => {
        const replayed = await client.query<{ done: boolean }>(
          'select pg_last_wal_replay_lsn() >= $1::pg_lsn or not pg_is_in_recovery() as done',
          [rows[0]?.lsn],
        );
        return replayed.rows[0]?.done === true;
      }),
    );
  }
}

async function closeAll(
  primary: TestServer,
  standbys: readonly EmbeddedServer[],
  folders: readonly string[],
): Promise<void> {
  await Promise.all(standbys.map((standby) => standby.close('immediate')));
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
  await primary.close();
}
