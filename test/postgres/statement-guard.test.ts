import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { startPostgres, withConnection } from '../support/postgres.ts';
import { harmIn } from '../support/statement-guard.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'indexwarden-guard-'));
afterAll(() => rmSync(folder, { recursive: true }));

const begin =
  'begin read only;\n\t set local statement_timeout = 1000;\n\t set local lock_timeout = 200;\n\t set local jit = off';
const logOf = (...lines: readonly string[]): string => {
  const file = path.join(folder, 'server.log');
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
};

test('what the program sends in its transactions is no harm, and what others send is their own', async () => {
  const log = logOf(
    '[7|psql|0] LOG:  statement: create table t ()',
    '[7|psql|733] LOG:  statement: commit',
    `[8|indexwarden|0] LOG:  statement: ${begin}`,
    '[8|indexwarden|0] LOG:  execute <unnamed>: select 1',
    '[8|indexwarden|0] LOG:  statement: rollback',
    '[8|indexwarden|0] LOG:  statement: begin read only; select pg_catalog.pg_backend_pid(); rollback',
  );
  expect(await harmIn(log)).toEqual([]);
});

test('a statement outside of a read-only transaction, and one that wrote, are found', async () => {
  const log = logOf(
    '[8|indexwarden|0] LOG:  execute <unnamed>: select 1',
    `[9|indexwarden|0] LOG:  statement: ${begin}`,
    '[9|indexwarden|0] LOG:  execute <unnamed>: create temporary table t ()',
    '[9|indexwarden|734] LOG:  statement: rollback',
  );
  expect(await harmIn(log)).toEqual([
    'outside of a read-only transaction: select 1',
    'with a transaction id: create temporary table t ()',
    'with a transaction id: rollback',
  ]);
});

test('a real server logs what it reads', async () => {
  // Closed without a look at what is sent here on purpose.
  const server = await startPostgres(undefined, { isUnguarded: true });
  try {
    await withConnection(`${server.url()}?application_name=indexwarden`, (client) =>
      client.query('create temporary table t ()'),
    );
    const log = server.embedded?.logFile;
    expect(log === undefined ? [] : await harmIn(log)).toEqual(
      log === undefined ? [] : ['outside of a read-only transaction: create temporary table t ()'],
    );
  } finally {
    await server.close();
  }
});

test('a server whose log cannot be read is none of its business', async () => {
  expect(await harmIn(path.join(folder, 'absent.log'))).toEqual([]);
});
