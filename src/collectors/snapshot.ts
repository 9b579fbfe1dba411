import type { NodeName, TargetId } from '../model/ids.ts';
import type { Outcome } from '../model/outcome.ts';
import type { InventoryName } from './fingerprints.ts';
import type { CollectorName, FactFor } from './index.ts';

/** What the catalogue looked like when an inventory was read whole. */
export interface InventoryReading {
  readonly fingerprint: string;
  readonly readAtMs: number;
}

/**
 * The newest outcome of every collector for one target; collectors that have not run yet are absent. Each outcome has its own
 * `collectedAtMs`; `takenAtMs` is "now" for everything that is derived from the snapshot.
 */
export interface Snapshot {
  readonly target: TargetId;
  /** The node whose counters these are: each counts for itself. */
  readonly node: NodeName;
  readonly takenAtMs: number;
  readonly outcomes: { readonly [Name in CollectorName]?: Outcome<FactFor<Name>> };
  /** Of the inventories that are complete and need not be read again while nothing changes; the same object for as long as none was. */
  readonly readings?: { readonly [Name in InventoryName]?: InventoryReading } | undefined;
}
