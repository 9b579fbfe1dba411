import type { Catalogue, IndexView, TableView } from '../analysis/catalogue.ts';
import type { Finding } from '../model/finding.ts';

export interface Chosen<View> {
  /** In the order of their names, so that two pages can be compared line by line. */
  readonly exported: readonly View[];
  readonly rest: readonly View[];
}

/**
 * Which indexes get series of their own: every one with an open finding, then the largest until the budget is spent; ties by oid.
 * Findings may exceed the budget. Partitions of an index are part of their root and never candidates.
 */
export function chooseIndexes(
  catalogue: Catalogue,
  findings: readonly Finding[],
  budget: number,
): Chosen<IndexView> {
  const roots = new Map<string, IndexView>();
  for (const index of catalogue.indexes) {
    if (index.parent === undefined) roots.set(nameKey(index.table.schemaname, index.name), index);
  }
  const marked = new Set<IndexView>();
  for (const finding of findings) {
    if (finding.state !== 'open' || finding.indexrelname === null) continue;
    const index = roots.get(nameKey(finding.schemaname, finding.indexrelname));
    if (index !== undefined) marked.add(index);
  }
  return choose([...roots.values()], marked, budget, (index) => [index.table.schemaname, index.name]);
}

/** The same for tables: those with an open finding, on themselves or an index of theirs, then the largest. */
export function chooseTables(
  catalogue: Catalogue,
  findings: readonly Finding[],
  budget: number,
): Chosen<TableView> {
  const roots = new Map<string, TableView>();
  for (const table of catalogue.tables) {
    if (table.parent === undefined) roots.set(nameKey(table.schemaname, table.relname), table);
  }
  const marked = new Set<TableView>();
  for (const finding of findings) {
    const table = roots.get(nameKey(finding.schemaname, finding.relname));
    if (finding.state === 'open' && table !== undefined) marked.add(table);
  }
  return choose([...roots.values()], marked, budget, (table) => [table.schemaname, table.relname]);
}

/** Names are unique in a schema. Should a rename between two reads show one twice, the later oid wins: a series is written once. */
const nameKey = (schemaname: string, relname: string): string => `${schemaname}\0${relname}`;

interface Sized {
  readonly oid: number;
  readonly sizeBytes: number | undefined;
}

function choose<View extends Sized>(
  candidates: readonly View[],
  marked: ReadonlySet<View>,
  budget: number,
  nameOf: (view: View) => readonly [string, string],
): Chosen<View> {
  const ranked = [...candidates].sort(
    (a, b) =>
      Number(marked.has(b)) - Number(marked.has(a)) ||
      (b.sizeBytes ?? 0) - (a.sizeBytes ?? 0) ||
      a.oid - b.oid,
  );
  const room = Math.max(budget, marked.size);
  const byName = (a: View, b: View): number => {
    const [left, right] = [nameOf(a), nameOf(b)];
    return compare(left[0], right[0]) || compare(left[1], right[1]);
  };
  return { exported: ranked.slice(0, room).sort(byName), rest: ranked.slice(room) };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
