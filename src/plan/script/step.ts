import type { IndexView, TableView } from '../../analysis/catalogue.ts';
import { usualReplacementLimits } from '../../analysis/replacement.ts';
import type { DefinitionFact } from '../../collectors/definitions.ts';
import type { Finding, Fix } from '../../model/finding.ts';
import { assertNever, err, ok, type Result } from '../../model/result.ts';
import { renderFix } from '../fix.ts';
import { newNames } from '../names.ts';
import type { PreflightOptions } from '../preflight.ts';
import { commentedOut, qualified } from '../sql.ts';
import type { Action, AnalyzeAction, CreateAction, DropAction, RebuildAction } from './actions.ts';
import type { Condition, Named, Outcome } from './checks.ts';
import { definitionHash } from './definition-hash.ts';
import { type BuildCategory, categoryOf } from './order.ts';
import { definitionMade, queuesOthers, repeatable, type Statement, statementsOf } from './statements.ts';

/** Statements with what must hold before and be true after them. */
export interface Work {
  readonly conditions: readonly Condition[];
  readonly blockers: Omit<PreflightOptions, 'indexrelname'> | undefined;
  /** Each ends with a semicolon and runs by itself; running all of them again does no harm. */
  readonly statements: readonly string[];
  readonly outcomes: readonly Outcome[];
  /** SQL that is only ever printed commented out, with the reason in it; then there are no statements. */
  readonly commented: string | null;
}

/** What a step costs while it runs; null where nobody knows. */
export interface Estimate {
  /** Of the index: as it will be, or as it is where it goes. */
  readonly sizeBytes: number | null;
  readonly seconds: number | null;
  /** Free disk that is needed; how much there is cannot be seen. */
  readonly diskBytes: number | null;
  /** Sent to each standby, and kept for each slot that does not take it. */
  readonly walBytesPerStandby: number | null;
  readonly freedBytes: number;
}

/** One step of a plan. */
export interface PlanStep extends Work {
  /** From 1, in the order in which steps are run. */
  readonly number: number;
  readonly kind: Action['kind'];
  /** Of an index to create, what it is for. */
  readonly category: BuildCategory | null;
  /** Of a drop. */
  readonly batch: { readonly number: number; readonly notBeforeMs: number | undefined } | undefined;
  /** What it mends. */
  readonly finding: Finding;
  readonly alsoMends: readonly Finding[];
  readonly schemaname: string;
  readonly relname: string;
  readonly indexrelname: string | null;
  /** Clears away what a failure leaves behind. */
  readonly recovery: readonly string[];
  /** The way back; null where there is nothing to undo. */
  readonly rollback: Work | null;
  readonly estimate: Estimate;
  readonly lock: string | null;
  /** How long it would take to have back what goes. */
  readonly rebuildSeconds: number | null;
  readonly notes: string;
}

export interface StepContext {
  readonly definitions: ReadonlyMap<number, DefinitionFact>;
  readonly versionNum: number;
  readonly madeAtMs: number;
  readonly successors: ReadonlyMap<DropAction, readonly IndexView[]>;
}

interface NumberedContext extends StepContext {
  readonly number: number;
  readonly batch: PlanStep['batch'];
}

/** The step of an action, from the SQL that its finding prints; fails where what must be checked is not known. */
export function stepOf(action: Action, context: NumberedContext): Result<PlanStep, string> {
  switch (action.kind) {
    case 'create':
      return ok(creation(action, context));
    case 'rebuild':
      return rebuild(action, context);
    case 'drop':
      return drop(action, context);
    case 'analyze':
      return ok(analysis(action, context));
    default:
      return assertNever(action);
  }
}

function creation(action: CreateAction, context: NumberedContext): PlanStep {
  const { finding, table, estimatedBytes, analyses } = action;
  const { fix } = finding;
  const statements = statementsOf(fix.sql ?? '');
  const created = statements.filter((statement) => statement.kind === 'create-index');
  const undo = statementsOf(fix.rollbackSql ?? '');
  const bytes = estimatedBytes ?? null;
  const blockers = { ...placeOf(table), neededBytes: estimatedBytes };
  const work = built(statements, blockers, false);
  return {
    ...shared(action, table, context),
    kind: 'create',
    category: categoryOf(action),
    indexrelname: created[0]?.name ?? null,
    ...work,
    statements: [
      ...work.statements,
      ...(analyses ? leavesOf(table).map((leaf) => analyzeOf(leaf, context)) : []),
    ],
    recovery: created.filter(({ isParent }) => !isParent).map((one) => `${dropOf(one)};`),
    rollback: {
      conditions: [],
      blockers: undo.length === 0 ? undefined : { ...blockers, neededBytes: undefined },
      statements: runnable(undo),
      outcomes: undo.filter(isDrop).map((index) => ({ kind: 'gone', index })),
      commented: undo.length === 0 ? fix.rollbackSql : null,
    },
    estimate: {
      sizeBytes: bytes,
      seconds: fix.rebuildSeconds,
      diskBytes: bytes,
      walBytesPerStandby: bytes,
      freedBytes: 0,
    },
    rebuildSeconds: null,
  };
}

function rebuild(action: RebuildAction, context: NumberedContext): Result<PlanStep, string> {
  const { finding, index, parts, expectedBytes } = action;
  const conditions: Condition[] = [];
  for (const part of parts) {
    const hash = definitionHash(context.definitions.get(part.oid));
    if (hash === undefined) return err(`the definition of ${part.name} could not be read`);
    conditions.push({ kind: 'same', index: namedOf(part), hash });
  }
  const statements = statementsOf(finding.fix.sql ?? '');
  const tables = [...new Set(parts.map((part) => part.table))];
  const bytes = expectedBytes ?? null;
  return ok({
    ...shared(action, index.table, context),
    kind: 'rebuild',
    category: null,
    indexrelname: index.name,
    conditions,
    blockers: { ...placeOf(index.table), neededBytes: expectedBytes },
    statements: runnable(statements),
    outcomes: [
      ...parts.map((part): Outcome => ({ kind: 'valid', index: namedOf(part) })),
      ...tables.map((table): Outcome => ({ kind: 'no-debris', ...placeOf(table), known: debrisOn(table) })),
    ],
    commented: statements.length === 0 ? finding.fix.sql : null,
    recovery: parts.map((part) => `${dropOf({ ...namedOf(part), name: `${part.name}_ccnew` })};`),
    rollback: null,
    estimate: {
      sizeBytes: index.sizeBytes ?? null,
      seconds: finding.fix.rebuildSeconds,
      diskBytes: bytes,
      walBytesPerStandby: bytes,
      freedBytes: finding.impact.reclaimableBytes,
    },
    rebuildSeconds: null,
  });
}

function drop(action: DropAction, context: NumberedContext): Result<PlanStep, string> {
  const { finding, index, isLeftover } = action;
  const { fix } = finding;
  const hash = definitionHash(context.definitions.get(index.oid));
  if (hash === undefined) return err('its definition could not be read');
  const statements = statementsOf(fix.sql ?? '');
  const isConcurrent = statements.some((statement) => isDrop(statement) && statement.isConcurrent);
  const blockers = { ...placeOf(index.table), neededBytes: undefined };
  const bytes = index.sizeBytes ?? null;
  const successors = context.successors.get(action) ?? [];
  const undo = statementsOf(fix.rollbackSql ?? '');
  return ok({
    ...shared(action, index.table, context),
    kind: 'drop',
    category: null,
    indexrelname: index.name,
    conditions: [
      ...successors.map(
        (one): Condition => ({
          kind: 'in-place',
          index: namedOf(one),
          hash: definitionHash(context.definitions.get(one.oid)),
        }),
      ),
      { kind: 'same-or-gone', index: namedOf(index), hash, isLeftover, disuse: disuseOf(action, context) },
    ],
    blockers: isConcurrent ? blockers : undefined,
    statements: runnable(statements),
    outcomes: [{ kind: 'gone', index: namedOf(index) }],
    commented: statements.length === 0 ? fix.sql : null,
    recovery: isConcurrent ? [`${dropOf(namedOf(index))};`] : [],
    rollback: isLeftover
      ? notBroughtBack(fix)
      : built(undo, { ...blockers, neededBytes: index.sizeBytes }, true),
    estimate: {
      sizeBytes: bytes,
      seconds: null,
      diskBytes: 0,
      walBytesPerStandby: 0,
      freedBytes: finding.impact.reclaimableBytes,
    },
    rebuildSeconds: fix.rebuildSeconds,
  });
}

/** Nobody wants an invalid index back. What it was meant to be is printed for whoever wants that. */
const notBroughtBack = ({ rollbackSql }: Fix): Work => ({
  conditions: [],
  blockers: undefined,
  statements: [],
  outcomes: [],
  commented: commentedOut(`The leftover is not brought back. What it was meant to be:\n${rollbackSql ?? ''}`),
});

function analysis(action: AnalyzeAction, context: NumberedContext): PlanStep {
  const { finding, table } = action;
  return {
    ...shared(action, table, context),
    kind: 'analyze',
    category: null,
    indexrelname: null,
    conditions: [],
    blockers: undefined,
    statements: runnable(statementsOf(finding.fix.sql ?? '')),
    outcomes: [],
    commented: null,
    recovery: [],
    rollback: null,
    estimate: { sizeBytes: null, seconds: null, diskBytes: 0, walBytesPerStandby: 0, freedBytes: 0 },
    rebuildSeconds: null,
  };
}

/** As a finding of stale statistics would print it. */
function analyzeOf(table: TableView, { versionNum, definitions }: StepContext): string {
  const names = newNames(new Map());
  const context = { versionNum, definitions, rebuildBytesPerSecond: 1, names };
  return renderFix({ kind: 'analyze-table', table }, context).sql ?? '';
}

/** ANALYZE ONLY of a partitioned table, as it is printed for 18 and later, reads none of its partitions. */
const leavesOf = (table: TableView): readonly TableView[] =>
  table.fact.relkind === 'p' ? table.partitions.flatMap(leavesOf) : [table];

const shared = ({ finding, alsoMends }: Action, table: TableView, context: NumberedContext) => ({
  number: context.number,
  batch: context.batch,
  finding,
  alsoMends,
  ...placeOf(table),
  lock: finding.fix.lock,
  notes: finding.fix.notes,
});

/** Work that creates indexes, by definitions of the server's own or by ours: each name is free or made before, and each index valid after. */
function built(
  statements: readonly Statement[],
  blockers: NonNullable<Work['blockers']>,
  isServersText: boolean,
): Work {
  const created = statements.filter((statement) => statement.kind === 'create-index');
  return {
    conditions: created.map((statement) => ({
      kind: 'free-or-made',
      index: { schemaname: statement.schemaname, name: statement.name },
      relname: statement.relname,
      definition: definitionMade(statement, isServersText),
    })),
    blockers,
    statements: runnable(statements),
    outcomes: created.map(({ schemaname, name }) => ({ kind: 'valid', index: { schemaname, name } })),
    commented: null,
  };
}

/**
 * The statements with the timeouts they need: none for what is concurrent, since an interrupted one leaves an invalid index; two seconds
 * for what others would queue behind.
 */
function runnable(statements: readonly Statement[]): readonly string[] {
  const lines: string[] = [];
  let current = '';
  for (const statement of statements) {
    if (/^SET (?:lock|statement)_timeout /.test(statement.sql)) continue;
    const wanted = queuesOthers(statement) ? "'2s'" : '0';
    if (wanted !== current) lines.push(`SET lock_timeout = ${wanted};`);
    if (current === '') lines.push('SET statement_timeout = 0;');
    current = wanted;
    lines.push(repeatable(statement));
  }
  return lines;
}

/** A drop that rests on nobody using the index stops when somebody has; one that rests on a copy does not. */
function disuseOf({ finding, index, isLeftover }: DropAction, { madeAtMs }: StepContext) {
  const { sizeRatio } = finding.evidence;
  const isCheapCover = typeof sizeRatio === 'number' && sizeRatio <= usualReplacementLimits.sizeRatioMax;
  const restsOnDisuse =
    finding.kind === 'unused-index' || (finding.kind === 'redundant-index' && !isCheapCover);
  return isLeftover || !restsOnDisuse
    ? undefined
    : { scansTotal: index.usage?.scansTotal ?? 0, atMs: madeAtMs };
}

const isDrop = (statement: Statement) => statement.kind === 'drop-index';

const namedOf = ({ table, name }: IndexView): Named => ({ schemaname: table.schemaname, name });

const placeOf = ({ schemaname, relname }: TableView) => ({ schemaname, relname });

const dropOf = ({ schemaname, name }: Named): string =>
  `DROP INDEX CONCURRENTLY IF EXISTS ${qualified(schemaname, name)}`;

const debrisOn = (table: TableView): readonly string[] =>
  table.indexes.filter((index) => !index.fact.isValid).map((index) => index.name);
