import type { IndexView, TableView } from '../../analysis/catalogue.ts';
import type { ColumnUse } from '../../analysis/sql/conditions.ts';
import type { Evidence, RelatedIndex } from '../../model/finding.ts';
import { counted, humaneCount, humaneDuration } from '../../model/units.ts';
import { inWindow, isoTime, otherNodesCaveats, rounded } from '../counting.ts';
import type { Draft, Remedy } from '../draft.ts';
import { tableName } from '../words.ts';
import { type Argument, columnsOf } from './arguments.ts';
import { type Chosen, commonestShare } from './columns.ts';
import type { Input } from './detector.ts';
import { type Price, priceEvidence } from './price.ts';

/** What speaks for an index on a table. */
export interface Case {
  readonly table: TableView;
  readonly price: Price;
  /** Statements with the columns that would serve them, the costliest first. */
  readonly wanting: readonly { readonly argument: Argument; readonly chosen: Chosen }[];
  /** Statements that would need another index than one on columns. */
  readonly obstructed: readonly Argument[];
  /** Statements whose text could not be read. */
  readonly unread: number;
  /** Why no columns can be named, as a sentence. */
  readonly silence?: string;
}

/** Few enough to be read. */
const statementsShownMax = 5;
/** From this share of the rows on one value is so common that a search for it reads the table anyway. */
const commonShare = 0.3;

export function toDraft(found: Case, input: Input): Draft {
  const { table, price, wanting } = found;
  const [first] = wanting;
  const columns = first?.chosen.columns ?? [];
  const shown = [...new Set([...wanting.map(({ argument }) => argument), ...found.obstructed])];
  return {
    kind: 'missing-index-candidate',
    severity: 'info',
    confidence: 'possible',
    table,
    index: null,
    subject: '',
    columns,
    related: relatedTo(columns, table),
    title: `${tableName(table)}, with ${counted(table.rows ?? 0, 'row')}, is read sequentially ${counted(price.scansPerDay, 'time')} a day${purposeOf(found)}`,
    evidence: {
      ...priceEvidence(price),
      tableRows: table.rows ?? null,
      tableBytes: table.sizeBytes ?? null,
      tableIndexScansTotal: table.usage?.indexScansTotal ?? null,
      statementsKnown: found.silence === undefined,
      statementsUnread: found.unread,
      slowStatementMs: input.settings.slowStatementMs,
      statements: shown.slice(0, statementsShownMax).map((argument) => statementEvidence(argument, input)),
      matchedShareRatio: first?.chosen.matchedShare === undefined ? null : rounded(first.chosen.matchedShare),
    },
    caveats: caveatsFor(found, columns, input),
    impact: { reclaimableBytes: 0, sequentialRowsReadPerDay: Math.round(price.rowsReadPerDay) },
    remedy: remedyFor(found, columns, input),
  };
}

function purposeOf({ wanting, obstructed }: Case): string {
  const [first] = wanting;
  if (first !== undefined)
    return ` while statements filter on ${first.chosen.columns.join(', ')}, which no index begins with`;
  const [other] = obstructed;
  return other === undefined
    ? ''
    : ` while statements search ${obstaclesOf(other).join(', ')}, which no index serves`;
}

const statementEvidence = (argument: Argument, { settings }: Input): Evidence => {
  const { statement, equality, range, join, order } = argument;
  const text = statement.queryText.replace(/\s+/g, ' ').trim();
  const cut = text.length > settings.statementTextMax ? `${text.slice(0, settings.statementTextMax)}…` : text;
  return {
    queryId: statement.queryId,
    callsTotal: statement.callsTotal,
    meanExecutionMs: rounded(argument.meanMs),
    maxExecutionMs: rounded(statement.executionMsMax),
    executionMsTotal: Math.round(statement.executionMsTotal),
    rowsPerCall: rounded(argument.rowsPerCall),
    isOverTarget: argument.meanMs >= settings.slowStatementMs,
    countedSince: isoTime(statement.countedSinceMs),
    equality,
    range,
    join,
    order,
    notServedByColumns: obstaclesOf(argument),
    ...(settings.statementTextMax === 0 ? {} : { text: cut }),
  };
};

const obstacleWords: Readonly<Partial<Record<ColumnUse, (column: string) => string>>> = {
  function: (column) => `an expression of ${column}`,
  pattern: (column) => `a pattern in ${column}`,
  operator: (column) => `inside of ${column}`,
};

const obstaclesOf = ({ obstacles }: Argument): readonly string[] => [
  ...new Set(obstacles.flatMap(({ column, use }) => obstacleWords[use]?.(column) ?? [])),
];

function caveatsFor(found: Case, columns: readonly string[], input: Input): readonly string[] {
  const { table, price, wanting, unread, silence } = found;
  const others = wanting.slice(1).filter(({ chosen }) => chosen.columns[0] !== columns[0]);
  const common = columns.flatMap((column) => {
    const share = commonestShare(column, table, input.catalogue) ?? 0;
    return share < commonShare ? [] : [{ column, share }];
  });
  const first = wanting[0];
  const isUnknownShare = first !== undefined && first.chosen.matchedShare === undefined;
  return [
    silence === undefined
      ? 'It is inferred from texts and averages, no plan was looked at: EXPLAIN (ANALYZE, BUFFERS) of the statements shows whether they read the table sequentially.'
      : 'Reports, exports and counts over the whole table look the same, and no index would help them.',
    ...(price.basis === 'counters'
      ? [
          `The counters are an average ${inWindow(input.window)}: it may be over. A running daemon judges by the last days.`,
        ]
      : []),
    ...(price.rowsWrittenPerDay >= 1
      ? [
          `${counted(Math.round(price.rowsWrittenPerDay), 'row')} are written a day, each of which would have to be entered, and updates of the columns could no longer be HOT.`,
        ]
      : []),
    ...common.map(
      ({ column, share }) =>
        `One value of ${column} is in ${humaneCount(share * 100)} % of the rows: a search for that one reads the table anyway. A partial index on the others is smaller.`,
    ),
    ...(isUnknownShare
      ? [
          'How many rows the conditions leave is not known (a range, or no planner statistics that this role may see): an index helps only where they are few.',
        ]
      : []),
    ...others
      .slice(0, 1)
      .map(
        ({ chosen }) =>
          `Other statements filter on ${chosen.columns.join(', ')}; one index does not serve both.`,
      ),
    ...found.obstructed
      .flatMap(obstacleCaveats)
      .filter((caveat, place, all) => all.indexOf(caveat) === place),
    ...(unread > 0 ? [`${counted(unread, 'statement')} could not be read, and may say something else.`] : []),
    ...otherNodesCaveats(input.topology),
  ];
}

function obstacleCaveats({ obstacles }: Argument): readonly string[] {
  return obstacles.flatMap(({ column, use }) => {
    if (use === 'function')
      return [
        `Some statements search an expression of ${column}: only an index on that very expression serves them.`,
      ];
    if (use === 'pattern')
      return [
        `Some statements search ${column} by a pattern: one that begins with % needs a trigram index (pg_trgm), another one an operator class for patterns or the collation C.`,
      ];
    if (use === 'operator')
      return [`Some statements search inside of ${column} with an operator that needs GIN or GiST.`];
    return [];
  });
}

/** Indexes that hold the columns, but not in a place where the statements could use them. */
const relatedTo = (columns: readonly string[], table: TableView): readonly RelatedIndex[] =>
  table.indexes
    .filter((index: IndexView) =>
      index.keys.some((key) => key.columnNumber !== null && columns.includes(key.text)),
    )
    .map((index) => ({
      schemaname: table.schemaname,
      indexrelname: index.name,
      role: 'overlaps',
      why: 'it holds a column of these and does not serve the statements',
    }));

function remedyFor(found: Case, columns: readonly string[], { catalogue }: Input): Remedy {
  const { table, silence } = found;
  if (columns.length === 0) {
    const notes =
      silence ??
      'No index on columns serves these statements: see the caveats for what would, and try it where plans can be compared.';
    return { kind: 'review', notes };
  }
  return {
    kind: 'create-index',
    table,
    columns,
    columnFacts: columnsOf(table, catalogue).filter(({ columnName }) => columns.includes(columnName)),
    notes: `A proposal: build it where plans can be compared first, and drop it again if the statements do not use it within ${humaneDuration(weekMs)}.`,
  };
}

const weekMs = 7 * 86_400_000;
