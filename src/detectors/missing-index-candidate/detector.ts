import { z } from 'zod';
import type { TableView } from '../../analysis/catalogue.ts';
import { humaneCount } from '../../model/units.ts';
import { whyNotCounted } from '../counting.ts';
import { type DetectorInput, defineDetector } from '../define.ts';
import type { Draft, Unjudged } from '../draft.ts';
import { isTiny, isTop, tableName } from '../words.ts';
import { type Argument, columnsOf, type Heard, hear } from './arguments.ts';
import { type Chosen, chooseColumns, mayServeExpressions, servingIndex } from './columns.ts';
import { type Case, toDraft } from './draft.ts';
import { type Price, priceOf } from './price.ts';

const MissingIndexCandidateSettings = z.strictObject({
  scansPerDayMin: z.number().positive().default(100).meta({
    description:
      'Sequential scans of a table in a day, below which nothing is said. Nightly jobs, exports and dumps make a few; a hundred are one every quarter of an hour.',
  }),
  rowsReadPerDayMin: z.number().positive().default(50_000_000).meta({
    description:
      'Rows read by them in a day, below which nothing is said. A core reads some ten million a second: less than a few seconds of its day are not worth an index.',
  }),
  rowsReadPerWriteMin: z.number().positive().default(100).meta({
    description:
      'Rows read sequentially for each row written, below which nothing is said. An entry of an index costs about as much as reading a hundred rows.',
  }),
  slowStatementMs: z.number().positive().default(100).meta({
    description:
      'Mean time of a statement, in milliseconds, from which on it is told before others: what the fastest query patterns are allowed.',
  }),
  callsMin: z.number().int().positive().default(50).meta({
    description:
      'Calls of a statement, below which it is no argument for an index: somebody looked something up by hand.',
  }),
  matchedShareMax: z.number().positive().max(1).default(0.1).meta({
    description:
      'Share of a table’s rows that a statement’s conditions leave, above which it is no argument: that much is read sequentially as fast as through an index.',
  }),
  statementTextMax: z.number().int().nonnegative().max(2_000).default(200).meta({
    description:
      'Characters of a statement’s text, with `$1` in the place of constants, that the evidence shows. 0 shows none; `privacy.redactLiterals` takes out what constants are left in it.',
  }),
});
export type MissingIndexCandidateSettings = z.output<typeof MissingIndexCandidateSettings>;
export type Input = DetectorInput<MissingIndexCandidateSettings>;

/** Nothing reads more rows than this in a millisecond: a statement that ended sooner did not read the table. */
const rowsPerMsMax = 100_000;

/**
 * Opens for a table of at least `policy.minRowsForWarning` rows that is read sequentially `scansPerDayMin` times a day or more, at
 * `rowsReadPerDayMin` rows or more, which are at least `rowsReadPerWriteMin` for each row written; by the last observed days where
 * there is a history, else by the counters since their reset. Where statements are known, only if some of them filter the table in a
 * way that an index would help and none serves yet. Closes when either no longer holds.
 *
 * Silent on: reports, exports and aggregates (no condition, or one that leaves much of the table), statements that are too fast to
 * have read it or that an index serves, and all that is written to more than it is read. Inconclusive on the first day of counting.
 *
 * False alarms accepted: where statements cannot be known, reports that run all day look like searches; where they can, an average
 * hides that one value is common. It is `possible` and info, always.
 */
export const missingIndexCandidate = defineDetector<MissingIndexCandidateSettings>({
  id: 'missing-index-candidate',
  title: 'A table is read sequentially again and again',
  needs: ['server', 'tables', 'columns', 'indexes', 'operator-classes', 'table-usage'],
  uses: ['column-statistics', 'statements', 'candidate-columns', 'replicas'],
  settings: MissingIndexCandidateSettings,
  *evaluate(input) {
    const { catalogue } = input;
    const notCounted = whyNotCounted(catalogue.server, 'writes');
    if (notCounted !== undefined) return { findings: [], inconclusive: notCounted };
    const { statements } = catalogue;
    const heard = statements.ok ? hear(statements.value, catalogue, input.readStatement) : undefined;
    const findings: Draft[] = [];
    const unjudged: Unjudged[] = [];
    for (const table of catalogue.tables) {
      yield;
      if (!isTop(table) || isTiny(table, input.policyFor(table.schemaname))) continue;
      const price = priceOf(table, input);
      const reason = price.ok ? whyUnjudged(table, price.value, heard, input) : price.error;
      if (reason !== undefined) unjudged.push({ relation: tableName(table), reason });
      else if (price.ok && isCostly(price.value, input.settings)) {
        const found = caseOf(table, price.value, heard, input);
        if (found !== undefined) findings.push(toDraft(found, input));
      }
    }
    return { findings, unjudged };
  },
});

function whyUnjudged(
  table: TableView,
  price: Price,
  heard: Heard | undefined,
  input: Input,
): string | undefined {
  if (!isCostly(price, input.settings)) return undefined;
  if (table.rows === undefined) return 'its rows were never counted; run ANALYZE on it';
  if (table.indexes.some((index) => !index.fact.isDefinitionKnown))
    return 'the table was locked, so that not all of its indexes could be read';
  return heard !== undefined && columnsOf(table, input.catalogue).length === 0
    ? 'its columns have not been read yet'
    : undefined;
}

const isCostly = (price: Price, settings: MissingIndexCandidateSettings): boolean =>
  price.scansPerDay >= settings.scansPerDayMin &&
  price.rowsReadPerDay >= settings.rowsReadPerDayMin &&
  price.rowsReadPerDay >= price.rowsWrittenPerDay * settings.rowsReadPerWriteMin;

/** What speaks for an index on a costly table; undefined where all that is known speaks against. */
function caseOf(table: TableView, price: Price, heard: Heard | undefined, input: Input): Case | undefined {
  const { statements, server } = input.catalogue;
  const nothing = { table, price, wanting: [], obstructed: [], unread: heard?.unread ?? 0 };
  if (heard === undefined) {
    const reason = statements.ok ? 'statements were not read' : statements.error;
    return { ...nothing, silence: `Which columns statements filter on is not known: ${reason}.` };
  }
  const costly = (heard.arguments.get(table) ?? [])
    .filter((argument) => isPlausible(argument, table, input))
    .sort(byCost(input.settings));
  const wanting = costly.flatMap((argument) => {
    const chosen = wantedBy(argument, table, input);
    return chosen === undefined ? [] : [{ argument, chosen }];
  });
  const obstructed = costly.filter((argument) => isObstructed(argument, table, input));
  if (wanting.length > 0 || obstructed.length > 0) return { ...nothing, wanting, obstructed };
  const ambiguous = heard.ambiguous.get(table) ?? 0;
  if (ambiguous > 0)
    return {
      ...nothing,
      silence: `Which columns are meant is not known: ${humaneCount(ambiguous)} of the statements name ${table.relname} without its schema, and more than one schema has such a table.`,
    };
  if (server?.hasReadAllStats === false)
    return {
      ...nothing,
      silence: `Which columns statements filter on is not known: this role sees no statements but its own; run: GRANT pg_read_all_stats TO the role that indexwarden connects as (pg_monitor has it).`,
    };
  return undefined;
}

/** Whether the statement can be what reads the table: often enough, slow enough, and not asking for much of it anyway. */
function isPlausible(
  { statement, meanMs, rowsPerCall }: Argument,
  { rows = 0 }: TableView,
  { settings }: Input,
): boolean {
  return (
    statement.callsTotal >= settings.callsMin &&
    meanMs * rowsPerMsMax >= rows &&
    rowsPerCall <= rows * settings.matchedShareMax
  );
}

/** Those over the target first, then what takes most time altogether. */
const byCost =
  ({ slowStatementMs }: MissingIndexCandidateSettings) =>
  (a: Argument, b: Argument): number =>
    Number(b.meanMs >= slowStatementMs) - Number(a.meanMs >= slowStatementMs) ||
    b.statement.executionMsTotal - a.statement.executionMsTotal ||
    (a.statement.queryId < b.statement.queryId ? -1 : 1);

function wantedBy(argument: Argument, table: TableView, { catalogue, settings }: Input): Chosen | undefined {
  if (servingIndex(argument, table, catalogue, settings.matchedShareMax) !== undefined) return undefined;
  const chosen = chooseColumns(argument, table, catalogue);
  return (chosen?.matchedShare ?? 0) > settings.matchedShareMax ? undefined : chosen;
}

/** Slow, and filtering in a way that asks for another index than a plain B-tree, which is not there either. */
function isObstructed(argument: Argument, table: TableView, { catalogue, settings }: Input): boolean {
  const searched = argument.obstacles.filter(
    ({ use }) => use === 'function' || use === 'pattern' || use === 'operator',
  );
  return (
    argument.meanMs >= settings.slowStatementMs &&
    argument.equality.length === 0 &&
    argument.range.length === 0 &&
    searched.length > 0 &&
    servingIndex(argument, table, catalogue, settings.matchedShareMax) === undefined &&
    !searched.some(({ column }) => mayServeExpressions(column, table))
  );
}
