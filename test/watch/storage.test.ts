import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type LoadedConfig, loadConfig } from '../../src/config/load.ts';
import { createDaemonMetrics } from '../../src/metrics/daemon.ts';
import { nodeName } from '../../src/model/ids.ts';
import { systemClock } from '../../src/scheduler/clock.ts';
import type { Store } from '../../src/store/store.ts';
import { declarations } from '../../src/watch/declarations.ts';
import { openStorage, storagePath } from '../../src/watch/storage.ts';

const folders: string[] = [];
const stores: Store[] = [];
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'indexwarden-storage-'));
  folders.push(made);
  return made;
}

function loaded(options: Partial<Parameters<typeof loadConfig>[0]>): LoadedConfig {
  const result = loadConfig({ ...declarations, env: { DATABASE_URL: 'postgresql://db/shop' }, ...options });
  if (!result.ok) throw new Error(JSON.stringify(result.error.problems));
  return result.value;
}

interface Opened {
  readonly store: Store;
  readonly events: readonly string[];
  /** The lines of the page that speak of the store. */
  readonly metrics: () => Promise<readonly string[]>;
}

async function opened(config: LoadedConfig): Promise<Opened> {
  const events: string[] = [];
  const note = (fields: object): void => void events.push('event' in fields ? String(fields.event) : '');
  const metrics = createDaemonMetrics({ version: '0', nodeVersion: 'v0', configLoadedAtMs: 0 });
  const store = await openStorage({
    loaded: config,
    clock: systemClock,
    log: { debug: note, info: note, warn: note, error: note },
    onFacts: metrics.stored,
  });
  stores.push(store);
  return {
    store,
    events,
    metrics: async () => {
      const { registry } = metrics;
      const lines = (await registry.metrics()).split('\n');
      return lines.filter((line) => line.startsWith('indexwarden_store_'));
    },
  };
}

describe('the store of the daemon', () => {
  it('is in memory where no path is set, says so, and has no metrics', async () => {
    const { store, events, metrics } = await opened(loaded({}));
    expect(events).toEqual(['store-in-memory']);
    expect((await store.status()).path).toBeNull();
    expect(await metrics()).toEqual([]);
  });

  it('is the file that is set, with its size, last write and health as metrics', async () => {
    const file = path.join(folder(), 'history.db');
    const { store, events, metrics } = await opened(loaded({ flags: { 'storage.path': file } }));
    expect(events).toEqual(['store-opened']);
    await store.appendUsage({ server: 's', datname: 'd' }, nodeName('primary'), new Uint8Array(9));
    const { sizeBytes, lastWriteAtMs, lastError } = await store.status();
    expect(lastError).toBeNull();
    expect(await metrics()).toEqual([
      'indexwarden_store_up 1',
      `indexwarden_store_size_bytes ${sizeBytes}`,
      `indexwarden_store_last_write_timestamp_seconds ${lastWriteAtMs! / 1000}`,
    ]);
  });

  it('says once that writes fail, and once that they no longer do', async () => {
    const file = path.join(folder(), 'history.db');
    const { store, events, metrics } = await opened(loaded({ flags: { 'storage.path': file } }));
    const target = { server: 's', datname: 'd' };
    const tooMuch = { kind: 1n } as const;
    const broken = [{ ...target, toJSON: () => undefined }] as unknown as Parameters<Store['keepLedger']>[2];
    const ledger = await store.ledgerOf(target);
    for (let n = 0; n < 3; n += 1) await expect(store.keepLedger(target, ledger, broken)).rejects.toThrow();
    await expect(store.keepRecords(target, 'k', new Map([['a', tooMuch]]))).rejects.toThrow();
    expect((await metrics())[0]).toBe('indexwarden_store_up 0');
    await store.keepLedger(target, ledger);
    expect((await metrics())[0]).toBe('indexwarden_store_up 1');
    expect(events).toEqual(['store-opened', 'store-failed', 'store-recovered']);
  });

  it('says that a damaged file was moved aside', async () => {
    const config = loaded({ flags: { 'storage.path': path.join(folder(), 'history.db') } });
    const first = await opened(config);
    await first.store.close();
    writeFileSync(config.config.storage.path!, 'x'.repeat(9_999));
    expect((await opened(config)).events).toEqual(['store-damaged', 'store-opened']);
  });

  it('starts a relative path at the folder of the file of settings, or where we are', () => {
    const place = folder();
    const file = path.join(place, 'indexwarden.yaml');
    writeFileSync(file, 'storage: {path: data/history.db}\n');
    expect(storagePath(loaded({ file }))).toBe(path.join(place, 'data', 'history.db'));
    expect(storagePath(loaded({ file, flags: { 'storage.path': 'here.db' } }))).toBe(path.resolve('here.db'));
    expect(
      storagePath(
        loaded({
          env: { DATABASE_URL: 'postgresql://db/shop', INDEXWARDEN_STORAGE_PATH: 'there.db' },
        }),
      ),
    ).toBe(path.resolve('there.db'));
    expect(storagePath(loaded({}))).toBeUndefined();
  });
});
