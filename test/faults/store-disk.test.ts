import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { sharedTemporaryFolder, unprivilegedAccount } from '../../src/demo/unprivileged-account.ts';
import { openReadingStore } from '../../src/store/reading-store.ts';
import { findingsOf } from '../e2e/daemon-client.ts';
import { until } from '../e2e/program.ts';
import { runOn } from '../support/postgres.ts';
import { type FaultyDaemon, type Stage, stage, watches } from './faulty-daemon.ts';
import { noteFault } from './rows.ts';

/*
 * The disk under the store: full (a file system of its own, of two MiB, where one can be mounted; a limit on the size of files
 * anywhere), read-only, and a file that is taken away.
 */

const made: Stage = stage();
const { folder, serve, launch, setUp, tearDown, endAll, database } = made;
beforeAll(setUp);
afterEach(endAll);
afterAll(tearDown);

const storeUp = (daemon: FaultyDaemon): Promise<number | undefined> => daemon.metric('indexwarden_store_up');

/** Findings that the file holds, by id; what the daemon shows has to be among them once all is well again. */
async function keptIn(file: string): Promise<ReadonlyMap<string, { readonly firstSeen: string }>> {
  const kept = await openReadingStore(file);
  if (!kept.ok) throw new Error(kept.error);
  const { findings } = await kept.value.ledgerOf({ server: 'main', datname: database().name });
  await kept.value.close();
  return findings;
}

/** Makes the daemon keep something each second: tables come and go. */
function busyDatabase(): () => Promise<void> {
  let isOver = false;
  const done = (async () => {
    for (let n = 0; !isOver; n += 1) {
      await runOn(
        database().url,
        `create table if not exists busy_${n % 50} (id int);
         create index if not exists busy_${n % 50}_${n} on busy_${n % 50} (id)`,
      );
    }
  })();
  return async () => {
    isOver = true;
    await done;
  };
}

/** Files of another namespace can be read, and not be opened as a database. */
function copyOut({ pid }: FaultyDaemon, store: string): string {
  const copy = path.join(mkdtempSync(path.join(folder, 'copy-')), 'indexwarden.db');
  for (const ending of ['', '-wal']) copyFileSync(`/proc/${pid}/root${store}${ending}`, copy + ending);
  return copy;
}

/** How the room is taken, and given back. */
interface Tight {
  readonly fault: string;
  readonly under: readonly string[];
  readonly store: string;
  readonly take: (daemon: FaultyDaemon) => void;
  readonly give: (daemon: FaultyDaemon) => void;
}

/** A file system in a namespace of its own, gone with the daemon: as root, or as the root of a user namespace. */
function smallFileSystem(): Tight | undefined {
  const at = mkdtempSync(path.join(folder, 'small-'));
  const ways = [
    ['unshare', '--mount'],
    ['unshare', '--mount', '--user', '--map-root-user'],
  ];
  const mount = `mount -t tmpfs -o size=2m none ${at} && exec "$@"`;
  const way = ways.find(
    ([program = '', ...flags]) =>
      spawnSync(program, [...flags, 'sh', '-c', mount, 'sh', 'true']).status === 0,
  );
  if (way === undefined) return undefined;
  const filler = (daemon: FaultyDaemon): string => `/proc/${daemon.pid}/root${at}/filler`;
  return {
    fault: 'the disk of the store is full (ENOSPC)',
    under: [...way, 'sh', '-c', mount, 'sh'],
    store: path.join(at, 'indexwarden.db'),
    take: (daemon) => {
      try {
        writeFileSync(filler(daemon), Buffer.alloc(4 * 1024 * 1024));
      } catch {
        // It takes what there is, and then there is no more.
      }
    },
    give: (daemon) => rmSync(filler(daemon)),
  };
}

const sizeLimit = (): Tight => {
  const store = path.join(folder, `limited-${Date.now()}.db`);
  const limit = (daemon: FaultyDaemon, bytes: string): void => {
    const done = spawnSync('prlimit', ['--pid', String(daemon.pid), `--fsize=${bytes}:unlimited`]);
    if (done.status !== 0) throw new Error(`prlimit (util-linux) is needed: ${done.stderr}`);
  };
  return {
    fault: 'the file of the store may not grow (EFBIG)',
    under: [],
    store,
    // Less than the file has: what is there can be read, nothing can be appended.
    take: (daemon) => limit(daemon, '4096'),
    give: (daemon) => limit(daemon, 'unlimited'),
  };
};

describe('a full disk', () => {
  const stageIt = async ({ fault, under, store, take, give }: Tight): Promise<void> => {
    const daemon = await serve({ under, store });
    await watches(daemon);
    expect(await storeUp(daemon)).toBe(1);
    const before = await findingsOf(daemon.address);
    const stopBusy = busyDatabase();
    take(daemon);
    await until('it to be said', () => daemon.events('store-failed').length > 0);
    await until('it to show', async () => (await storeUp(daemon)) === 0);
    const said = `indexwarden_store_up ${await storeUp(daemon)}`;
    const [failed] = daemon.events('store-failed');
    // Watching goes on: facts are fresh, findings are those that were there and more.
    await watches(daemon);
    await watches(daemon);
    const ids = new Set((await findingsOf(daemon.address)).map(({ id }) => id));
    expect(before.filter(({ id }) => !ids.has(id))).toEqual([]);
    const up = await daemon.metric('indexwarden_target_up');
    expect(up).toBe(1);
    give(daemon);
    const givenAtMs = Date.now();
    await until('writes again', async () => (await storeUp(daemon)) === 1);
    const recoveryMs = Date.now() - givenAtMs;
    expect(daemon.events('store-recovered').length).toBeGreaterThan(0);
    await stopBusy();
    await watches(daemon);
    await watches(daemon);
    const open = await findingsOf(daemon.address);
    await until('all of them in the file', async () => {
      const kept = await keptIn(under.length === 0 ? store : copyOut(daemon, store));
      return open.every(({ id, firstSeen }) => kept.get(id)?.firstSeen === firstSeen);
    });
    daemon.kill('SIGTERM');
    expect((await daemon.ended).code).toBe(0);
    noteFault({
      area: 'daemon',
      fault,
      did: `goes on watching, findings stay; "${failed?.error}" once in the log; afterwards all ${open.length} findings are kept`,
      said: `${said}, indexwarden_target_up ${up}, facts fresh`,
      recoveryMs,
    });
  };

  test('costs nothing but what is kept, which is made up for', async (context) => {
    const tight = smallFileSystem();
    // The other test needs no rights, and is never left out.
    if (tight === undefined)
      return context.skip('no file system can be mounted here, not even in a user namespace');
    await stageIt(tight);
  }, 180_000);

  test('costs the same where the system sets the limit', () => stageIt(sizeLimit()), 180_000);
});

test('a store that is read-only ends the start, and says for whom and what to do', async () => {
  const account = await unprivilegedAccount();
  // As root there must be somebody to become: to root nothing is read-only.
  expect(account).not.toBe('none');
  const shared = mkdtempSync(path.join(await sharedTemporaryFolder('/tmp'), 'indexwarden-read-only-'));
  const as =
    account === undefined || account === 'none'
      ? []
      : ['setpriv', `--reuid=${account.uid}`, `--regid=${account.gid}`, '--clear-groups'];
  const own = (file: string): void => {
    if (account !== undefined && account !== 'none') chownSync(file, account.uid, account.gid);
  };
  try {
    chmodSync(shared, 0o755);
    const inFolder = path.join(shared, 'folder');
    mkdirSync(inFolder);
    chmodSync(inFolder, 0o555);
    own(inFolder);
    const writable = path.join(shared, 'writable');
    mkdirSync(writable);
    own(writable);
    const file = path.join(writable, 'indexwarden.db');
    writeFileSync(file, '');
    chmodSync(file, 0o444);
    own(file);
    // The configuration lies where that user may read it.
    const config = made.configFile();
    chmodSync(path.dirname(config), 0o755);
    chmodSync(config, 0o644);
    for (const [fault, store, words] of [
      [
        'the folder of the store is read-only',
        path.join(inFolder, 'indexwarden.db'),
        /is not writable for user \d+/,
      ],
      [
        'the file of the store is read-only',
        file,
        /is not readable and writable for user \d+; give it to that user/,
      ],
    ] as const) {
      const { code, stderr } = await launchAs(as, store).ended;
      expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringMatching(words) });
      noteFault({
        area: 'daemon',
        fault: `${fault} at the start`,
        did: `does not start: "${/storage\.path \S+?:? (.*)/.exec(stderr)?.[1]?.replaceAll(shared, '…').slice(0, 70)}…"`,
        said: `exit code ${code}`,
        recoveryMs: null,
      });
    }
    const store = path.join(writable, 'other.db');
    const daemon = await serve({ under: as, store });
    await watches(daemon);
    chmodSync(writable, 0o555);
    await watches(daemon);
    const up = await storeUp(daemon);
    expect(up).toBe(1);
    daemon.kill('SIGTERM');
    const ended = await daemon.ended;
    expect(ended.code).toBe(0);
    chmodSync(writable, 0o755);
    expect((await keptIn(store)).size).toBeGreaterThan(0);
    noteFault({
      area: 'daemon',
      fault: 'the folder of the store becomes read-only under the daemon',
      did: 'goes on writing what it has open; ends as usual, findings kept',
      said: `indexwarden_store_up ${up}; exit code ${ended.code} after SIGTERM`,
      recoveryMs: null,
    });
  } finally {
    rmSync(shared, { recursive: true, force: true });
  }
}, 120_000);

const launchAs = (as: readonly string[], store: string): ReturnType<Stage['launch']> =>
  launch({ under: as, store });

test('a file that is removed under the daemon is begun anew, with everything that is known', async () => {
  const store = path.join(folder, 'removed.db');
  const daemon = await serve({ store });
  await watches(daemon);
  const before = await findingsOf(daemon.address);
  for (const name of readdirSync(folder))
    if (/^removed\.db(-wal|-shm)?$/.test(name)) rmSync(path.join(folder, name));
  const removedAtMs = Date.now();
  const [ended] = await until('it to be said', () => {
    const lines = daemon.events('store-ended');
    return lines.length > 0 && lines;
  });
  await until(
    'it to be open again',
    async () => daemon.events('store-recovered').length > 0 && (await storeUp(daemon)) === 1,
  );
  const recoveryMs = Date.now() - removedAtMs;
  await watches(daemon);
  await watches(daemon);
  daemon.kill('SIGTERM');
  expect((await daemon.ended).code).toBe(0);
  const kept = await keptIn(store);
  for (const { id, firstSeen } of before) expect(kept.get(id)?.firstSeen).toBe(firstSeen);
  const file = await openReadingStore(store);
  if (!file.ok) throw new Error(file.error);
  const target = { server: 'main', datname: database().name };
  // Definitions, sizes and use are there as well, though nothing of them has changed since.
  for (const kind of ['definitions', 'bloat', 'table-sizes'])
    expect((await file.value.recordsOf(target, kind)).size, kind).toBeGreaterThan(0);
  const [node] = ['primary'] as const;
  const usage = await file.value.usageOf(target, node as Parameters<typeof file.value.usageOf>[1]);
  expect(usage.checkpoint).toBeDefined();
  await file.value.close();
  noteFault({
    area: 'daemon',
    fault: 'the file of the store is removed under the daemon',
    did: `"${ended?.error}" in the log; a new file, and all ${before.length} findings, definitions, sizes and use in it`,
    said: 'indexwarden_store_up 0, then 1; facts fresh',
    recoveryMs,
  });
}, 120_000);
