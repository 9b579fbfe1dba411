import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { Database } from '../../src/store/database.ts';
import type { LoopbackProxy } from '../support/proxy.ts';

/** What faults are done to. */
export interface Victim {
  /** A connection that does not go through the proxy. */
  readonly client: pg.Client;
  readonly datname: string;
  readonly proxy: LoopbackProxy;
  readonly storeFile: string;
  /** Reloads a configuration, a good or a bad one. */
  readonly reload: (isGood: boolean) => Promise<void>;
}

/** Begins a fault; what is returned ends it, after the cycle. */
export type Fault = (victim: Victim, random: () => number) => Promise<() => Promise<void>>;

const nothing = async (): Promise<void> => {};

/** Names are used again: what is remembered of an index that is gone is not what is measured here. */
const indexNames = Array.from({ length: 8 }, (_, n) => `soak_${n}`);

export const soakFaults: Readonly<Record<string, Fault>> = {
  'backend terminated': async ({ client, datname }) => {
    await client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'indexwarden' and datname = $1`,
      [datname],
    );
    return nothing;
  },
  'network stalled': async ({ proxy }, random) => {
    proxy.stall();
    void delay(20 + random() * 100).then(() => proxy.resume());
    return async () => proxy.resume();
  },
  'network reset': async ({ proxy }) => {
    proxy.refuse();
    return async () => proxy.resume();
  },
  'table locked': async ({ client }) => {
    await client.query('begin; lock table items in access exclusive mode');
    return async () => void (await client.query('rollback'));
  },
  'index created or dropped': async ({ client }, random) => {
    const name = indexNames[Math.floor(random() * indexNames.length)] ?? '';
    const { rowCount } = await client.query('select from pg_class where relname = $1', [name]);
    await client.query(rowCount === 0 ? `create index ${name} on items (name, id)` : `drop index ${name}`);
    return nothing;
  },
  'configuration reloaded': async ({ reload }) => {
    await reload(true);
    return nothing;
  },
  'configuration with errors reloaded': async ({ reload }) => {
    await reload(false);
    return nothing;
  },
  'store locked': async ({ storeFile }) => {
    const other = new Database(storeFile, 1_000);
    try {
      other.exec('begin immediate');
    } catch {
      other.close();
      return nothing;
    }
    return async () => other.close();
  },
  'store removed': async ({ storeFile }) => {
    for (const ending of ['', '-wal', '-shm']) rmSync(storeFile + ending, { force: true });
    return nothing;
  },
};
