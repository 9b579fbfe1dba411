import { chmodSync, existsSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { installBinaries } from '../../src/demo/binaries.ts';
import { type EmbeddedServer, startEmbeddedServer } from '../../src/demo/embedded-server.ts';
import { GiB } from '../../src/model/units.ts';
import { buildCatalogue, type CatalogueFacts, catalogueFacts, withClient } from './catalogue.ts';

/** The role of the daemon: what the documentation asks for and nothing more. */
const watcher = { name: 'watcher', password: 'watcher' } as const;

export interface BenchServer {
  readonly major: number;
  readonly embedded: EmbeddedServer;
  /** As the daemon connects: a role with pg_monitor. */
  watcherUrl(database: string): string;
  superuserUrl(database?: string): string;
  close(): Promise<void>;
}

/** Nothing here is to be kept, and nothing of the server's own is to run beside what is measured. */
const settings: Readonly<Record<string, string>> = {
  autovacuum: 'off',
  checkpoint_timeout: '1h',
  max_connections: '160',
  max_locks_per_transaction: '2048',
  max_wal_senders: '0',
  max_wal_size: '8GB',
  'pg_stat_statements.max': '10000',
  shared_buffers: '512MB',
  shared_preload_libraries: 'pg_stat_statements',
  synchronous_commit: 'off',
  wal_level: 'minimal',
};

/** Files of a hundred thousand indexes, their tables and the write-ahead log, with room to spare. */
const roomBytes = 10 * GiB;
const sharedMemory = '/dev/shm';

/** A server of the bench's own; with `folder` one that stays there and is found again. */
export async function startBenchServer(
  major: number,
  folder: string | undefined,
  further: Readonly<Record<string, string>> = {},
): Promise<BenchServer> {
  const binaries = await installBinaries(major);
  if (binaries.kind === 'missing') throw new Error(binaries.remedy);
  const isOnSharedMemory =
    folder === undefined && existsSync(sharedMemory) && freeBytes(sharedMemory) > roomBytes;
  const made = isOnSharedMemory ? mkdtempSync(path.join(sharedMemory, 'indexwarden-scale-')) : undefined;
  const dataDirectory = folder ?? (made === undefined ? undefined : path.join(made, 'data'));
  // The server may run as another user, who has to get in.
  if (made !== undefined) chmodSync(made, 0o755);
  const embedded = await startEmbeddedServer({
    binaries,
    settings: { ...settings, ...further },
    ...(dataDirectory === undefined ? {} : { dataDirectory }),
    keep: folder !== undefined,
  });
  await withClient(embedded.superuserUrl(), async (client) => {
    await client.query('create extension if not exists pg_stat_statements');
    await client.query(
      `do $$ begin if not exists (select from pg_roles where rolname = '${watcher.name}') then
         create role ${watcher.name} login password '${watcher.password}' in role pg_monitor; end if; end $$`,
    );
  });
  return {
    major,
    embedded,
    watcherUrl: (database) => embedded.urlFor(watcher.name, watcher.password, database),
    superuserUrl: (database) => embedded.superuserUrl(database),
    close: async () => {
      await embedded.close();
      if (made !== undefined) rmSync(made, { recursive: true, force: true });
    },
  };
}

function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

let scratch: string | undefined;

/** A folder for as long as the bench runs. */
export function scratchFolder(): string {
  if (scratch === undefined) {
    const made = mkdtempSync(path.join(tmpdir(), 'indexwarden-scale-'));
    process.once('exit', () => rmSync(made, { recursive: true, force: true }));
    scratch = made;
  }
  return mkdtempSync(path.join(scratch, 'part-'));
}

/** The database of a size: made where it is not there yet. */
export async function wideDatabase(
  server: BenchServer,
  indexes: number,
  log: (line: string) => void,
): Promise<{ readonly database: string; readonly facts: CatalogueFacts }> {
  const database = `wide_${indexes}`;
  const isThere = await withClient(server.superuserUrl(), async (client) => {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [database]);
    return rowCount === 1;
  });
  if (isThere) return { database, facts: await catalogueFacts(server.superuserUrl(database)) };
  const began = performance.now();
  log(`building a catalogue of ${indexes} indexes …`);
  // Under another name until it is finished: a folder that stays may hold one that was interrupted.
  const unfinished = `${database}_unfinished`;
  await withClient(server.superuserUrl(), async (client) => {
    await client.query(`drop database if exists ${unfinished} with (force)`);
    await client.query(`create database ${unfinished} template template0`);
  });
  const facts = await buildCatalogue(server.superuserUrl(unfinished), indexes, log);
  await withClient(server.superuserUrl(), (client) =>
    client.query(`alter database ${unfinished} rename to ${database}`),
  );
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  log(`  ${facts.indexes} indexes on ${facts.tables} tables in ${facts.schemas} schemas, ${seconds} s`);
  return { database, facts };
}
