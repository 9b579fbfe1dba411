import type { IndexView, TableView } from '../analysis/catalogue.ts';
import type { IndexFact, TableFact } from '../collectors/inventory.ts';
import type { Generation } from '../findings/generation.ts';
import { indexId, tableId } from './api/listings.ts';

/** An index or table, and the generation that it is in. */
export interface FoundIndex {
  readonly generation: Generation;
  readonly index: IndexView;
}
export interface FoundTable {
  readonly generation: Generation;
  readonly table: TableView;
}

/** Finds indexes and tables by the ids that the API gives them. */
export interface Objects {
  readonly index: (id: string) => FoundIndex | undefined;
  readonly table: (id: string) => FoundTable | undefined;
}

interface Ids {
  readonly indexes: ReadonlyMap<string, IndexView>;
  readonly tables: ReadonlyMap<string, TableView>;
}

/**
 * Ids are digests: they are made once for as long as the inventory stays the same, and looked up once per generation from then on.
 */
export function createObjects(generations: () => readonly Generation[]): Objects {
  const ofFact = new WeakMap<IndexFact | TableFact, string>();
  const ofGeneration = new WeakMap<Generation, Ids>();
  const idOf = (fact: IndexFact | TableFact, make: () => string): string => {
    const known = ofFact.get(fact);
    if (known !== undefined) return known;
    const id = make();
    ofFact.set(fact, id);
    return id;
  };
  const idsOf = (generation: Generation): Ids => {
    const known = ofGeneration.get(generation);
    if (known !== undefined) return known;
    const { target, catalogue } = generation;
    const ids = {
      indexes: new Map(
        catalogue.indexes.map((index) => [idOf(index.fact, () => indexId(target, index)), index]),
      ),
      tables: new Map(
        catalogue.tables.map((table) => [idOf(table.fact, () => tableId(target, table)), table]),
      ),
    };
    ofGeneration.set(generation, ids);
    return ids;
  };
  return {
    index: (id) => {
      for (const generation of generations()) {
        const index = idsOf(generation).indexes.get(id);
        if (index !== undefined) return { generation, index };
      }
      return undefined;
    },
    table: (id) => {
      for (const generation of generations()) {
        const table = idsOf(generation).tables.get(id);
        if (table !== undefined) return { generation, table };
      }
      return undefined;
    },
  };
}
