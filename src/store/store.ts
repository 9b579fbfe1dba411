import { emptyLedger, type Ledger } from '../findings/ledger.ts';
import { type TargetId, targetKey } from '../model/ids.ts';

/** What is kept between evaluations, behind history and ledger alike. Asynchronous, so that it may live in another thread. */
export interface Store {
  /** The ledger of a target; empty for one never seen. */
  readonly ledgerOf: (target: TargetId) => Promise<Ledger>;
  readonly keepLedger: (target: TargetId, ledger: Ledger) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Keeps everything in memory: gone with the process. */
export function memoryStore(): Store {
  const ledgers = new Map<string, Ledger>();
  return {
    ledgerOf: async (target) => ledgers.get(targetKey(target)) ?? emptyLedger,
    keepLedger: async (target, ledger) => {
      ledgers.set(targetKey(target), ledger);
    },
    close: async () => {},
  };
}
