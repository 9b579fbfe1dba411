import type { Catalogue, IndexView, TableView } from '../../analysis/catalogue.ts';
import { hypotheticalIndex } from '../../analysis/hypothetical-index.ts';
import type { Remedy } from '../../detectors/draft.ts';
import type { Finding } from '../../model/finding.ts';
import type { IndexOid } from '../../model/ids.ts';
import { assertNever } from '../../model/result.ts';
import { estimateBytes } from '../create-index.ts';
import { statementsOf } from './statements.ts';

export const planScopes = ['drop', 'create', 'reindex', 'all'] as const;
export type PlanScope = (typeof planScopes)[number];

/** What a plan is asked to hold. */
export interface PlanRequest {
  readonly scope: PlanScope;
  /** Only indexes to create whose finding names this phase. */
  readonly phase?: number;
  /** Ids of findings, or beginnings of them; all, if empty. */
  readonly findings: readonly string[];
}

/** One remedy with SQL that may become a step. */
export type Action = { /** Findings that it mends as well. */ readonly alsoMends: readonly Finding[] } & (
  | {
      readonly kind: 'create';
      readonly finding: Finding;
      readonly table: TableView;
      /** The index as it will be; undefined where it cannot be told from the catalogue, so that it is compared with nothing. */
      readonly index: IndexView | undefined;
      /** Asked for by name, in a manifest: it gives way to nothing but its own copy. */
      readonly isExpected: boolean;
      readonly estimatedBytes: number | undefined;
      /** The last that the plan creates on its table: it is analysed after. */
      readonly analyses: boolean;
    }
  | {
      readonly kind: 'rebuild';
      readonly finding: Finding;
      readonly index: IndexView;
      /** Of a partitioned index the parts that are rebuilt, else the index itself. */
      readonly parts: readonly IndexView[];
      readonly expectedBytes: number | undefined;
    }
  | {
      readonly kind: 'drop';
      readonly finding: Finding;
      readonly index: IndexView;
      /** Invalid: it serves nothing, and nothing is to bring it back. */
      readonly isLeftover: boolean;
    }
  | { readonly kind: 'analyze'; readonly finding: Finding; readonly table: TableView }
);

export type CreateAction = Extract<Action, { kind: 'create' }>;
export type RebuildAction = Extract<Action, { kind: 'rebuild' }>;
export type DropAction = Extract<Action, { kind: 'drop' }>;
export type AnalyzeAction = Extract<Action, { kind: 'analyze' }>;

/** A finding, or a part of one, that the plan does not carry out, and why. */
export interface LeftOut {
  readonly finding: Finding;
  readonly reason: string;
}

export interface Candidates {
  readonly actions: readonly Action[];
  readonly leftOut: readonly LeftOut[];
  /** Open findings that no SQL mends: a person has to decide. */
  readonly undecided: readonly LeftOut[];
}

/** Of the open findings those that the request asks for, with the remedies that their SQL was printed from. */
export function candidates(
  findings: readonly Finding[],
  remedies: ReadonlyMap<string, Remedy>,
  catalogue: Catalogue,
  request: PlanRequest,
): Candidates {
  const actions: Action[] = [];
  const leftOut: LeftOut[] = [];
  const undecided: LeftOut[] = [];
  for (const finding of findings) {
    if (!isAsked(finding, request)) continue;
    if (finding.state !== 'open') {
      if (request.findings.length > 0) leftOut.push({ finding, reason: `it is ${finding.state}` });
      continue;
    }
    const remedy = remedies.get(finding.id);
    if (remedy !== undefined && !isInScope(remedy, request)) continue;
    if (remedy === undefined || remedy.kind === 'review' || finding.fix.sql === null) {
      // It may have been open without being found anew; what cannot be seen now is not acted on.
      const reason = remedy === undefined ? 'this look did not find it again' : finding.fix.notes;
      undecided.push({ finding, reason });
      continue;
    }
    if (hidesTheWayBack(finding, remedy)) {
      leftOut.push({
        finding,
        reason: 'its definition may not be shown, and nothing is dropped without the way back',
      });
      continue;
    }
    actions.push(actionOf(finding, remedy, catalogue, actions.length + 1));
  }
  return { actions: oncePerIndex(actions), leftOut, undecided };
}

/**
 * An index that several findings drop, or rebuild, is one action: by the finding that is surest, since what it rests on is checked again, and
 * of rebuilds by the one that rebuilds most.
 */
function oncePerIndex(actions: readonly Action[]): readonly Action[] {
  const byIndex = new Map<IndexView, Map<Action['kind'], Action>>();
  for (const action of actions) {
    if (action.kind !== 'drop' && action.kind !== 'rebuild') continue;
    const known = byIndex.get(action.index) ?? new Map<Action['kind'], Action>();
    byIndex.set(action.index, known);
    const other = known.get(action.kind);
    known.set(action.kind, other === undefined ? action : merged(other, action));
  }
  const kept = new Set([...byIndex.values()].flatMap((known) => [...known.values()]));
  const places = new Map([...kept].map((action) => [action.finding.id, action]));
  return actions.flatMap((action) => {
    if (action.kind !== 'drop' && action.kind !== 'rebuild') return [action];
    return places.get(action.finding.id) ?? [];
  });
}

const sureness: readonly Finding['confidence'][] = ['possible', 'likely', 'proven'];

function merged(a: Action, b: Action): Action {
  const rank = (action: Action): number =>
    action.kind === 'rebuild' ? action.parts.length : sureness.indexOf(action.finding.confidence);
  const [best, other] = rank(b) > rank(a) ? [b, a] : [a, b];
  return { ...best, alsoMends: [...best.alsoMends, ...findingsOf(other)] };
}

/** All that the action mends, the one it was made from first. */
export const findingsOf = ({ finding, alsoMends }: Action): readonly Finding[] => [finding, ...alsoMends];

const isAsked = ({ id, evidence }: Finding, { findings, phase }: PlanRequest): boolean =>
  (findings.length === 0 || findings.some((beginning) => id.startsWith(beginning.toLowerCase()))) &&
  (phase === undefined || (evidence.phase !== undefined && Number(evidence.phase) === phase));

function isInScope(remedy: Remedy, { scope, phase }: PlanRequest): boolean {
  switch (remedy.kind) {
    case 'create-index':
    case 'create-expected-index':
      return scope === 'create' || scope === 'all';
    case 'rebuild-index':
      return phase === undefined && (scope === 'reindex' || scope === 'all');
    case 'drop-index':
    case 'replace-index':
      return phase === undefined && (scope === 'drop' || scope === 'all');
    case 'analyze-table':
    case 'review':
      return phase === undefined && scope === 'all';
    default:
      return assertNever(remedy);
  }
}

/** Redaction took the definition away. */
const hidesTheWayBack = ({ fix }: Finding, { kind }: Remedy): boolean =>
  (kind === 'drop-index' || kind === 'replace-index') && fix.rollbackSql === null;

function actionOf(
  finding: Finding,
  remedy: Exclude<Remedy, { kind: 'review' }>,
  catalogue: Catalogue,
  place: number,
): Action {
  switch (remedy.kind) {
    case 'create-index': {
      const { table, columns, columnFacts } = remedy;
      const name = createdName(finding);
      const index = hypotheticalIndex({ table, name, columns }, catalogue, place);
      return {
        kind: 'create',
        alsoMends: [],
        finding,
        table,
        index,
        isExpected: finding.kind === 'missing-expected-index',
        estimatedBytes: estimateBytes(
          table,
          columnFacts ?? [...table.columns.values()].filter((column) => columns.includes(column.columnName)),
        ),
        analyses: false,
      };
    }
    case 'create-expected-index': {
      const { table, expected, expectation } = remedy;
      const { columns, view } = expected;
      const isBtree = expectation.method === 'btree';
      // Indexes that do not exist are told apart by negative oids.
      const index = { ...view, name: createdName(finding), oid: -place as IndexOid };
      return {
        kind: 'create',
        alsoMends: [],
        finding,
        table,
        index,
        isExpected: true,
        estimatedBytes: columns === undefined || !isBtree ? undefined : estimateBytes(table, columns),
        analyses: false,
      };
    }
    case 'rebuild-index': {
      const { index, parts = [index], expectedBytes } = remedy;
      return {
        kind: 'rebuild',
        alsoMends: [],
        finding,
        index,
        parts,
        expectedBytes: expectedBytes ?? index.sizeBytes,
      };
    }
    case 'drop-index':
      return { kind: 'drop', alsoMends: [], finding, index: remedy.index, isLeftover: false };
    case 'replace-index':
      return { kind: 'drop', alsoMends: [], finding, index: remedy.index, isLeftover: true };
    case 'analyze-table':
      return { kind: 'analyze', alsoMends: [], finding, table: remedy.table };
    default:
      return assertNever(remedy);
  }
}

/** What the finding's SQL calls the index; of several the first, which stands for them all. */
function createdName({ fix }: Finding): string {
  const first = statementsOf(fix.sql ?? '').find((statement) => statement.kind === 'create-index');
  return first?.name ?? '';
}
