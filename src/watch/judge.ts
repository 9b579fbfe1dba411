import { buildCatalogue, type Catalogue } from '../analysis/catalogue.ts';
import { type UsageWindow, usageWindow } from '../analysis/usage-window.ts';
import type { DefinitionFact } from '../collectors/definitions.ts';
import type { Snapshot } from '../collectors/snapshot.ts';
import type { Detector } from '../detectors/define.ts';
import type { Draft } from '../detectors/draft.ts';
import { type Evaluation, evaluate } from '../detectors/evaluate.ts';
import { agree } from '../findings/agree.ts';
import { findingId } from '../findings/identity.ts';
import type { FoundNow } from '../findings/ledger.ts';
import { muteByComment } from '../findings/mutes.ts';
import { redactLiterals } from '../findings/redact-literals.ts';
import type { FindingKind } from '../model/finding.ts';
import type { Policy, Topology } from '../model/policy.ts';
import { indexesToDefine, renderFix } from '../plan/fix.ts';

/** What the operator decided about one target. */
export interface JudgeOptions {
  readonly detectors: readonly Detector[];
  readonly settings: Readonly<Partial<Record<FindingKind, unknown>>>;
  readonly policyFor: (schemaname: string) => Policy;
  readonly isWatched: (schemaname: string) => boolean;
  readonly isTopologyComplete: boolean;
  readonly standbys: readonly string[];
  readonly redactLiterals: boolean;
  readonly docsBaseUrl: string;
}

/** A snapshot judged, before its SQL is printed: that needs definitions which only the server has. */
export interface Judgement extends Evaluation {
  readonly snapshot: Snapshot;
  readonly catalogue: Catalogue;
  readonly window: UsageWindow | undefined;
}

/** Joins the facts, runs the detectors and makes their findings agree. Pure. */
export function judge(snapshot: Snapshot, options: JudgeOptions): Judgement {
  const catalogue = buildCatalogue(snapshot, options.isWatched);
  const { server } = catalogue;
  const window = server === undefined ? undefined : usageWindow(server, snapshot.node, snapshot.takenAtMs);
  const evaluation = evaluate(options.detectors, {
    snapshot,
    catalogue,
    window,
    policyFor: options.policyFor,
    topology: topologyOf(snapshot, options),
    settings: options.settings,
  });
  return { ...evaluation, drafts: agree(evaluation.drafts), snapshot, catalogue, window };
}

function topologyOf(snapshot: Snapshot, options: JudgeOptions): Topology {
  const replicas = snapshot.outcomes.replicas;
  const connected = replicas?.kind === 'collected' ? replicas.facts.map(nameOf) : [];
  return {
    isComplete: options.isTopologyComplete,
    unseenNodes: [...new Set([...options.standbys, ...connected])].sort(),
  };
}

const nameOf = ({
  applicationName,
  clientAddress,
}: {
  applicationName: string;
  clientAddress: string;
}): string =>
  [applicationName, clientAddress].filter((part) => part !== '').join('@') || 'an unnamed replica';

/** Oids of the indexes whose definitions the findings' SQL needs. */
export function definitionsNeeded(drafts: readonly Draft[]): readonly number[] {
  const oids = drafts.flatMap((draft) => indexesToDefine(draft.remedy).map((index): number => index.oid));
  return [...new Set(oids)].sort((a, b) => a - b);
}

/** Gives the drafts identity and SQL. Pure. */
export function toFindings(
  judgement: Judgement,
  definitions: ReadonlyMap<number, DefinitionFact>,
  options: JudgeOptions,
): readonly FoundNow[] {
  const { catalogue, snapshot, drafts } = judgement;
  const takenNames = namesBySchema(catalogue);
  return drafts.map((draft) => {
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
      fix: renderFix(draft.remedy, {
        versionNum: catalogue.server?.versionNum ?? 0,
        rebuildBytesPerSecond: options.policyFor(table.schemaname).rebuildBytesPerSecond,
        definitions,
        takenNames: (schemaname) => takenNames.get(schemaname) ?? new Set(),
      }),
      docs: `${options.docsBaseUrl.replace(/\/$/, '')}/detectors/${draft.kind}.md`,
      ...(muted === undefined ? {} : { muted }),
    };
    const mayHoldLiterals = index !== null && (index.fact.hasPredicate || index.fact.hasExpressions);
    return options.redactLiterals && mayHoldLiterals ? redactLiterals(found) : found;
  });
}

function namesBySchema(catalogue: Catalogue): ReadonlyMap<string, ReadonlySet<string>> {
  const names = new Map<string, Set<string>>();
  for (const table of catalogue.tables) {
    const taken = names.get(table.schemaname) ?? new Set<string>();
    taken.add(table.relname);
    for (const index of table.indexes) taken.add(index.name);
    names.set(table.schemaname, taken);
  }
  return names;
}
