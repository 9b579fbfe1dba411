import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { Database } from '../../src/store/database.ts';
import type { StoreNotice } from '../../src/store/sqlite-store.ts';
import { aFinding } from '../support/builders.ts';
import { eventually } from '../support/processes.ts';
import { aLedger, aMute, bytes, primary, shop } from './contract.ts';
import { places } from './places.ts';

const { path, open, mortalThread, tidy, end } = places();
afterEach(tidy);
afterAll(end);
// Threads and files, on machines that have other things to do.
vi.setConfig({ testTimeout: 30_000 });

const reopenAfterMs = { first: 10, max: 200 };

const kindsOf = (notices: readonly StoreNotice[]): readonly string[] => notices.map(({ kind }) => kind);

describe('a store whose thread ended by itself', () => {
  it('is opened again, and has everything that was acknowledged', async () => {
    const file = path();
    const { store, notices } = await open(file, { reopenAfterMs, threadModule: mortalThread });
    await store.keepMute(aMute());
    expect(store.openings()).toBe(1);
    // The thread of this test takes this as an order to end.
    await expect(store.keepMute(aMute({ findingId: 'die' }))).rejects.toThrow(
      'the storage thread ended: out of luck',
    );
    expect((await store.status()).lastError).toBe('the storage thread ended: out of luck');
    await eventually('a new thread', () => store.openings() === 2);
    expect((await store.status()).lastError).toBeNull();
    expect(await store.mutes()).toEqual([aMute()]);
    expect(kindsOf(notices)).toEqual(['opened', 'thread-ended', 'opened', 'writes-again']);
  });

  it('is tried at growing intervals while it cannot be opened, which is said once', async () => {
    const file = path();
    const { store, notices } = await open(file, { reopenAfterMs });
    await store.keepMute(aMute());
    // Another folder stands where the file was.
    renameSync(file, `${file}.away`);
    mkdirSync(file);
    await expect(store.keepMute(aMute({ findingId: 'f2' }))).rejects.toThrow(/was removed or replaced/);
    await eventually('an attempt', () => kindsOf(notices).includes('not-reopened'));
    await expect(store.mutes()).rejects.toThrow(/is not a file; name one in a folder/);
    await new Promise((resolve) => setTimeout(resolve, 4 * reopenAfterMs.first));
    expect(kindsOf(notices).filter((kind) => kind === 'not-reopened')).toHaveLength(1);
    rmSync(file, { recursive: true });
    renameSync(`${file}.away`, file);
    await eventually('it to be open again', () => store.openings() === 2);
    expect(await store.mutes()).toEqual([aMute()]);
  });

  it('is not opened again once it was closed', async () => {
    const file = path();
    const { store } = await open(file, { reopenAfterMs, threadModule: mortalThread });
    await expect(store.keepMute(aMute({ findingId: 'die' }))).rejects.toThrow();
    await store.close();
    await expect(store.mutes()).rejects.toThrow('the store is closed');
    // Nobody has it any more.
    expect(await (await open(file)).store.mutes()).toEqual([]);
  });
});

describe('a file that changes under a running store', () => {
  it('begins anew where it was removed, instead of being written where nobody can see it', async () => {
    const file = path();
    const { store, notices } = await open(file, { reopenAfterMs });
    await store.keepMute(aMute());
    for (const ending of ['', '-wal', '-shm']) rmSync(file + ending, { force: true });
    await expect(store.keepMute(aMute())).rejects.toThrow(
      'the file was removed or replaced while it was in use',
    );
    await eventually('a new file', () => store.openings() === 2);
    expect(kindsOf(notices)).toEqual(['opened', 'write-failed', 'thread-ended', 'opened', 'writes-again']);
    await store.keepMute(aMute());
    await store.close();
    expect(await (await open(file)).store.mutes()).toEqual([aMute()]);
  });

  it('is moved aside as soon as damage is met, and begins anew', async () => {
    const file = path();
    const { store, notices } = await open(file, { reopenAfterMs });
    const findings = Array.from({ length: 400 }, (_, n) => aFinding({ id: `f${n}` }));
    await store.keepLedger(shop, aLedger(...findings));
    await store.appendUsage(shop, primary, bytes(1));
    // Somebody else writes, so that what is in memory does not count any more; then noise.
    const other = new Database(file, 1_000);
    other.exec("insert into mute values ('m', '{}', null); pragma wal_checkpoint(truncate)");
    other.close();
    const content = await readFile(file);
    for (let page = 2; page * 4_096 < content.length; page += 1)
      crypto.getRandomValues(content.subarray(page * 4_096, page * 4_096 + 2_000));
    writeFileSync(file, content);
    await expect(store.ledgerOf(shop)).rejects.toThrow(/malformed/);
    await eventually('a new file', () => store.openings() === 2);
    const { movedAside } = await store.status();
    expect(movedAside).toMatch(/\.damaged-/);
    expect(notices.at(-2)).toMatchObject({ kind: 'opened', movedAside: { to: movedAside } });
    await store.keepLedger(shop, aLedger(aFinding()));
    expect((await store.ledgerOf(shop)).findings.size).toBe(1);
  });
});

it('closing a store that is busy ends it in time, refuses what waits, and takes nobody along', async () => {
  const file = path();
  const { store } = await open(file, { file: { synchronous: 'full' } });
  const findings = Array.from({ length: 3_000 }, (_, n) => aFinding({ id: `f${n}` }));
  const outcomes = Promise.allSettled(
    Array.from({ length: 60 }, (_, time) =>
      store.keepLedger(shop, aLedger(...findings.map((finding) => ({ ...finding, title: `${time}` })))),
    ),
  );
  await store.close();
  const refused = (await outcomes).filter(({ status }) => status === 'rejected');
  for (const one of refused)
    expect(String((one as PromiseRejectedResult).reason)).toMatch(/there was no time left|closed/);
  const kept = 60 - refused.length;
  const { store: again, notices } = await open(file);
  expect(notices).toMatchObject([{ kind: 'opened', isChecked: true }]);
  const titles = new Set([...(await again.ledgerOf(shop)).findings.values()].map(({ title }) => title));
  // Every call is there that was acknowledged, as a whole, and none that was refused.
  expect(titles).toEqual(kept === 0 ? new Set() : new Set([`${kept - 1}`]));
});
