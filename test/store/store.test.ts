import { describe, expect, it } from 'vitest';
import { emptyLedger } from '../../src/findings/ledger.ts';
import { memoryStore } from '../../src/store/store.ts';
import { aFinding } from '../support/builders.ts';
import { aLedger, shop, storeContract } from './contract.ts';

describe('a store in memory', () => {
  storeContract(async () => memoryStore());

  it('shares nothing with another, and ends with its closing', async () => {
    const store = memoryStore();
    await store.keepLedger(shop, aLedger(aFinding()));
    expect(await memoryStore().ledgerOf(shop)).toEqual(emptyLedger);
    await expect(store.close()).resolves.toBeUndefined();
  });

  it('has neither file nor size', async () => {
    expect(await memoryStore().status()).toEqual({
      sizeBytes: null,
      lastWriteAtMs: null,
      lastError: null,
      path: null,
      schemaVersion: null,
      movedAside: null,
    });
  });
});
