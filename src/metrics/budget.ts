import type { Catalogue, IndexView, TableView } from '../analysis/catalogue.ts';
import { type Finding, severities } from '../model/finding.ts';
import type { Sliced } from '../model/sliced.ts';

export interface Chosen<View> {
  /** In the order of their names, so that two pages can be compared line by line. */
  readonly exported: readonly View[];
  readonly rest: readonly View[];
  /** All of them, by name; partitions are part of their root. */
  readonly roots: ReadonlyMap<string, View>;
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
export function* chooseIndexes(
  catalogue: Catalogue,
  findings: readonly Finding[],
  budget: SeriesBudget,
  memory: SeriesChoice,
): Sliced<Chosen<IndexView>> {
  const roots = new Map<string, IndexView>();
  for (const index of catalogue.indexes) {
    yield;
    if (index.parent === undefined) roots.set(nameOfIndex(index), index);
  }
  const marked = marksOf(findings, ({ schemaname, indexrelname }) =>
    indexrelname === null ? undefined : nameKey(schemaname, indexrelname),
  );
  return yield* choose(roots, marked, budget, memory);
}

/** The same for tables: those with an open finding, on themselves or an index of theirs, then the largest. */
export function* chooseTables(
  catalogue: Catalogue,
  findings: readonly Finding[],
  budget: SeriesBudget,
  memory: SeriesChoice,
): Sliced<Chosen<TableView>> {
  const roots = new Map<string, TableView>();
  for (const table of catalogue.tables) {
    yield;
    if (table.parent === undefined) roots.set(nameOfTable(table), table);
  }
  const marked = marksOf(findings, ({ schemaname, relname }) => nameKey(schemaname, relname));
  return yield* choose(roots, marked, budget, memory);
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

function* choose<View extends Sized>(
  roots: ReadonlyMap<string, View>,
  marked: ReadonlyMap<string, number>,
  { max, keptForMs, nowMs }: SeriesBudget,
  memory: SeriesChoice,
): Sliced<Chosen<View>> {
  for (const name of marked.keys()) if (roots.has(name)) memory.markedAtMs.set(name, nowMs);
  for (const [name, atMs] of memory.markedAtMs) if (nowMs - atMs > keptForMs) memory.markedAtMs.delete(name);
  const leading = new Leading<View>(max);
  for (const [name, view] of roots) {
    yield;
    if (view.sizeBytes !== undefined) memory.sizes.set(name, view.sizeBytes);
    const severity = marked.get(name);
    const lately = memory.markedAtMs.has(name) ? 0 : -1;
    leading.add({
      name,
      view,
      mark: severity === undefined ? lately : severity + 1,
      weight: (memory.sizes.get(name) ?? 0) * (memory.exported.has(name) ? displacingFactor : 1),
    });
  }
  const exported = leading.sorted();
  const isExported = new Set(exported.map(({ name }) => name));
  const rest: View[] = [];
  for (const [name, view] of roots) {
    yield;
    if (!isExported.has(name)) rest.push(view);
  }
  // An empty catalogue is one that could not be read, more often than a database without tables: nothing is forgotten for it.
  if (roots.size > 0) {
    memory.exported.clear();
    for (const name of isExported) memory.exported.add(name);
    for (const name of memory.sizes.keys()) {
      yield;
      if (!roots.has(name)) memory.sizes.delete(name);
    }
  }
  const byName = (a: Candidate<View>, b: Candidate<View>): number => compare(a.name, b.name);
  return { exported: exported.sort(byName).map(({ view }) => view), rest, roots };
}

/** The first of very many, without sorting them all: what cannot be among them any more is thrown out time and again. */
class Leading<View extends Sized> {
  readonly #max: number;
  #candidates: Candidate<View>[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  add(candidate: Candidate<View>): void {
    this.#candidates.push(candidate);
    if (this.#candidates.length >= 2 * this.#max + minSorted) this.#candidates = this.sorted();
  }

  /** As many as there may be, the first first. */
  sorted(): Candidate<View>[] {
    const byWorth = (a: Candidate<View>, b: Candidate<View>): number =>
      b.mark - a.mark || b.weight - a.weight || a.view.oid - b.view.oid;
    return this.#candidates.sort(byWorth).slice(0, this.#max);
  }
}

/** Fewer than these are not worth sorting for. */
const minSorted = 1_000;

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
