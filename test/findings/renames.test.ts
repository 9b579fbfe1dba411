import { expect, it } from 'vitest';
import { lineageOf } from '../../src/findings/renames.ts';
import { anIndex, aServerFact, indexOid } from '../support/builders.ts';

const server = aServerFact();
const ofIndex = (oid: number, name: string) => {
  const index = anIndex({ indexOid: indexOid(oid), indexrelname: name }, { name });
  return lineageOf({ index, table: index.table, subject: name }, server);
};

it('an index keeps its lineage under another name, and another index has another', () => {
  expect(ofIndex(7, 'before_idx')).toBe(ofIndex(7, 'after_idx'));
  expect(ofIndex(7, 'before_idx')).not.toBe(ofIndex(8, 'before_idx'));
});

it('what is about a table goes by the table and its subject', () => {
  const { table } = anIndex();
  const ofKey = (subject: string, at = server) => lineageOf({ index: null, table, subject }, at);
  expect(ofKey('a_fkey')).not.toBe(ofKey('b_fkey'));
  expect(ofKey('a_fkey')).not.toBe(ofKey('a_fkey', aServerFact({ systemIdentifier: '1' })));
  expect(ofKey('a_fkey')).not.toBe(ofKey('a_fkey', aServerFact({ databaseOid: 1 })));
});
