import { z } from 'zod';
import type { Catalogue, ForeignKeyView } from '../../analysis/catalogue.ts';
import { isForeignKeySupported } from '../../analysis/index-identity.ts';
import { slicedFlatMap } from '../../model/sliced.ts';
import { counted, humaneCount } from '../../model/units.ts';
import { type DetectorInput, defineDetector } from '../define.ts';
import type { Draft, Remedy } from '../draft.ts';
import { severityOn, tableName } from '../words.ts';

/**
 * Opens when no index lets PostgreSQL find the rows that refer to a parent row, so that each delete or key update of a parent (and each
 * join from it) reads the whole table. Closes when such an index is valid. Keys that are NOT ENFORCED (18) have no checks and are
 * left alone. Accepts keys whose parents never change and are never joined: the parent's counts stand in the evidence.
 */
export const unindexedForeignKey = defineDetector({
  id: 'unindexed-foreign-key',
  title: 'No index supports this foreign key',
  needs: ['tables', 'columns', 'indexes', 'constraints', 'operator-classes'],
  uses: ['column-statistics'],
  settings: z.strictObject({}),
  *evaluate(input) {
    const unsupported = yield* slicedFlatMap(input.catalogue.foreignKeys, (key) =>
      key.fact.isEnforced && !isForeignKeySupported(key) ? [key] : [],
    );
    const isLocked = ({ table }: ForeignKeyView): boolean =>
      table.indexes.some((index) => !index.fact.isDefinitionKnown);
    const locked = unsupported.filter(isLocked);
    const judged = unsupported.filter((key) => !isLocked(key));
    const firstOf = firstOnSameColumns(judged);
    return {
      findings: yield* slicedFlatMap(judged, (key) => [toDraft(key, firstOf(key), input)]),
      unjudged: locked.map((key) => ({
        relation: tableName(key.table),
        reason: 'the table was locked, so that not all of its indexes could be read',
      })),
    };
  },
});

/** Several keys on the same columns need one index, printed once: for the first of them by name. */
function firstOnSameColumns(keys: readonly ForeignKeyView[]): (key: ForeignKeyView) => ForeignKeyView {
  const placeOf = ({ table, columns }: ForeignKeyView): string =>
    [table.oid, ...columns.toSorted()].join('\0');
  const firsts = new Map<string, ForeignKeyView>();
  for (const key of keys) {
    const first = firsts.get(placeOf(key));
    if (first === undefined || key.name < first.name) firsts.set(placeOf(key), key);
  }
  return (key) => firsts.get(placeOf(key)) ?? key;
}

const actions: Readonly<Record<ForeignKeyView['fact']['onDelete'], string>> = {
  a: 'NO ACTION',
  r: 'RESTRICT',
  c: 'CASCADE',
  n: 'SET NULL',
  d: 'SET DEFAULT',
};

function toDraft(key: ForeignKeyView, first: ForeignKeyView, input: DetectorInput<unknown>): Draft {
  const { table, fact } = key;
  const parent = `${fact.referencedSchemaname}.${fact.referencedRelname}`;
  const parentUsage = key.referenced?.usage;
  const isServable = wouldServe(key, input.catalogue);
  const size = table.rows === undefined ? 'of unknown size' : `with ${counted(table.rows, 'row')}`;
  const partial = table.indexes.filter(
    (index) => index.fact.isValid && key.fact.columnNumbers.includes(index.keys[0]?.columnNumber ?? -1),
  );
  return {
    kind: 'unindexed-foreign-key',
    severity: severityOn(table, input.policyFor(table.schemaname), 'warning'),
    confidence: 'proven',
    table,
    index: null,
    subject: key.name,
    columns: key.columns,
    related: partial.map((index) => ({
      schemaname: table.schemaname,
      indexrelname: index.name,
      role: 'overlaps',
      why: 'it begins with a column of the key but does not serve all of it',
    })),
    title: `Foreign key ${key.name} of ${tableName(table)} (${key.columns.join(', ')}), ${size}, has no index${isServable ? '' : ' that its check could use'}: deletes in ${parent} read the whole table`,
    evidence: {
      constraint: key.name,
      referencedTable: parent,
      referencedRows: key.referenced?.rows ?? null,
      onDelete: actions[fact.onDelete],
      onUpdate: actions[fact.onUpdate],
      tableRows: table.rows ?? null,
      tableBytes: table.sizeBytes ?? null,
      tableSequentialScansTotal: table.usage?.sequentialScansTotal ?? null,
      parentRowsDeletedTotal: parentUsage?.rowsDeletedTotal ?? null,
      parentRowsUpdatedTotal: parentUsage?.rowsUpdatedTotal ?? null,
      isValidated: fact.isValidated,
    },
    caveats: caveatsFor(key),
    // What each delete of a parent row makes PostgreSQL read.
    impact: { reclaimableBytes: 0, rowsRead: table.rows ?? 0 },
    remedy: isServable ? remedyFor(key, first) : mismatch(key),
  };
}

function remedyFor(key: ForeignKeyView, first: ForeignKeyView): Remedy {
  if (first !== key) {
    return {
      kind: 'review',
      notes: `The index printed for ${first.name} serves this key too: same table, same columns.`,
    };
  }
  return { kind: 'create-index', table: key.table, columns: key.columns };
}

/**
 * Whether a plain index on the columns would hold the equality that the check uses. It does not where the check compares by the
 * referenced column's type and that is no sibling of the column's own: integer → numeric, char(n) → text. Types without a default
 * operator class under their own name (domains, enums, arrays) get the benefit of the doubt.
 */
function wouldServe(key: ForeignKeyView, { operatorClasses }: Catalogue): boolean {
  return key.fact.columnNumbers.every((number, place) => {
    const typeName = key.table.columns.get(number)?.typeName.replace(/\(.*?\)/, '');
    const own = operatorClasses.find(
      (candidate) =>
        candidate.isDefault && candidate.accessMethod === 'btree' && candidate.inputTypeName === typeName,
    );
    return (
      own === undefined ||
      key.fact.equalityFamilies.some(
        (family, nth) => family === own.operatorFamilyOid && key.fact.equalityPositions[nth] === place + 1,
      )
    );
  });
}

const mismatch = (key: ForeignKeyView): Remedy => ({
  kind: 'review',
  notes: `The key's columns have other types than the referenced ones, and its check compares by theirs, which no index on (${key.columns.join(', ')}) can serve: give both sides the same types.`,
});

function caveatsFor(key: ForeignKeyView): readonly string[] {
  const caveats: string[] = [];
  const usage = key.referenced?.usage;
  if (usage !== undefined && usage.rowsDeletedTotal === 0) {
    caveats.push(
      `No row of ${key.fact.referencedRelname} was deleted since the statistics began: without joins from the parent the index would only cost writes.`,
    );
  }
  for (const [place, number] of key.fact.columnNumbers.entries()) {
    const nullFraction = key.table.statistics.get(number)?.nullFraction ?? 0;
    if (nullFraction >= 0.9) {
      caveats.push(
        `${key.columns[place]} is NULL in ${humaneCount(nullFraction * 100)} % of the rows: a partial index WHERE it is not null serves the key at a fraction of the size.`,
      );
    }
  }
  return caveats;
}
