import { z } from 'zod';
import type { Catalogue, IndexView, TableView } from '../../analysis/catalogue.ts';
import { isUsable } from '../../analysis/index-identity.ts';
import { slicedFlatMap } from '../../model/sliced.ts';
import { counted, humaneBytes } from '../../model/units.ts';
import { type DetectorInput, defineDetector } from '../define.ts';
import type { Draft } from '../draft.ts';
import { isTop, keyTexts, severityOn, tableName } from '../words.ts';

const MissingPrimaryKeySettings = z.strictObject({});
type MissingPrimaryKeySettings = z.output<typeof MissingPrimaryKeySettings>;

/**
 * Opens for an ordinary or partitioned table without a primary key; warning, info on a tiny table or where a unique index over
 * NOT NULL columns does a key's work. Closes when the key is there (valid or still being attached to partitions) or the table
 * is gone.
 *
 * Silent on: materialized views, which cannot have one, and partitions, which are judged at their top. A child of plain
 * inheritance does not inherit its parent's key and is judged alone. Unlogged tables count as tables.
 *
 * False alarms accepted: logs, staging tables and empty inheritance parents may do without a key on purpose.
 */
export const missingPrimaryKey = defineDetector<MissingPrimaryKeySettings>({
  id: 'missing-primary-key',
  title: 'The table has no primary key',
  needs: ['tables', 'columns', 'indexes'],
  uses: ['operator-classes'],
  settings: MissingPrimaryKeySettings,
  *evaluate(input) {
    const keyless = input.catalogue.tables
      .filter((table) => table.fact.relkind !== 'm' && isTop(table) && !table.fact.isPartition)
      .filter((table) => !table.indexes.some((index) => index.fact.isPrimary));
    const isEarly = areIndexesOlder(input.catalogue);
    const isUnseen = (table: TableView): boolean => isEarly && table.indexes.length === 0;
    const unseen = keyless.filter(isUnseen);
    return {
      findings: yield* slicedFlatMap(keyless, (table) => (isUnseen(table) ? [] : [toDraft(table, input)])),
      unjudged: unseen.map((table) => ({
        relation: tableName(table),
        reason: 'it may be younger than the list of indexes, which was read before the list of tables',
      })),
    };
  },
});

const areIndexesOlder = ({ collectedAtMs }: Catalogue): boolean =>
  (collectedAtMs.get('indexes') ?? 0) < (collectedAtMs.get('tables') ?? 0);

function toDraft(table: TableView, input: DetectorInput<MissingPrimaryKeySettings>): Draft {
  const [candidate] = table.indexes.filter((index) => isKeyInAllButName(index, table)).sort(byFitness);
  const isPublishedWithoutKey = table.fact.replicaIdentity === 'd' || table.fact.replicaIdentity === 'n';
  const severity =
    candidate === undefined
      ? severityOn(table, input.policyFor(table.schemaname), 'warning')
      : ('info' as const);
  return {
    kind: 'missing-primary-key',
    severity,
    confidence: 'proven',
    table,
    index: null,
    subject: '',
    columns: candidate === undefined ? [] : keyTexts(candidate),
    related:
      candidate === undefined
        ? []
        : [
            {
              schemaname: table.schemaname,
              indexrelname: candidate.name,
              role: 'supports',
              why: 'it is unique over columns that are never null, and could become the primary key',
            },
          ],
    title: `Table ${tableName(table)} has no primary key${extentOf(table)}${candidate === undefined ? '' : `; unique index ${candidate.name} does its work`}`,
    evidence: {
      isPartitioned: table.fact.relkind === 'p',
      isUnlogged: table.fact.persistence === 'u',
      hasInheritanceChildren: table.fact.relkind === 'r' && table.fact.hasChildren,
      replicaIdentity: replicaIdentityNames[table.fact.replicaIdentity],
      uniqueIndexOverNotNullColumns: candidate?.name ?? null,
      tableRows: table.rows ?? null,
      tableBytes: table.sizeBytes ?? null,
      indexes: table.indexes.length,
    },
    caveats: [
      'Logs, staging tables and parents of inheritance may do without a key on purpose.',
      ...(isPublishedWithoutKey && table.fact.persistence === 'p'
        ? [
            'Its replica identity is none: once the table is in a publication of updates or deletes, UPDATE and DELETE on it fail.',
          ]
        : []),
      ...(table.fact.replicaIdentity === 'f'
        ? [
            'Its replica identity is FULL: logical replication works, but sends whole rows and may search the subscriber’s table row by row.',
          ]
        : []),
    ],
    impact: { reclaimableBytes: 0 },
    remedy: { kind: 'review', notes: notesFor(table, candidate) },
  };
}

const replicaIdentityNames = {
  d: 'default (primary key)',
  n: 'nothing',
  f: 'full',
  i: 'index',
} as const;

/** Whether the index tells rows apart as a primary key would: unique at once, over all rows, by columns that are never null. */
const isKeyInAllButName = (index: IndexView, table: TableView): boolean =>
  index.fact.isUnique &&
  index.fact.isImmediate &&
  isUsable(index) &&
  !index.fact.hasPredicate &&
  !index.fact.hasExpressions &&
  index.keys.every(
    (key) => key.columnNumber !== null && table.columns.get(key.columnNumber)?.isNotNull === true,
  );

/** `ADD PRIMARY KEY USING INDEX` wants a B-tree in default order that no constraint owns yet, on a table without partitions. */
const isPromotable = (index: IndexView): boolean =>
  index.fact.relkind === 'i' &&
  index.fact.constraintOid === null &&
  index.fact.accessMethod === 'btree' &&
  index.keys.every((key) => !key.isDescending && !key.isNullsFirst && key.operatorClass?.isDefault !== false);

/** What can be promoted first, then the narrower one. */
const byFitness = (a: IndexView, b: IndexView): number =>
  Number(isPromotable(b)) - Number(isPromotable(a)) ||
  a.keys.length - b.keys.length ||
  (a.name < b.name ? -1 : 1);

function notesFor(table: TableView, candidate: IndexView | undefined): string {
  if (candidate === undefined)
    return table.fact.relkind === 'p'
      ? 'Choose columns that identify a row; on a partitioned table they must include the partition key. Without such columns add an identity column. Adding the key builds an index on every partition while reads and writes wait: build a unique index on each partition concurrently first, add the key ON ONLY the partitioned table, then promote and attach the partitions’ indexes.'
      : 'Choose columns that identify a row, or add an identity column (which rewrites the table). To keep the lock short: create a unique index concurrently, set the columns NOT NULL by way of a validated CHECK constraint, then ALTER TABLE … ADD PRIMARY KEY USING INDEX.';
  const columns = keyTexts(candidate).join(', ');
  if (isPromotable(candidate))
    return `Unique index ${candidate.name} on (${columns}) can be promoted without a rebuild: ALTER TABLE … ADD PRIMARY KEY USING INDEX takes an exclusive lock for a moment. PostgreSQL renames the index when the constraint is given another name.`;
  return `Unique index ${candidate.name} on (${columns}) already tells the rows apart, but cannot be promoted as it is (${whyNotPromotable(candidate)}): a primary key on the same columns needs an index of its own, after which this one is redundant.`;
}

function whyNotPromotable(candidate: IndexView): string {
  if (candidate.fact.relkind === 'I') return 'USING INDEX does not work on partitioned tables';
  if (candidate.fact.constraintOid !== null)
    return `it belongs to the constraint ${candidate.fact.constraintName ?? candidate.name}`;
  return 'it is not a B-tree in default order';
}

/** ` (1,200 rows, 3.4 MiB)` with what is known of it. */
function extentOf(table: TableView): string {
  const known = [
    ...(table.rows === undefined ? [] : [counted(table.rows, 'row')]),
    ...(table.sizeBytes === undefined ? [] : [humaneBytes(table.sizeBytes)]),
  ];
  return known.length === 0 ? '' : ` (${known.join(', ')})`;
}
