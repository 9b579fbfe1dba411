import { type RelationName, relationText } from '../../model/probe.ts';
import type { Catalogue, IndexView, TableView } from '../catalogue.ts';
import type { ExpectationState } from '../expectation.ts';
import { isDuplicate } from '../index-identity.ts';
import type { PlanRelation } from './plan.ts';
import type { PlanFacts } from './red-flags.ts';

/**
 * What one catalogue says of the relations of plans. An index is expected by meaning: where a manifest declares the name, whatever
 * satisfies that, else the index of that name; copies of these and, of partitioned ones, their parts will do as well.
 */
export function planFacts(
  catalogue: Catalogue,
  expectations: readonly ExpectationState[],
  isTiny: (table: TableView) => boolean,
): PlanFacts {
  const tables = new Map(catalogue.tables.map((table) => [relationText(table), table]));
  const tableOf = (relation: RelationName): TableView | undefined => tables.get(relationText(relation));
  return {
    topOf: ({ schemaname = 'public', relname }: PlanRelation) => {
      const found = tableOf({ schemaname, relname });
      return found === undefined ? { schemaname, relname } : nameOf(topOf(found));
    },
    rowsOf: (relation) => tableOf(relation)?.rows,
    isTiny: (relation) => {
      const table = tableOf(relation);
      return table !== undefined && isTiny(table);
    },
    expected: (indexName) => {
      const declared = expectations.flatMap((state) =>
        state.expectation.name === indexName && state.kind === 'satisfied' ? state.by : [],
      );
      const named = catalogue.indexes.filter((index) => index.name === indexName);
      const meant = [...declared, ...named];
      const [first] = meant;
      if (first === undefined) return undefined;
      const copies = meant.flatMap((one) => one.table.indexes.filter((other) => isDuplicate(one, other)));
      return {
        names: new Set([...meant, ...copies].flatMap(withParts).map(({ name }) => name)),
        table: nameOf(topOf(first.table)),
      };
    },
  };
}

const nameOf = ({ schemaname, relname }: TableView): RelationName => ({ schemaname, relname });
const topOf = (table: TableView): TableView => (table.parent === undefined ? table : topOf(table.parent));
const withParts = (index: IndexView): readonly IndexView[] => [index, ...index.children.flatMap(withParts)];
