import type { Catalogue, IndexView, TableView } from '../../../src/analysis/catalogue.ts';
import type { DefinitionFact } from '../../../src/collectors/definitions.ts';
import type { Remedy } from '../../../src/detectors/draft.ts';
import { findingId } from '../../../src/findings/identity.ts';
import type { Finding } from '../../../src/model/finding.ts';
import { dayMs, MiB } from '../../../src/model/units.ts';
import { renderFix } from '../../../src/plan/fix.ts';
import { newNames } from '../../../src/plan/names.ts';
import type { PlanRequest } from '../../../src/plan/script/actions.ts';
import { makePlan, type Plan, type PlanFacts, type PlanLimits } from '../../../src/plan/script/plan.ts';
import {
  aCatalogue,
  aDefinition,
  aFinding,
  aTarget,
  type DescribedTable,
  type Facts,
  factsOf,
} from '../../support/builders.ts';

/** A finding that a test wants, with the remedy that its SQL is printed from. Who would find it is left to other tests. */
export interface Wish {
  readonly remedy: Remedy;
  readonly finding?: Partial<Finding>;
  /** What its identity is made of, where that is neither its index nor its columns. */
  readonly subject?: string;
}

export interface SceneOptions {
  readonly request?: Partial<PlanRequest>;
  readonly limits?: Partial<PlanLimits>;
  readonly facts?: Facts;
  readonly definitions?: (index: IndexView) => Partial<DefinitionFact>;
}

/** Tables by name, indexes by name, and what is wished for on them, made into the plan of a look at them. */
export function planFor(
  tables: readonly DescribedTable[],
  wishes: (find: Find) => readonly Wish[],
  options: SceneOptions = {},
): Plan {
  const facts = planFacts(tables, wishes, options);
  const made = makePlan(
    facts,
    { scope: 'all', findings: [], ...options.request },
    { expiresAfterMs: 7 * dayMs, soakMs: 7 * dayMs, ...options.limits },
  );
  if (!made.ok) throw new Error(made.error);
  return made.value;
}

export interface Find {
  readonly table: (name: string) => TableView;
  readonly index: (name: string) => IndexView;
}

export function planFacts(
  tables: readonly DescribedTable[],
  wishes: (find: Find) => readonly Wish[],
  { facts = {}, definitions: more = () => ({}) }: SceneOptions = {},
): PlanFacts {
  const catalogue = aCatalogue(factsOf(tables, facts));
  const definitions = new Map(
    catalogue.indexes.map((index) => [Number(index.oid), { ...definitionOf(index), ...more(index) }]),
  );
  const names = newNames(new Map());
  const versionNum = catalogue.server?.versionNum ?? 0;
  const wished = wishes(findIn(catalogue)).map(({ remedy, finding, subject }) => {
    const fix = renderFix(remedy, { versionNum, rebuildBytesPerSecond: 10 * MiB, definitions, names });
    const about = subjectsOf(remedy);
    const kind = finding?.kind ?? kindOf(remedy);
    const identity = { kind, table: about.table, subject: subject ?? about.index?.name ?? about.text };
    const built: Finding = aFinding({
      id: findingId(aTarget(), identity),
      kind,
      relname: about.table.relname,
      schemaname: about.table.schemaname,
      indexrelname: about.index?.name ?? null,
      columns: [],
      related: [],
      title: `${kind} of ${about.index?.name ?? about.table.relname}`,
      evidence: {},
      impact: { reclaimableBytes: about.index?.sizeBytes ?? 0 },
      fix,
      ...finding,
    });
    return [built, remedy] as const;
  });
  return {
    target: aTarget(),
    catalogue,
    findings: wished.map(([finding]) => finding),
    remedies: new Map(wished.map(([finding, remedy]) => [finding.id, remedy])),
    definitions,
    standbys: 1,
  };
}

function findIn(catalogue: Catalogue): Find {
  const named = <T>(name: string, found: T | undefined): T => {
    if (found === undefined) throw new Error(`there is no ${name} in this scene`);
    return found;
  };
  return {
    table: (name) =>
      named(
        name,
        catalogue.tables.find((table) => table.relname === name),
      ),
    index: (name) =>
      named(
        name,
        catalogue.indexes.find((index) => index.name === name),
      ),
  };
}

/** What each remedy is usually for. */
const kindOf = (remedy: Remedy): Finding['kind'] => {
  switch (remedy.kind) {
    case 'create-index':
      return 'unindexed-foreign-key';
    case 'rebuild-index':
      return 'bloated-index';
    case 'replace-index':
      return 'invalid-index';
    case 'analyze-table':
      return 'stale-statistics';
    default:
      return 'unused-index';
  }
};

function subjectsOf(remedy: Remedy): { table: TableView; index: IndexView | undefined; text: string } {
  switch (remedy.kind) {
    case 'create-index':
      return { table: remedy.table, index: undefined, text: remedy.columns.join(',') };
    case 'analyze-table':
      return { table: remedy.table, index: undefined, text: '' };
    case 'review':
      throw new Error('a review has no subject of its own');
    default:
      if (!('index' in remedy)) throw new Error('this scene does not know the remedy');
      return { table: remedy.index.table, index: remedy.index, text: '' };
  }
}

/** As the server would print it, near enough for a plan that is not run. */
const definitionOf = (index: IndexView): DefinitionFact =>
  aDefinition({
    indexOid: index.oid,
    definition: `CREATE ${index.fact.isUnique ? 'UNIQUE ' : ''}INDEX ${index.name} ON ${index.table.schemaname}.${index.table.relname} USING ${index.fact.accessMethod} (${index.keys.map((key) => key.text).join(', ')})`,
    constraintName: index.fact.constraintName,
  });

export const dropping = (index: IndexView, finding: Partial<Finding> = {}): Wish => ({
  remedy: { kind: 'drop-index', index },
  finding,
});

/** Dropped since another does the same. */
export const replacing = (drop: IndexView, keep: IndexView, finding: Partial<Finding> = {}): Wish =>
  dropping(drop, {
    kind: 'duplicate-index',
    related: [
      { schemaname: keep.table.schemaname, indexrelname: keep.name, role: 'keep', why: 'it is older' },
    ],
    ...finding,
  });

export const creating = (
  table: TableView,
  columns: readonly string[],
  finding: Partial<Finding> = {},
): Wish => ({ remedy: { kind: 'create-index', table, columns }, finding });

/** One that a manifest asks for: its kind comes with the detector of such findings. */
export const expecting = (
  table: TableView,
  columns: readonly string[],
  evidence: Finding['evidence'] = {},
): Wish => creating(table, columns, { kind: 'missing-expected-index' as Finding['kind'], evidence });

/** `create ix_orders_a`, in the order of the steps. */
export const outline = (plan: Plan): readonly string[] =>
  plan.steps.map(({ kind, indexrelname, relname, batch }) =>
    [kind, indexrelname ?? relname, ...(batch === undefined ? [] : [`in batch ${batch.number}`])].join(' '),
  );

/** `orders_a_idx: reason`, sorted. */
export const reasons = (of: Plan['leftOut']): readonly string[] =>
  of.map(({ finding, reason }) => `${finding.indexrelname ?? finding.relname}: ${reason}`).toSorted();
