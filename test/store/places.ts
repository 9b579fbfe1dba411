import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { FileSettings, Retention } from '../../src/store/protocol.ts';
import { openSqliteStore, type SqliteStoreOptions, type StoreNotice } from '../../src/store/sqlite-store.ts';
import type { Store } from '../../src/store/store.ts';
import { takenAtMs } from '../support/builders.ts';
import { compile } from './compiled.ts';
import { usualRetention } from './usual-retention.ts';

export interface OpenOptions {
  readonly file?: Partial<FileSettings>;
  readonly retention?: Partial<Retention>;
  readonly now?: () => number;
  readonly reopenAfterMs?: SqliteStoreOptions['reopenAfterMs'];
  /** What the thread runs; the store's own, compiled, unless told otherwise. Null: whatever the store itself finds. */
  readonly threadModule?: URL | null;
}

export interface OpenStore {
  readonly store: Store;
  /** What was noticed so far. */
  readonly notices: readonly StoreNotice[];
}

/** Stores of one test file and where they are. `tidy` belongs into its `afterEach`, and `end` into its `afterAll`. */
export interface Places {
  /** A path at which there is nothing yet, in a folder of its own. */
  readonly path: () => string;
  readonly open: (path: string, options?: OpenOptions) => Promise<OpenStore>;
  /** The store's own thread, but that it ends when it is told to keep a mute of the finding `die`. */
  readonly mortalThread: URL;
  /** Closes and deletes them all. */
  readonly tidy: () => Promise<void>;
  readonly end: () => void;
}

export function places(): Places {
  const folders: string[] = [];
  const stores: Store[] = [];
  // Through a loader of sources each thread would take most of a second to start.
  const compiled = compile(`places-${Math.random()}`, 'src/store/worker.ts', 'src/store/store-file.ts');
  const usualModule = compiled.url('src/store/worker.ts');
  return {
    mortalThread: mortal(usualModule),
    path: () => {
      const folder = mkdtempSync(path.join(tmpdir(), 'indexwarden-store-'));
      folders.push(folder);
      return path.join(folder, 'indexwarden.db');
    },
    open: async (file, options = {}) => {
      const notices: StoreNotice[] = [];
      const store = await openSqliteStore({
        ...settingsFor(file, { threadModule: usualModule, ...options }),
        onNotice: (notice) => notices.push(notice),
      });
      stores.push(store);
      return { store, notices };
    },
    end: compiled.remove,
    tidy: async () => {
      await Promise.all(stores.splice(0).map((store) => store.close()));
      for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
    },
  };
}

const mortal = (own: URL): URL =>
  new URL(
    `data:text/javascript,${encodeURIComponent(`
      import { parentPort } from 'node:worker_threads';
      const { on } = parentPort;
      parentPort.on = (name, listen) =>
        on.call(parentPort, name, (message) => {
          if (message.ask?.findingId === 'die') throw new Error('out of luck');
          listen(message);
        });
      await import(${JSON.stringify(own.href)});`)}`,
  );

const settingsFor = (
  path: string,
  { file, retention, now = () => takenAtMs, threadModule, reopenAfterMs }: OpenOptions,
): SqliteStoreOptions => ({
  file: { path, busyTimeoutMs: 1_000, synchronous: 'normal', checkTimeLimitMs: 30_000, ...file },
  retention: { ...usualRetention, ...retention },
  now,
  ...(threadModule instanceof URL ? { threadModule } : {}),
  ...(reopenAfterMs === undefined ? {} : { reopenAfterMs }),
});
