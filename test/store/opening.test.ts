import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { emptyLedger } from '../../src/findings/ledger.ts';
import { Database } from '../../src/store/database.ts';
import { StoreOpenError } from '../../src/store/open-error.ts';
import { aFinding } from '../support/builders.ts';
import { aLedger, aMute, anEvent, bytes, primary, shop } from './contract.ts';
import { places } from './places.ts';

const { path, open, tidy, end } = places();
afterEach(tidy);
afterAll(end);
// Threads and files, on machines that have other things to do.
vi.setConfig({ testTimeout: 30_000 });

/** A file with a few hundred pages of findings, records and blobs. */
async function filled(): Promise<string> {
  const file = path();
  const { store } = await open(file);
  await store.keepLedger(shop, aLedger(...Array.from({ length: 200 }, (_, n) => aFinding({ id: `f${n}` }))));
  for (let n = 0; n < 20; n += 1) await store.appendUsage(shop, primary, randomBytes(30_000));
  await store.close();
  return file;
}

const folderOf = (file: string): readonly string[] => readdirSync(dirname(file)).sort();

function breakDocument(file: string): void {
  const content = readFileSync(file);
  const words = '"kind":"duplicate-index"';
  // All of them: the first may stand where a page was split, and is not read any more.
  for (let at = content.indexOf(words); at !== -1; at = content.indexOf(words, at + 1))
    content.write('#', at + '"kind"'.length);
  writeFileSync(file, content);
}

/** Each is a document still, and each number a number. */
const otherLetters = {
  ledger: "rest = replace(rest, 'observed', 'observes')",
  finding: "body = replace(body, 'open', 'over')",
  event: 'at_ms = at_ms + 1',
  mute: "body = replace(body, 'reason', 'season')",
  record: "key = replace(key, 'a', 'e')",
} as const;

function changeLetters(file: string, table: keyof typeof otherLetters): void {
  const database = new Database(file, 0);
  expect(database.run(`update ${table} set ${otherLetters[table]}`)).toBeGreaterThan(0);
  database.close();
}

function overwrite(file: string, at: number, length: number): void {
  const content = readFileSync(file);
  randomBytes(length).copy(content, at);
  writeFileSync(file, content);
}

describe('a damaged file', () => {
  const damages: readonly (readonly [what: string, (file: string) => void])[] = [
    ['cut in half', (file) => truncateSync(file, Math.floor(statSync(file).size / 2))],
    ['cut within a page', (file) => truncateSync(file, statSync(file).size - 1_000)],
    ['cut to a few bytes', (file) => truncateSync(file, 10)],
    ['with another beginning', (file) => overwrite(file, 0, 100)],
    ['with noise in its schema', (file) => overwrite(file, 100, 3_000)],
    ['with noise in its tables', (file) => overwrite(file, 4_096 * 3, 4_096 * 40)],
    ['with noise in the middle of a blob', (file) => overwrite(file, statSync(file).size - 4_096 * 9, 60)],
    ['with a letter of a document changed to what is no JSON', breakDocument],
    ['that is no database at all', (file) => writeFileSync(file, 'this is a shopping list\n'.repeat(500))],
  ];

  it.each(damages)('%s is moved aside, and a new one begun', async (_, damage) => {
    const file = await filled();
    damage(file);
    const damaged = readFileSync(file);
    const { store, notices } = await open(file);
    const { movedAside } = await store.status();
    expect(movedAside).toMatch(/indexwarden\.db\.damaged-20260301T120000Z$/);
    expect(readFileSync(movedAside!).equals(damaged)).toBe(true);
    expect(notices).toMatchObject([
      { kind: 'opened', movedAside: { to: movedAside, why: expect.stringMatching(/./) } },
    ]);
    expect(await store.ledgerOf(shop)).toEqual(emptyLedger);
    await store.keepMute(aMute());
    await store.close();
    const again = await open(file);
    expect(await again.store.mutes()).toEqual([aMute()]);
    expect((await again.store.status()).movedAside).toBeNull();
  });

  it.each([
    ['a foreign key that leads nowhere', 'target_id', 'target_ie'],
    ['a key that is none', 'primary key', 'primarY kez'],
    ['a column without its constraint', 'not null', 'not nulx'],
    ['a table of another name', 'TABLE mute', 'TABLE mutf'],
  ])('with other letters in its schema (%s) is moved aside', async (_, words, others) => {
    const file = await filled();
    const content = readFileSync(file);
    const at = content.indexOf(words);
    expect(at).toBeGreaterThan(0);
    content.write(others, at);
    writeFileSync(file, content);
    const { store, notices } = await open(file);
    expect(notices).toMatchObject([{ kind: 'opened', movedAside: { why: expect.stringMatching(/./) } }]);
    await store.keepMute(aMute());
    await store.keepRecords(shop, 'bloat', new Map([['a', 1]]));
    expect(await store.ledgerOf(shop)).toEqual(emptyLedger);
  });

  it.each([0, -5, 2])('that says it was of version %i is moved aside', async (version) => {
    const file = await filled();
    const database = new Database(file, 0);
    database.exec(`pragma user_version = ${version}`);
    database.close();
    const { store, notices } = await open(file);
    expect(notices).toMatchObject([
      { kind: 'opened', movedAside: { why: expect.stringContaining('version') } },
    ]);
    await store.keepMute(aMute());
  });

  it.each(Object.keys(otherLetters) as (keyof typeof otherLetters)[])(
    'with other letters in a %s, which is a document all the same, is moved aside',
    async (table) => {
      const file = path();
      const { store } = await open(file);
      await store.keepLedger(shop, aLedger(aFinding()), [anEvent()]);
      await store.keepMute(aMute());
      await store.keepRecords(shop, 'bloat', new Map([['orders_a_idx', { ratio: 0.5 }]]));
      await store.close();
      changeLetters(file, table);
      const { store: anew, notices } = await open(file);
      expect(notices).toMatchObject([
        {
          kind: 'opened',
          movedAside: { why: expect.stringContaining(`in ${table} is not what was written`) },
        },
      ]);
      expect(await anew.ledgerOf(shop)).toEqual(emptyLedger);
    },
  );

  it('takes its log along, and does not overwrite one that was moved aside in the same second', async () => {
    const file = await filled();
    for (const copy of ['', '-2']) {
      writeFileSync(file, 'x'.repeat(5_000));
      writeFileSync(`${file}-wal`, 'a log');
      const { store } = await open(file);
      expect((await store.status()).movedAside).toBe(`${file}.damaged-20260301T120000Z${copy}`);
      await store.close();
    }
    expect(folderOf(file)).toEqual([
      'indexwarden.db',
      'indexwarden.db.damaged-20260301T120000Z',
      'indexwarden.db.damaged-20260301T120000Z-2',
      'indexwarden.db.damaged-20260301T120000Z-2-wal',
      'indexwarden.db.damaged-20260301T120000Z-wal',
      'indexwarden.db.lock',
    ]);
  });

  it('is noticed when it is read, if the start had no time to look', async () => {
    const file = await filled();
    overwrite(file, statSync(file).size - 4_096 * 9, 60);
    const { store, notices } = await open(file, { file: { checkTimeLimitMs: 0 } });
    expect(notices).toMatchObject([{ kind: 'opened', isChecked: false }]);
    await expect(store.usageOf(shop, primary)).rejects.toThrow('usageOf: a record of usage is damaged');
    expect((await store.ledgerOf(shop)).findings.size).toBe(200);
  });

  it('is noticed when a text is read, if the start had no time to look', async () => {
    const file = await filled();
    changeLetters(file, 'finding');
    const { store } = await open(file, { file: { checkTimeLimitMs: 0 } });
    await expect(store.ledgerOf(shop)).rejects.toThrow('ledgerOf: a row of finding is damaged');
  });
});

describe('a file that cannot be used', () => {
  const refused = async (file: string): Promise<StoreOpenError> => {
    const caught: unknown = await open(file).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(caught).toBeInstanceOf(StoreOpenError);
    return caught as StoreOpenError;
  };

  it('is left as it is where nothing shows that it was ours', async () => {
    const file = path();
    writeFileSync(file, 'root:x:0:0:root:/root:/bin/sh\n');
    // However often it is tried.
    for (let time = 0; time < 2; time += 1)
      expect(await refused(file)).toMatchObject({
        problem: 'not-ours',
        message: `storage.path ${file} is not a database; it was left as it is: name another file, or move this one away`,
      });
    expect(folderOf(file)).toEqual(['indexwarden.db']);
    writeFileSync(`${file}.lock`, '');
    expect((await refused(file)).problem).toBe('not-ours');
    expect(readFileSync(file, 'utf8')).toBe('root:x:0:0:root:/root:/bin/sh\n');

    const other = path();
    const database = new Database(other, 0);
    database.exec('create table song (title text); pragma user_version = 1');
    database.close();
    const before = readFileSync(other);
    expect((await refused(other)).message).toMatch(/is a database of another program; it was left as it is/);
    expect(readFileSync(other).equals(before)).toBe(true);
  });

  it('may be a folder, be in none, or in one that is a file', async () => {
    const folder = path();
    mkdirSync(folder);
    expect(await refused(folder)).toMatchObject({
      problem: 'not-a-file',
      message: `storage.path ${folder} is not a file; name one in a folder that keeps its content, like ${join(folder, 'indexwarden.db')}`,
    });
    const nowhere = join(path(), 'data', 'indexwarden.db');
    expect(await refused(nowhere)).toMatchObject({
      problem: 'no-folder',
      message: expect.stringMatching(/there is no folder .*; make it, or mount the volume/),
    });
    expect(existsSync(dirname(nowhere))).toBe(false);
    const inFile = path();
    writeFileSync(inFile, '');
    expect((await refused(join(inFile, 'indexwarden.db'))).problem).toBe('no-folder');
  });

  it('may be forbidden', async () => {
    // A superuser may do everything but write here: the file system itself refuses.
    const isRoot = process.getuid?.() === 0;
    const file = isRoot ? '/proc/self/fdinfo/indexwarden.db' : path();
    if (!isRoot) chmodSync(dirname(file), 0o500);
    const { problem, message } = await refused(file);
    expect(message).toContain(`storage.path ${file}: `);
    expect(message).toMatch(/is not writable for user \d+; .*leave storage\.path unset|cannot be taken/);
    expect(problem).toBe('not-permitted');
  });

  it('an empty one is a new one', async () => {
    const file = path();
    writeFileSync(file, '');
    const { notices } = await open(file);
    expect(notices).toMatchObject([{ kind: 'opened', movedAside: undefined }]);
  });
});

describe('a file that is in use', () => {
  it('is refused, and by whom it is used is said; when that one was killed it is free', async () => {
    const file = path();
    const holder = spawn(process.execPath, [
      ...holderArguments,
      new URL('./holder.mjs', import.meta.url).pathname,
      new URL('../../src/store/lock.ts', import.meta.url).href,
      file,
    ]);
    try {
      await new Promise((resolve, reject) => {
        holder.stdout.once('data', resolve);
        holder.once('exit', (code) => reject(new Error(`the holder ended with ${code}`)));
      });
      await expect(open(file)).rejects.toThrow(
        new RegExp(`^storage\\.path ${file} is in use by process ${holder.pid} on \\S+ since 20\\S+Z; stop`),
      );
      const gone = new Promise((resolve) => holder.once('exit', resolve));
      holder.kill('SIGKILL');
      await gone;
      const { store } = await open(file);
      await store.appendUsage(shop, primary, bytes(1));
    } finally {
      holder.kill('SIGKILL');
    }
  });

  it('is refused to the same process, too, until it is closed', async () => {
    const file = path();
    const { store } = await open(file);
    await expect(open(file)).rejects.toThrow(`is in use by process ${process.pid} on `);
    await store.keepMute(aMute());
    await store.close();
    expect(await (await open(file)).store.mutes()).toEqual([aMute()]);
  });
});

/** What lets the Node.js at hand read the sources. */
const holderArguments =
  'typescript' in process.features && process.features.typescript
    ? []
    : ['--import', import.meta.resolve('tsx')];
