import type { Catalogue, IndexView, TableView } from '../analysis/catalogue.ts';
import { type Finding, severities } from '../model/finding.ts';

export interface Chosen<View> {
  /** In the order of their names, so that two pages can be compared line by line. */
  readonly exported: readonly View[];
  readonly rest: readonly View[];
}

/**
 * What is remembered from page to page of which relations have series of their own, so that they do not come and go: one for
 * the indexes of a target and one for its tables. By schema and name, as series are.
 */
export class SeriesChoice {
  readonly exported = new Set<string>();
  /** When a relation last had an open finding, in ms since the epoch. */
  readonly markedAtMs = new Map<string, number>();
  /** The newest size known, in bytes: a round in which sizes could not be read turns nothing over. */
  readonly sizes = new Map<string, number>();
}

export interface SeriesBudget {
  /** Relations of the target that may have series of their own. */
  readonly max: number;
  /** How long a relation keeps its place after its last finding was closed: one that opens and closes would flap otherwise. */
  readonly keptForMs: number;
  /** When the page is made, in ms since the epoch. */
  readonly nowMs: number;
}

/**
 * A newcomer must be larger by this factor than the one it displaces: two of a size would change places with every few pages
 * that one of them grows.
 */
const displacingFactor = 1.25;

/**
 * Which indexes get series of their own, until the budget is spent: those with an open finding, the worst severity first; those
 * that had one lately; then the largest; ties by oid. Partitions of an index are part of their root and never candidates.
 */
export function chooseIndexes(
  catalogue: Catalogue,
  findings: readonly Finding[],
  budget: SeriesBudget,
  memory: SeriesChoice,
): Chosen<IndexView> {
  const roots = new Map<string, IndexView>();
  for (const index of catalogue.indexes) if (index.parent === undefined) roots.set(nameOfIndex(index), index);
  const marked = marksOf(findings, ({ schemaname, indexrelname }) =>
    indexrelname === null ? undefined : nameKey(schemaname, indexrelname),
  );
  return choose(roots, marked, budget, memory);
}

/** The same for tables: those with an open finding, on themselves or an index of theirs, then the largest. */
export function chooseTables(
  catalogue: Catalogue,
  findings: readonly Finding[],
  budget: SeriesBudget,
  memory: SeriesChoice,
): Chosen<TableView> {
  const roots = new Map<string, TableView>();
  for (const table of catalogue.tables) if (table.parent === undefined) roots.set(nameOfTable(table), table);
  const marked = marksOf(findings, ({ schemaname, relname }) => nameKey(schemaname, relname));
  return choose(roots, marked, budget, memory);
}

export const nameOfIndex = ({ names }: IndexView): string => names.qualified;
export const nameOfTable = ({ names }: TableView): string => names.qualified;

/** Names are unique in a schema. Should a rename between two reads show one twice, the later oid wins: a series is written once. */
const nameKey = (schemaname: string, relname: string): string => `${schemaname}\0${relname}`;

/** The worst severity, as its place among all, of the open findings about each relation. */
function marksOf(
  findings: readonly Finding[],
  nameOf: (finding: Finding) => string | undefined,
): ReadonlyMap<string, number> {
  const marks = new Map<string, number>();
  for (const finding of findings) {
    const name = finding.state === 'open' ? nameOf(finding) : undefined;
    if (name === undefined) continue;
    marks.set(name, Math.max(marks.get(name) ?? 0, severities.indexOf(finding.severity)));
  }
  return marks;
}

interface Sized {
  readonly oid: number;
  readonly sizeBytes: number | undefined;
}

interface Candidate<View> {
  readonly name: string;
  readonly view: View;
  /** Above 0: has an open finding; 0: had one lately; below: neither. */
  readonly mark: number;
  readonly weight: number;
}

function choose<View extends Sized>(
  roots: ReadonlyMap<string, View>,
  marked: ReadonlyMap<string, number>,
  { max, keptForMs, nowMs }: SeriesBudget,
  memory: SeriesChoice,
): Chosen<View> {
  for (const name of marked.keys()) if (roots.has(name)) memory.markedAtMs.set(name, nowMs);
  for (const [name, atMs] of memory.markedAtMs) if (nowMs - atMs > keptForMs) memory.markedAtMs.delete(name);
  const candidates = [...roots].map(([name, view]): Candidate<View> => {
    if (view.sizeBytes !== undefined) memory.sizes.set(name, view.sizeBytes);
    const severity = marked.get(name);
    const lately = memory.markedAtMs.has(name) ? 0 : -1;
    return {
      name,
      view,
      mark: severity === undefined ? lately : severity + 1,
      weight: (memory.sizes.get(name) ?? 0) * (memory.exported.has(name) ? displacingFactor : 1),
    };
  });
  candidates.sort((a, b) => b.mark - a.mark || b.weight - a.weight || a.view.oid - b.view.oid);
  const exported = candidates.slice(0, max);
  // An empty catalogue is one that could not be read, more often than a database without tables: nothing is forgotten for it.
  if (roots.size > 0) {
    memory.exported.clear();
    for (const { name } of exported) memory.exported.add(name);
    for (const name of memory.sizes.keys()) if (!roots.has(name)) memory.sizes.delete(name);
  }
  const byName = (a: Candidate<View>, b: Candidate<View>): number => compare(a.name, b.name);
  return {
    exported: exported.sort(byName).map(({ view }) => view),
    rest: candidates.slice(max).map(({ view }) => view),
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
