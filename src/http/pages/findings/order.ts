import { z } from 'zod';
import type { Generation } from '../../../findings/generation.ts';
import { type Finding, severities } from '../../../model/finding.ts';
import { err, ok, type Result } from '../../../model/result.ts';
import { benefitOf } from '../../../report/actions.ts';
import { decodeCursor, encodeCursor } from '../../api/cursor.ts';
import { perGenerations } from '../memo.ts';
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
  // A table stands where the first of its findings would, and its findings behind it in the same order.
  const groups = new Map<string, Placed[]>();
  for (const one of alone) {
    const table = tableKey(one.finding);
    const group = groups.get(table);
    if (group === undefined) groups.set(table, [one]);
    else group.push(one);
  }
  return [...groups.values()].flatMap((group) =>
    group.map(({ finding, key }) => ({ finding, key: [...(group[0]?.key ?? []), ...key] })),
  );
}

/** No name holds the character in between. */
export const tableKey = ({ server, datname, schemaname, relname }: Finding): string =>
  `${server}\0${datname}\0${schemaname}\0${relname}`;

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
  for (let place = 0; place < a.length; place += 1) {
    const [left, right] = [a[place], b[place]];
    if (left === right || left === undefined || right === undefined) continue;
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
  const sorters = new Map<string, (generations: readonly Generation[]) => readonly Placed[]>();
  return (generations, sort, isGrouped) => {
    const name = `${sort} ${isGrouped}`;
    const sorter =
      sorters.get(name) ??
      perGenerations((all: readonly Generation[]) =>
        placed(
          all.flatMap(({ findings }) => findings),
          sort,
          isGrouped,
        ),
      );
    sorters.set(name, sorter);
    return sorter(generations);
  };
}

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
