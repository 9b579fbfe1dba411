import { expect, test } from 'vitest';
import { emptyLedger, type Ledger } from '../../src/findings/ledger.ts';
import { memoryStore } from '../../src/store/store.ts';

const ledger = (kind: 'invalid-index' | 'unused-index'): Ledger => ({
  ...emptyLedger,
  observed: new Set([kind]),
});

test('a target never seen has an empty ledger', async () => {
  expect(await memoryStore().ledgerOf({ server: 's', datname: 'd' })).toEqual(emptyLedger);
});

test('each target has its own, the newest one', async () => {
  const store = memoryStore();
  const [one, two] = [
    { server: 's', datname: 'one' },
    { server: 's', datname: 'two' },
  ];
  await store.keepLedger(one, ledger('invalid-index'));
  await store.keepLedger(two, ledger('invalid-index'));
  await store.keepLedger(one, ledger('unused-index'));
  expect(await store.ledgerOf({ ...one })).toEqual(ledger('unused-index'));
  expect(await store.ledgerOf(two)).toEqual(ledger('invalid-index'));
});

test('two stores share nothing, and closing one ends it', async () => {
  const store = memoryStore();
  await store.keepLedger({ server: 's', datname: 'd' }, ledger('invalid-index'));
  expect(await memoryStore().ledgerOf({ server: 's', datname: 'd' })).toEqual(emptyLedger);
  await expect(store.close()).resolves.toBeUndefined();
});
