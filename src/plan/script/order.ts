import type { IndexView } from '../../analysis/catalogue.ts';
import type { Finding } from '../../model/finding.ts';
import type { CreateAction } from './actions.ts';

/**
 * What an index to create is for, in the order in which they are built: what foreign keys need first, since everything else joins
 * over it; then times, by which lists are read; then filters and their combinations; then measures, by which is sorted; then the
 * slow ones, GIN and its like; then what only carries columns along.
 */
export const buildOrder = [
  'foreign key',
  'time',
  'filter',
  'composite',
  'metric',
  'GIN',
  'covering',
] as const;
export type BuildCategory = (typeof buildOrder)[number];

const slowMethods: ReadonlySet<string> = new Set(['gin', 'gist', 'spgist']);
const timeType = /^(?:timestamp|date|time)\b/;
const measureType = /^(?:numeric|real|double precision)\b/;

export function categoryOf({ finding, index }: Pick<CreateAction, 'finding' | 'index'>): BuildCategory {
  if (finding.kind === 'unindexed-foreign-key') return 'foreign key';
  // Nothing is known of it but that it is wanted: after what is known, before what is slow.
  if (index === undefined) return 'composite';
  if (index.included.length > 0) return 'covering';
  if (slowMethods.has(index.fact.accessMethod)) return 'GIN';
  if (isOnForeignKey(index)) return 'foreign key';
  const leadingType = index.keys[0]?.operatorClass?.inputTypeName ?? '';
  if (timeType.test(leadingType)) return 'time';
  if (measureType.test(leadingType)) return 'metric';
  return index.keys.length > 1 ? 'composite' : 'filter';
}

/** Whether its keys are the columns of one of the table's foreign keys and nothing else. */
const isOnForeignKey = ({ table, keys }: IndexView): boolean => {
  const columns = keys.map((key) => key.text).sort();
  return table.foreignKeys.some((key) => [...key.columns].sort().join('\0') === columns.join('\0'));
};

/**
 * Creations in build order; within a category by phase and priority, as their findings name them (those without come first, since they
 * follow from the schema alone), then in the order of the findings.
 */
export function inBuildOrder(creations: readonly CreateAction[]): readonly CreateAction[] {
  const rank = new Map(
    creations.map((action, place) => [
      action,
      [
        buildOrder.indexOf(categoryOf(action)),
        numberIn(action.finding, 'phase'),
        numberIn(action.finding, 'priority'),
        place,
      ],
    ]),
  );
  return creations.toSorted((a, b) => compareRanks(rank.get(a) ?? [], rank.get(b) ?? []));
}

export const numberIn = ({ evidence }: Finding, fact: 'phase' | 'priority'): number => {
  const value = evidence[fact];
  return value === undefined || value === null || Number.isNaN(Number(value)) ? 0 : Number(value);
};

function compareRanks(a: readonly number[], b: readonly number[]): number {
  const place = a.findIndex((value, nth) => value !== b[nth]);
  return place === -1 ? 0 : (a[place] ?? 0) - (b[place] ?? 0);
}
