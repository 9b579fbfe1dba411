import type { Bloat } from '../../src/analysis/bloat/bloat.ts';
import { buildCatalogue } from '../../src/analysis/catalogue.ts';
import { expectationStates } from '../../src/analysis/expectation.ts';
import type { ReadStatement } from '../../src/analysis/sql/conditions.ts';
import { usageWindow } from '../../src/analysis/usage-window.ts';
import type { Detector } from '../../src/detectors/define.ts';
import type { Draft } from '../../src/detectors/draft.ts';
import { type Evaluation, evaluate } from '../../src/detectors/evaluate.ts';
import type { SizePoint } from '../../src/history/bloat/memory.ts';
import type { ProbeState } from '../../src/history/probes/memory.ts';
import type { UsageAcrossNodes } from '../../src/history/usage/across.ts';
import type { Expectation } from '../../src/model/expectation.ts';
import type { Policy, Topology } from '../../src/model/policy.ts';
import { dayMs, MiB } from '../../src/model/units.ts';
import { aSnapshot, bloatByOid, type DescribedTable, type Facts, factsOf } from '../support/builders.ts';

/** Thirty days until an index counts as unused; nothing is left out for being small. */
export const aPolicy = (overrides: Partial<Policy> = {}): Policy => ({
  unusedAfterMs: 30 * dayMs,
  likelyAfterMs: 35 * dayMs,
  minSizeBytes: 0,
  minRows: 0,
  minRowsForWarning: 1_000,
  rebuildBytesPerSecond: 10 * MiB,
  ...overrides,
});

export interface Circumstances {
  /** Facts beside the described tables: server, column statistics, outcomes that are no success. */
  readonly facts?: Facts;
  readonly policy?: Partial<Policy>;
  readonly topology?: Topology;
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Answers by the index's name. */
  readonly bloat?: Readonly<Record<string, Bloat>>;
  /** Remembered sizes by the index's name. */
  readonly sizes?: Readonly<Record<string, readonly SizePoint[]>>;
  /** What is remembered of use; a single look without. */
  readonly usage?: UsageAcrossNodes;
  readonly expectations?: readonly Expectation[];
  /** Reads no statement, where absent. */
  readonly readStatement?: ReadStatement;
  readonly probes?: readonly ProbeState[];
}

/** What one detector says of the described tables, through the same door as in production. */
export function judge<Settings>(
  detector: Detector<Settings>,
  tables: readonly DescribedTable[],
  circumstances: Circumstances = {},
): Evaluation {
  const snapshot = aSnapshot(factsOf(tables, circumstances.facts));
  const catalogue = buildCatalogue(snapshot, () => true);
  const settings = detector.settings.parse(circumstances.settings ?? {});
  // The settings were parsed by the detector's own schema just now; evaluate takes detectors of any settings.
  return evaluate([detector as Detector], {
    snapshot,
    catalogue,
    window: catalogue.server && usageWindow(catalogue.server, snapshot.node, snapshot.takenAtMs),
    policyFor: () => aPolicy(circumstances.policy),
    topology: circumstances.topology ?? { isComplete: true, unseenNodes: [] },
    settings: { [detector.id]: settings },
    bloat: bloatByOid(catalogue, circumstances.bloat),
    sizesOf: ({ name }) => circumstances.sizes?.[name] ?? [],
    ...(circumstances.usage === undefined ? {} : { usage: circumstances.usage }),
    expectations: expectationStates(catalogue, circumstances.expectations ?? []),
    ...(circumstances.readStatement && { readStatement: circumstances.readStatement }),
    probes: circumstances.probes ?? [],
  });
}

/** The one finding there is; a test that expects another number fails here. */
export function onlyDraft({ drafts }: Evaluation): Draft {
  const [draft] = drafts;
  if (draft === undefined || drafts.length > 1)
    throw new Error(`expected one finding, got: ${JSON.stringify(drafts.map(({ title }) => title))}`);
  return draft;
}

/** Why nothing, or not everything, was judged: `reason: relations`. */
export const reasonsOf = ({ undecided }: Evaluation): readonly string[] =>
  undecided.map(({ reason, relations }) =>
    relations === undefined ? reason : `${relations.join()}: ${reason}`,
  );
