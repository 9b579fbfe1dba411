import type { TableView } from '../../analysis/catalogue.ts';
import type { DropAction } from './actions.ts';

/** Drops that may be carried out together: at most one of each table, so that what follows can be told from what. */
export interface Batch {
  /** From 1. */
  readonly number: number;
  /** Earlier than this nobody can know what the batch before it did; undefined for the first. */
  readonly notBeforeMs: number | undefined;
  readonly drops: readonly DropAction[];
}

/**
 * Spreads drops over batches, `soakMs` apart at least. Of one table (with its partitions) invalid leftovers go first, since nothing is
 * lost with them, then the others in their order, which is by benefit.
 */
export function inBatches(drops: readonly DropAction[], madeAtMs: number, soakMs: number): readonly Batch[] {
  const batches: DropAction[][] = [];
  const taken = new Map<TableView, number>();
  for (const drop of drops.toSorted((a, b) => Number(b.isLeftover) - Number(a.isLeftover))) {
    const table = topOf(drop.index.table);
    const place = taken.get(table) ?? 0;
    taken.set(table, place + 1);
    const batch = batches[place];
    if (batch === undefined) batches.push([drop]);
    else batch.push(drop);
  }
  return batches.map((members, place) => ({
    number: place + 1,
    notBeforeMs: place === 0 ? undefined : madeAtMs + place * soakMs,
    drops: members,
  }));
}

const topOf = (table: TableView): TableView => (table.parent === undefined ? table : topOf(table.parent));
