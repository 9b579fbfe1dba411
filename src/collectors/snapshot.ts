import type { NodeName, TargetId } from '../model/ids.ts';
import type { Outcome } from '../model/outcome.ts';
import type { CollectorName, FactFor } from './index.ts';

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
}
