import { z } from 'zod';
import type { Generation } from '../../../findings/generation.ts';
import { type Finding, severities } from '../../../model/finding.ts';
import { err, ok, type Result } from '../../../model/result.ts';
import { benefitOf } from '../../../report/actions.ts';
import { decodeCursor, encodeCursor } from '../../api/cursor.ts';
import type { Sort } from './asked.ts';

/** What a finding is sorted by: compared part by part, the smaller first. The last part is its id, so that the order is total. */
type Key = readonly (number | string)[];

export interface Placed {
  readonly finding: Finding;
  readonly key: Key;
}

/** All findings in one order, with their tables together where that is wanted. */
export function placed(findings: readonly Finding[], sort: Sort, isGrouped: boolean): readonly Placed[] {
  const keyOf = keys[sort];
  const alone = findings.map((finding) => ({ finding, key: [...keyOf(finding), finding.id] })).sort(byKey);
  if (!isGrouped) return alone;
  // A table stands where the first of its findings would.
  const first = new Map<string, Key>();
  for (const { finding, key } of alone) {
    const table = tableKey(finding);
    if (!first.has(table)) first.set(table, key);
  }
  return alone
    .map(({ finding, key }) => ({ finding, key: [...(first.get(tableKey(finding)) ?? key), ...key] }))
    .sort(byKey);
}

export const tableKey = ({ server, datname, schemaname, relname }: Finding): string =>
  JSON.stringify([server, datname, schemaname, relname]);

const timeOf = (iso: string): number => {
  const ms = Date.parse(iso);
  return Number.isNaN(ms) ? 0 : ms;
};

const keys: Readonly<Record<Sort, (finding: Finding) => readonly number[]>> = {
  benefit: benefitOf,
  severity: (finding) => [-severities.indexOf(finding.severity), ...benefitOf(finding)],
  size: ({ impact, evidence }) => [
    -Math.max(impact.reclaimableBytes, typeof evidence.sizeBytes === 'number' ? evidence.sizeBytes : 0),
  ],
  /** The newest first: what came since somebody looked last. */
  age: ({ firstSeen }) => [-timeOf(firstSeen)],
};

export const byKey = (a: Pick<Placed, 'key'>, b: Pick<Placed, 'key'>): number => compareKeys(a.key, b.key);

function compareKeys(a: Key, b: Key): number {
  for (const [place, left] of a.entries()) {
    const right = b[place];
    if (left === right || right === undefined) continue;
    return left < right ? -1 : 1;
  }
  return 0;
}

/** Sorted findings of the newest generations; sorted anew when one of them is replaced. */
export function createSorter(): (
  generations: readonly Generation[],
  sort: Sort,
  isGrouped: boolean,
) => readonly Placed[] {
  const known = new Map<string, { readonly of: readonly Generation[]; readonly placed: readonly Placed[] }>();
  return (generations, sort, isGrouped) => {
    const name = `${sort} ${isGrouped}`;
    const before = known.get(name);
    if (before !== undefined && isSame(before.of, generations)) return before.placed;
    const fresh = placed(
      generations.flatMap(({ findings }) => findings),
      sort,
      isGrouped,
    );
    known.set(name, { of: generations, placed: fresh });
    return fresh;
  };
}

const isSame = (a: readonly Generation[], b: readonly Generation[]): boolean =>
  a.length === b.length && a.every((generation, place) => generation === b[place]);

export interface Slice {
  readonly shown: readonly Placed[];
  /** How many of the list stand before it, as it is now. */
  readonly before: number;
  readonly previous: string | undefined;
  readonly next: string | undefined;
}

const position = z.tuple([
  z.enum(['after', 'before']),
  z.array(z.union([z.number(), z.string().max(64)])).max(16),
]);

/**
 * A page of the list. A cursor is a place in the order, not a number of entries, so that what comes and goes in front of it neither
 * repeats nor skips anything.
 */
export function sliceOf(
  list: readonly Placed[],
  scope: string,
  cursor: string | undefined,
  size: number,
): Result<Slice, string> {
  let from = 0;
  if (cursor !== undefined) {
    const at = decodeCursor(scope, cursor);
    if (!at.ok) return at;
    const parsed = position.safeParse(parseJson(at.value));
    if (!parsed.success) return err('is damaged; start again without it');
    const [direction, key] = parsed.data;
    const firstBehind = list.findIndex((placed) => compareKeys(placed.key, key) > 0);
    const behind = firstBehind < 0 ? list.length : firstBehind;
    if (direction === 'after') from = behind;
    else {
      const firstNotBefore = list.findIndex((placed) => compareKeys(placed.key, key) >= 0);
      from = Math.max(0, (firstNotBefore < 0 ? list.length : firstNotBefore) - size);
    }
  }
  const shown = list.slice(from, from + size);
  const [first, last] = [shown[0], shown.at(-1)];
  const at = (direction: 'after' | 'before', { key }: Placed): string =>
    encodeCursor(scope, JSON.stringify([direction, key]));
  return ok({
    shown,
    before: from,
    previous: from > 0 && first !== undefined ? at('before', first) : undefined,
    next: from + size < list.length && last !== undefined ? at('after', last) : undefined,
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
