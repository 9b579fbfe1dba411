import type { IndexView } from '../catalogue.ts';
import { aligned, linePointerBytes } from './btree-pages.ts';
import { about, type Expectation } from './expectation.ts';

/** Header of a leaf tuple of SP-GiST, aligned (spgist_private.h, SGLTHDRSZ). */
const spGistHeaderBytes = 16;
/** Share of its pages that a fresh SP-GiST index fills with leaf tuples: 0.80 for points, whose fill factor is the default 80. */
const spGistFill = 0.8;
const spGistDoubt = 0.2;

/** Expected size of an SP-GiST index by the width of its keys; undefined where they have no fixed one. */
export function expectSpGist(index: IndexView, entries: number, blockBytes: number): Expectation | undefined {
  const [length] = index.fact.storedLengths;
  if (length === undefined || length <= 0 || index.fact.columnNumbers.length !== 1) return undefined;
  const tuple = aligned(spGistHeaderBytes + length) + linePointerBytes;
  return about(
    Math.max(3, Math.ceil((entries * tuple) / (spGistFill * blockBytes))) * blockBytes,
    spGistDoubt,
  );
}

/** A rebuild of GIN packs its trees less densely than inserts do, by about this share. */
const looserShare = 0.1;

/** Of the pending list, which holds every key of every row, what is left once it is merged into the trees. */
const mergedPendingShare = 0.5;

/**
 * Size without the pages that are listed as free, all of which a rebuild gives back; half-empty ones are not among them. `pendingBytes` are
 * those of GIN's list of rows that have not been merged yet.
 */
export function freePagesGone(sizeBytes: number, listedBytes: number, pendingBytes: number): Expectation {
  const used = sizeBytes - listedBytes - pendingBytes * (1 - mergedPendingShare);
  const expectedBytes = Math.min(sizeBytes, used * (1 + looserShare));
  return { expectedBytes, leastBytes: used * 0.5, mostBytes: sizeBytes };
}
