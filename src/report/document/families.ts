import type { FindingKind } from '../../model/finding.ts';

/*
 * Which section shows which findings. A kind that nobody names here is shown under "Also found", so that a new detector is in the
 * report from its first day.
 */

const isOneOf =
  (...kinds: readonly FindingKind[]) =>
  (kind: FindingKind): boolean =>
    kinds.includes(kind);

export const isDuplicate = isOneOf('duplicate-index', 'redundant-index');
export const isDisuse = isOneOf('unused-index', 'rarely-used-index', 'stopped-being-used');
export const isBloat = isOneOf('bloated-index', 'index-growth', 'oversized-index');
export const isForeignKey = isOneOf('unindexed-foreign-key');
export const isBroken = isOneOf('invalid-index', 'collation-drift');
export const isAnalyzeDue = isOneOf('stale-statistics');
/** Everything whose name begins so, a missing key included. */
export const isMissing = (kind: FindingKind): boolean => kind.startsWith('missing-');
/** What a manifest says: of those that lack an index, and of indexes that no manifest names. */
const isUnexpected = isOneOf('unexpected-index');

export const isShownAsMissing = (kind: FindingKind): boolean => isMissing(kind) || isUnexpected(kind);

export const isElsewhere = (kind: FindingKind): boolean =>
  ![isDuplicate, isDisuse, isBloat, isForeignKey, isBroken, isAnalyzeDue, isShownAsMissing].some((isIn) =>
    isIn(kind),
  );
