import type { Catalogue, IndexView } from '../catalogue.ts';
import { aligned, tupleHeaderBytes, tupleHeaderWithNullsBytes } from './btree-pages.ts';

/** What of a B-tree's definition decides the size of a rebuild. */
export interface BtreeShape {
  readonly fillFactor: number;
  /** A rebuild merges entries with equal keys into posting lists. */
  readonly deduplicates: boolean;
  /** Equal keys may have been merged by inserts, though a rebuild would not: in a unique index, or before an option was changed. */
  readonly mayHoldPostingLists: boolean;
  /** Bytes of a tuple with a single heap pointer and no NULL, aligned; undefined where a key has no fixed width. */
  readonly fixedTupleBytes: number | undefined;
  /** The same, with a guess for keys of variable width. */
  readonly baseTupleBytes: number;
  /** The same of a key with a NULL in it, as many rows of a unique index may have it. */
  readonly splitTupleBytes: number;
}

const fillFactorDefault = 90;
const fillFactorMin = 10;
/** What a key of variable width is taken for where no statistics tell. */
const variableKeyBytes = 12;

export function btreeShapeOf(index: IndexView, catalogue: Pick<Catalogue, 'collations'>): BtreeShape {
  const { fact } = index;
  const isMergeable =
    fact.columnNumbers.length === fact.keyCount &&
    index.keys.every((key) => {
      switch (key.operatorClass?.equalImage) {
        case 'always':
          return true;
        case 'by-collation':
          // One that was not collected is taken for deterministic, as nearly all are and every database's default is.
          return catalogue.collations.get(key.collation)?.isDeterministic !== false;
        default:
          return false;
      }
    });
  const fixed = fixedTupleBytes(fact.storedLengths, fact.storedAlignments);
  const keyBytes = fact.storedLengths.reduce(
    (sum, length) => sum + (length > 0 ? length : variableKeyBytes),
    0,
  );
  const baseTupleBytes = fixed ?? aligned(tupleHeaderBytes + keyBytes);
  return {
    fillFactor: fillFactorOf(index, fillFactorDefault),
    deduplicates: isMergeable && !fact.isUnique && !isOff(optionOf(index, 'deduplicate_items')),
    mayHoldPostingLists: isMergeable,
    fixedTupleBytes: fixed,
    baseTupleBytes,
    splitTupleBytes: fact.columnNumbers.length === 1 ? tupleHeaderWithNullsBytes : baseTupleBytes,
  };
}

/** Lays out columns of fixed width behind the tuple's header, each at its alignment. */
function fixedTupleBytes(lengths: readonly number[], alignments: readonly number[]): number | undefined {
  let bytes = tupleHeaderBytes;
  for (const [place, length] of lengths.entries()) {
    if (length <= 0) return undefined;
    const alignment = alignments[place] ?? 1;
    bytes = Math.ceil(bytes / alignment) * alignment + length;
  }
  return aligned(bytes);
}

/** The index's own fill factor in percent, or the access method's default. */
export function fillFactorOf(index: IndexView, byDefault: number): number {
  const percent = Number(optionOf(index, 'fillfactor') ?? byDefault);
  return percent >= fillFactorMin && percent <= 100 ? percent : byDefault;
}

function optionOf(index: IndexView, name: string): string | undefined {
  const prefix = `${name}=`;
  return index.fact.options.find((option) => option.startsWith(prefix))?.slice(prefix.length);
}

/** As PostgreSQL's parse_bool reads it. */
const isOff = (value: string | undefined): boolean =>
  value !== undefined && /^(?:f(?:a(?:l(?:s(?:e)?)?)?)?|n(?:o)?|of(?:f)?|0)$/i.test(value);
