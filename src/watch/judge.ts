import type { Bloat } from '../analysis/bloat/bloat.ts';
import { buildCatalogue, type Catalogue, type IndexView } from '../analysis/catalogue.ts';
import { type ExpectationState, expectationStates } from '../analysis/expectation.ts';
import type { ReadStatement } from '../analysis/sql/conditions.ts';
import { type UsageWindow, usageWindow } from '../analysis/usage-window.ts';
import type { DefinitionFact } from '../collectors/definitions.ts';
import type { Snapshot } from '../collectors/snapshot.ts';
import type { Detector } from '../detectors/define.ts';
import type { Draft, Remedy } from '../detectors/draft.ts';
import { type Evaluation, evaluateInSlices } from '../detectors/evaluate.ts';
import { agree } from '../findings/agree.ts';
import { findingId } from '../findings/identity.ts';
import type { FoundNow } from '../findings/ledger.ts';
import { muteByComment } from '../findings/mutes.ts';
import { type IndexesOfFinding, redactLiterals } from '../findings/redact-literals.ts';
import type { SizePoint } from '../history/bloat/memory.ts';
import type { BuildRates } from '../history/builds/rates.ts';
import type { ProbeState } from '../history/probes/memory.ts';
import type { UsageAcrossNodes } from '../history/usage/across.ts';
import type { Expectation } from '../model/expectation.ts';
import type { FindingKind, Fix } from '../model/finding.ts';
import type { IndexOid } from '../model/ids.ts';
import type { Policy, Topology } from '../model/policy.ts';
import { atOnce, type Sliced, slicedFlatMap, slicedMap } from '../model/sliced.ts';
import { indexesToDefine, renderFix } from '../plan/fix.ts';
import { newNames } from '../plan/names.ts';

/** What the operator decided about one target. */
export interface JudgeOptions {
  readonly detectors: readonly Detector[];
  readonly settings: Readonly<Partial<Record<FindingKind, unknown>>>;
  readonly policyFor: (schemaname: string) => Policy;
  readonly isWatched: (schemaname: string) => boolean;
  /** What manifests expect of this database; nothing, if absent. */
  readonly expectations?: readonly Expectation[];
  readonly redactLiterals: boolean;
  readonly docsBaseUrl: string;
}

/** What is known of bloat beside the snapshot, for one catalogue. */
export interface BloatFacts {
  readonly bloat: ReadonlyMap<IndexOid, Bloat>;
  readonly sizesOf: (index: IndexView) => readonly SizePoint[];
}

/** What a judgement rests on besides one snapshot of the primary. */
export interface FurtherFacts extends Partial<BloatFacts> {
  /** Absent where no other node is known of. */
  readonly topology?: Topology;
  /** Newest snapshots of the standbys that can be read. */
  readonly standbys?: readonly Snapshot[];
  readonly usage?: UsageAcrossNodes | undefined;
  /** How fast indexes are built there; nothing was watched, if absent. */
  readonly buildRates?: BuildRates;
  /** Absent where there are no statements to read. */
  readonly readStatement?: ReadStatement;
  readonly probes?: readonly ProbeState[];
}

/** A snapshot judged, before its SQL is printed: that needs definitions which only the server has. */
export interface Judgement extends Evaluation {
  readonly snapshot: Snapshot;
  readonly catalogue: Catalogue;
  readonly window: UsageWindow | undefined;
  readonly expectations: readonly ExpectationState[];
  readonly buildRates: BuildRates;
}

/** {@link judgeInSlices} in one go. */
export const judge = (
  snapshot: Snapshot,
  options: JudgeOptions,
  catalogue: Catalogue = buildCatalogue(snapshot, options.isWatched),
  facts: FurtherFacts = {},
): Judgement => atOnce(judgeInSlices(snapshot, options, catalogue, facts));

/** Runs the detectors over the joined facts and makes their findings agree. Pure. */
export function* judgeInSlices(
  snapshot: Snapshot,
  options: JudgeOptions,
  catalogue: Catalogue,
  { buildRates = new Map(), ...facts }: FurtherFacts = {},
): Sliced<Judgement> {
  const { server } = catalogue;
  const window = server === undefined ? undefined : usageWindow(server, snapshot.node, snapshot.takenAtMs);
  const expectations = expectationStates(catalogue, options.expectations ?? []);
  const evaluation = yield* evaluateInSlices(options.detectors, {
    snapshot,
    catalogue,
    window,
    policyFor: options.policyFor,
    settings: options.settings,
    topology: { isComplete: false, unseenNodes: [] },
    expectations,
    ...facts,
  });
  yield;
  const drafts = agree(evaluation.drafts, expectations);
  yield;
  return { ...evaluation, drafts, expectations, snapshot, catalogue, window, buildRates };
}

/** Oids of the indexes whose definitions the findings' SQL needs, and of those that take over what is dropped: a plan checks both. */
export function definitionsNeeded(drafts: readonly Draft[]): readonly number[] {
  const oids = drafts.flatMap((draft) => {
    const defined = indexesToDefine(draft.remedy);
    return [...defined, ...(defined.length === 0 ? [] : keptBy(draft))].map((index): number => index.oid);
  });
  return [...new Set(oids)].sort((a, b) => a - b);
}

const keptBy = ({ table, related }: Draft): readonly IndexView[] =>
  table.indexes.filter((index) =>
    related.some(({ role, indexrelname }) => role === 'keep' && indexrelname === index.name),
  );

/** What the findings' SQL is printed from, by the findings' ids. */
export const remediesOf = ({ snapshot, drafts }: Judgement): ReadonlyMap<string, Remedy> =>
  new Map(drafts.map((draft) => [findingId(snapshot.target, draft), draft.remedy]));

/** {@link toFindingsInSlices} in one go. */
export const toFindings = (
  judgement: Judgement,
  definitions: ReadonlyMap<number, DefinitionFact>,
  options: JudgeOptions,
): readonly FoundNow[] => atOnce(toFindingsInSlices(judgement, definitions, options));

/** Gives the drafts identity and SQL. Pure. */
export function* toFindingsInSlices(
  judgement: Judgement,
  definitions: ReadonlyMap<number, DefinitionFact>,
  options: JudgeOptions,
): Sliced<readonly FoundNow[]> {
  const { catalogue, snapshot } = judgement;
  const fixes = yield* renderFixes(judgement, definitions, options);
  const indexesOf = options.redactLiterals ? yield* indexesOfFindings(catalogue) : undefined;
  return yield* slicedFlatMap(fixes, ([draft, fix]): readonly FoundNow[] => {
    const { table, index } = draft;
    const muted = muteByComment(draft, snapshot.takenAtMs);
    const found: FoundNow = {
      id: findingId(snapshot.target, draft),
      kind: draft.kind,
      severity: draft.severity,
      confidence: draft.confidence,
      server: snapshot.target.server,
      datname: snapshot.target.datname,
      schemaname: table.schemaname,
      relname: table.relname,
      indexrelname: index?.name ?? null,
      columns: draft.columns,
      related: draft.related,
      title: draft.title,
      evidence: draft.evidence,
      caveats: draft.caveats,
      impact: draft.impact,
      fix,
      docs: `${options.docsBaseUrl.replace(/\/$/, '')}/detectors/${draft.kind}.md`,
      ...(muted === undefined ? {} : { muted }),
    };
    return [indexesOf === undefined ? found : redactLiterals(found, indexesOf(draft))];
  });
}

/**
 * The drafts with their SQL, in their order. What is created gets names that no other fix of the report creates, given out in
 * an order that depends on nothing but what the findings are about: the same findings get the same names every time.
 */
function* renderFixes(
  { catalogue, drafts, buildRates }: Judgement,
  definitions: ReadonlyMap<number, DefinitionFact>,
  options: JudgeOptions,
): Sliced<readonly (readonly [Draft, Fix])[]> {
  const names = newNames(yield* namesBySchema(catalogue));
  const fixes = new Map<Draft, Fix>();
  for (const draft of inOrderOfSubjects(drafts)) {
    yield;
    const { rebuildBytesPerSecond } = options.policyFor(draft.table.schemaname);
    const versionNum = catalogue.server?.versionNum ?? 0;
    const context = { versionNum, rebuildBytesPerSecond, buildRates, definitions, names };
    fixes.set(draft, renderFix(draft.remedy, context));
  }
  return drafts.map((draft) => {
    const fix = fixes.get(draft);
    if (fix === undefined) throw new Error('every draft has just been given its fix');
    return [draft, fix];
  });
}

/** A total order of findings by what their identity is made of. */
function inOrderOfSubjects(drafts: readonly Draft[]): readonly Draft[] {
  const keyed = drafts.map((draft) => {
    const { table, kind, subject } = draft;
    return { draft, key: [table.schemaname, table.relname, kind, subject].join('\0') };
  });
  return keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map(({ draft }) => draft);
}

/** Finds the indexes that a finding speaks of: its own, those it names, those its remedy is about. */
function* indexesOfFindings({ indexes }: Catalogue): Sliced<(draft: Draft) => IndexesOfFinding> {
  const byName = yield* slicedMap(indexes, (index) => [`${index.table.schemaname}\0${index.name}`, index]);
  return ({ index, related, remedy, imagined = [] }) => {
    const defined = indexesToDefine(remedy);
    const others = related.flatMap(
      ({ schemaname, indexrelname }) => byName.get(`${schemaname}\0${indexrelname}`) ?? [],
    );
    const isPrinted = remedy.kind === 'create-expected-index';
    return {
      named: [...(index === null ? [] : [index]), ...others, ...imagined],
      defined: isPrinted ? [...defined, ...imagined] : defined,
    };
  };
}

function* namesBySchema(catalogue: Catalogue): Sliced<ReadonlyMap<string, ReadonlySet<string>>> {
  const names = new Map<string, Set<string>>();
  for (const table of catalogue.tables) {
    yield;
    const taken = names.get(table.schemaname) ?? new Set<string>();
    taken.add(table.relname);
    for (const index of table.indexes) taken.add(index.name);
    names.set(table.schemaname, taken);
  }
  return names;
}
