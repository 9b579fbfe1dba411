import { indexBuilds, invalidIndexes } from './builds.ts';
import { columnStatistics, columnVisibility } from './column-statistics.ts';
import type { FactOf } from './define.ts';
import {
  collations,
  columns,
  constraints,
  expectedColumns,
  indexes,
  operatorClasses,
  tables,
} from './inventory.ts';
import { replicas, server } from './server.ts';
import { relationSizes } from './sizes.ts';
import { candidateColumns, statements } from './statements.ts';
import { indexUsage, tableUsage } from './usage.ts';

/**
 * Every scheduled collector, in the order in which one pass runs them: what others are joined to comes first, and the
 * second look at invalid indexes last, so that the most time lies between it and the inventory.
 */
export const collectors = {
  server,
  replicas,
  tables,
  columns,
  indexes,
  constraints,
  'operator-classes': operatorClasses,
  collations,
  'expected-columns': expectedColumns,
  'index-usage': indexUsage,
  'table-usage': tableUsage,
  'relation-sizes': relationSizes,
  'column-statistics': columnStatistics,
  'column-visibility': columnVisibility,
  statements,
  'candidate-columns': candidateColumns,
  'index-builds': indexBuilds,
  'invalid-indexes': invalidIndexes,
} as const;

export type CollectorName = keyof typeof collectors;
export type FactFor<Name extends CollectorName> = FactOf<(typeof collectors)[Name]>;

export const collectorNames = Object.keys(collectors) as readonly CollectorName[];
