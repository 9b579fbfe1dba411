import type { IndexView, TableView } from '../analysis/catalogue.ts';
import type { Remedy } from '../detectors/draft.ts';
import type { Fix } from '../model/finding.ts';
import { assertNever } from '../model/result.ts';
import { humaneDuration } from '../model/units.ts';
import {
  type BuildTime,
  buildTime,
  type FixContext,
  joined,
  lacksSafeConcurrentBuild,
  noSql,
  unsafeConcurrentBuild,
} from './context.ts';
import { createExpectedIndex } from './create-expected-index.ts';
import { createIndex } from './create-index.ts';
import {
  concurrentPreflight,
  exclusivePreflight,
  verifyAllValid,
  verifyGone,
  verifyValid,
} from './preflight.ts';
import { commentedOut, portableSql, qualified, quoteIdentifier } from './sql.ts';
import { rebuildOne, rebuildTree, restoreRest } from './way-back.ts';

/** The indexes whose definitions must be read before the remedy can be printed. */
export function indexesToDefine(remedy: Remedy): readonly IndexView[] {
  switch (remedy.kind) {
    case 'drop-index':
    case 'replace-index':
    case 'rebuild-index':
      return withDescendants(remedy.index);
    case 'create-index':
    case 'create-expected-index':
    case 'analyze-table':
    case 'review':
      return [];
    default:
      return assertNever(remedy);
  }
}

const withDescendants = (index: IndexView): readonly IndexView[] => [
  index,
  ...index.children.flatMap(withDescendants),
];

/**
 * Puts a remedy into SQL. Each statement of `sql` and `rollbackSql` runs as it stands, by itself; rules of printed scripts apply:
 * concurrent statements have no timeouts but a preflight, what takes ACCESS EXCLUSIVE on a partition tree is commented out, the
 * rollback is the server's own definition, and beside every drop stands what the rebuild would take. What it creates gets a name
 * of `context.names`, and another one when it is rendered again with the same context.
 */
export function renderFix(remedy: Remedy, context: FixContext): Fix {
  switch (remedy.kind) {
    case 'drop-index':
      return renderDrop(remedy.index, remedy.keepStatisticsOf ?? [], remedy.notes, context);
    case 'replace-index':
      return renderDrop(remedy.index, [], remedy.notes, context);
    case 'rebuild-index':
      return renderRebuild(remedy, context);
    case 'create-index':
      return createIndex({ ...remedy, notes: remedy.notes }, context);
    case 'create-expected-index':
      return createExpectedIndex(remedy, context);
    case 'analyze-table':
      return renderAnalyze(remedy.table, remedy.notes, context);
    case 'review':
      return noSql(remedy.notes);
    default:
      return assertNever(remedy);
  }
}

/** Above this a rebuild is no quick way back. */
const rehearseAboveSeconds = 30 * 60;

function renderDrop(
  index: IndexView,
  statistics: readonly string[],
  said: string | undefined,
  context: FixContext,
): Fix {
  const { table, fact } = index;
  const definition = context.definitions.get(index.oid);
  if (definition?.definition === null || definition?.definition === undefined) {
    return noSql(
      'Its definition could not be read (locked, or gone meanwhile), and no drop is printed without the way back.',
    );
  }
  const time = buildTime(index.sizeBytes, fact.accessMethod, context);
  const rebuildSeconds = time.seconds;
  const notes = joined([said, ...dropNotes(index, time, context)]);
  const name = qualified(table.schemaname, index.name);
  const target = qualified(table.schemaname, table.relname);
  const dropConstraint =
    fact.constraintOid === null || definition.constraintName === null
      ? undefined
      : `ALTER TABLE ${target} DROP CONSTRAINT ${quoteIdentifier(definition.constraintName)};`;
  if (fact.relkind === 'I') {
    return {
      sql: commentedOut(
        `Takes ACCESS EXCLUSIVE on the table and all its partitions: in a quiet moment, again until it succeeds.\nSET lock_timeout = '500ms';\n${dropConstraint ?? `DROP INDEX ${name};`}`,
      ),
      rollbackSql: rebuildTree(index, context.definitions),
      lock: 'ACCESS EXCLUSIVE on the partitioned table and every partition, for as long as the drop waits and runs',
      rebuildSeconds,
      notes: joined([
        'A partitioned index cannot be dropped concurrently, so the statement is printed commented out.',
        notes,
      ]),
      preflightSql: null,
      verifySql: verifyGone(table.schemaname, index.name),
    };
  }
  if (dropConstraint !== undefined) {
    return {
      sql: dropConstraint,
      // The preflight set a short lock_timeout, under which a concurrent build would leave an invalid index behind.
      rollbackSql: [
        'SET lock_timeout = 0;',
        ...rebuildOne(index, definition),
        ...restoreRest(index, definition),
      ].join('\n'),
      lock: 'ACCESS EXCLUSIVE on the table, briefly once granted; the rollback builds the index concurrently where its constraint allows that',
      rebuildSeconds,
      notes,
      preflightSql: exclusivePreflight,
      verifySql: verifyGone(table.schemaname, index.name),
    };
  }
  const kept = keepStatistics(index, statistics, context);
  return {
    sql: [...kept.keep, `DROP INDEX CONCURRENTLY ${name};`].join('\n'),
    rollbackSql: [...rebuildOne(index, definition), ...restoreRest(index, definition), ...kept.undo].join(
      '\n',
    ),
    lock: 'SHARE UPDATE EXCLUSIVE on the table: blocks no reads and no writes, waits for older transactions',
    rebuildSeconds,
    notes,
    preflightSql: concurrentPreflight({
      schemaname: table.schemaname,
      relname: table.relname,
      neededBytes: undefined,
      indexrelname: index.name,
    }),
    verifySql: verifyGone(table.schemaname, index.name),
  };
}

function dropNotes(
  index: IndexView,
  { seconds, isMeasured, goesBy }: BuildTime,
  { versionNum }: FixContext,
): readonly string[] {
  const notes: string[] = [];
  if (seconds !== null && seconds > 0) {
    const rehearse = seconds > rehearseAboveSeconds ? ' Rehearse first.' : '';
    const basis = isMeasured ? `, going by ${goesBy}` : '';
    notes.push(`Rebuilding it would take about ${humaneDuration(seconds * 1000)}${basis}.${rehearse}`);
  }
  const functions = index.fact.searchPathFunctions;
  if (functions.length > 0 && versionNum >= 170_000) {
    notes.push(
      `It calls ${functions.join(', ')}: from 17 on indexes are built with a safe search_path, so if that function uses names without a schema the rollback will not run. Rehearse it.`,
    );
  }
  if (index.fact.isClustered)
    notes.push('The table is clustered on it; the next CLUSTER needs another index.');
  return notes;
}

/**
 * Planner statistics of an expression live with its index; extended statistics (14 and later) keep them. Undone, the index has
 * its own again after the next ANALYZE.
 */
function keepStatistics(
  index: IndexView,
  expressions: readonly string[],
  context: FixContext,
): { readonly keep: readonly string[]; readonly undo: readonly string[] } {
  if (expressions.length === 0 || context.versionNum < 140_000) return { keep: [], undo: [] };
  const { table } = index;
  const target = qualified(table.schemaname, table.relname);
  // Statistics have names of their own, apart from those of relations; free of both is clearer to whoever reads the two.
  const names = expressions.map((_, place) =>
    qualified(table.schemaname, context.names.reserve(table.schemaname, `stats_${index.name}_${place + 1}`)),
  );
  return {
    keep: [
      ...expressions.map(
        (expression, place) =>
          `CREATE STATISTICS IF NOT EXISTS ${names[place]} ON (${portableSql(expression)}) FROM ${target};`,
      ),
      `ANALYZE ${target};`,
    ],
    undo: [`ANALYZE ${target};`, ...names.map((name) => `DROP STATISTICS IF EXISTS ${name};`)],
  };
}

function renderRebuild(remedy: Extract<Remedy, { kind: 'rebuild-index' }>, context: FixContext): Fix {
  const { index, parts = [index] } = remedy;
  const { table } = index;
  if (lacksSafeConcurrentBuild(context.versionNum))
    return noSql(joined([remedy.notes, unsafeConcurrentBuild]));
  const neededBytes = remedy.expectedBytes ?? index.sizeBytes;
  const { seconds: rebuildSeconds, goesBy } = buildTime(neededBytes, index.fact.accessMethod, context);
  const said = joined([remedy.notes, rebuildSeconds === null ? undefined : `The time goes by ${goesBy}.`]);
  const names = parts.map((part) => qualified(part.table.schemaname, part.name));
  if (index.fact.isExclusion) return renderExclusiveRebuild(index, names, rebuildSeconds, said);
  const functions = index.fact.searchPathFunctions;
  return {
    sql: names.map((name) => `REINDEX INDEX CONCURRENTLY ${name};`).join('\n'),
    rollbackSql: null,
    lock: 'SHARE UPDATE EXCLUSIVE on the table: blocks no reads and no writes, waits for older transactions',
    rebuildSeconds,
    notes: joined([
      said,
      'Interrupted, it leaves an index named …_ccnew behind, which this program reports and which can be dropped.',
      index.fact.isUnique && context.versionNum < 190_000
        ? 'While a unique index is rebuilt concurrently, INSERT … ON CONFLICT can fail with a duplicate key error.'
        : undefined,
      functions.length > 0 && context.versionNum >= 170_000
        ? `It calls ${functions.join(', ')}: from 17 on indexes are built with a safe search_path, so if that function uses names without a schema the rebuild fails and leaves the old index in place. Rehearse it.`
        : undefined,
    ]),
    preflightSql: concurrentPreflight({
      schemaname: table.schemaname,
      relname: table.relname,
      neededBytes,
      indexrelname: index.name,
    }),
    verifySql: verifyAllValid(parts.map((part) => [part.table.schemaname, part.name])),
  };
}

/** The index of an exclusion constraint (WITHOUT OVERLAPS keys have one, too) cannot be rebuilt concurrently. */
const renderExclusiveRebuild = (
  index: IndexView,
  names: readonly string[],
  rebuildSeconds: number | null,
  said: string | undefined,
): Fix => ({
  sql: commentedOut(
    `Blocks writes to the table, and reads that would use the index, while it runs: in a quiet moment, again until it succeeds.\nSET lock_timeout = '500ms';\n${names.map((name) => `REINDEX INDEX ${name};`).join('\n')}`,
  ),
  rollbackSql: null,
  lock: 'SHARE on the table and ACCESS EXCLUSIVE on the index, for as long as the rebuild takes',
  rebuildSeconds,
  notes: joined([
    said,
    'It belongs to an exclusion constraint, whose index cannot be rebuilt concurrently, so the statement is printed commented out.',
  ]),
  preflightSql: null,
  verifySql: verifyValid(index.table.schemaname, index.name),
});

function renderAnalyze(table: TableView, said: string | undefined, { versionNum }: FixContext): Fix {
  // Before 18 there is no ONLY, and ANALYZE of a parent reads its children as well.
  const only = table.fact.hasChildren && versionNum >= 180_000 ? 'ONLY ' : '';
  return {
    sql: `ANALYZE ${only}${qualified(table.schemaname, table.relname)};`,
    rollbackSql: null,
    lock: 'SHARE UPDATE EXCLUSIVE on the table: blocks no reads and no writes',
    rebuildSeconds: null,
    notes: joined([said, 'Reads a sample of the table; plans change with the next query.']),
    preflightSql: null,
    verifySql: null,
  };
}
