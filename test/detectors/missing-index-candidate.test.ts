import { describe, expect, it } from 'vitest';
import { statementReader } from '../../src/analysis/sql/conditions.ts';
import { loadSqlParser } from '../../src/analysis/sql/parser.ts';
import type { StatementFact } from '../../src/collectors/statements.ts';
import type { TableUsageFact } from '../../src/collectors/usage.ts';
import { missingIndexCandidate } from '../../src/detectors/missing-index-candidate/detector.ts';
import { hourMs } from '../../src/model/units.ts';
import {
  aColumnStatisticsFact,
  aServerFact,
  aStatementFact,
  type DescribedIndex,
  type DescribedTable,
  type Facts,
  skipped,
  tableOid,
  takenAtMs,
} from '../support/builders.ts';
import { usageOver } from '../support/usage.ts';
import { type Circumstances, judge, onlyDraft, reasonsOf } from './judge.ts';

const readStatement = statementReader(await loadSqlParser());

/** 1,000 scans a day of a million rows each, for sixty days. */
const costly: Partial<TableUsageFact> = {
  sequentialScansTotal: 60_000,
  sequentialRowsReadTotal: 60_000_000_000,
  rowsInsertedTotal: 60_000,
  rowsUpdatedTotal: 0,
  rowsHotUpdatedTotal: 0,
  rowsDeletedTotal: 0,
};

const orders = (more: Partial<DescribedTable> = {}): DescribedTable => ({
  name: 'orders',
  columns: [
    'id',
    'a',
    'b',
    'c',
    { name: 'at', type: 'timestamptz' },
    { name: 'note', type: 'text' },
    { name: 'data', type: 'jsonb' },
  ],
  rows: 1_000_000,
  usage: costly,
  indexes: [{ name: 'orders_pkey', keys: ['id'], fact: { isUnique: true, isPrimary: true } }],
  ...more,
});

type Said = Partial<StatementFact> | string;

function says(
  said: readonly Said[],
  table: Partial<DescribedTable> = {},
  more: Circumstances & { others?: readonly DescribedTable[] } = {},
) {
  const { others = [], facts, ...rest } = more;
  return judge(missingIndexCandidate, [orders(table), ...others], {
    readStatement,
    facts: { statements: statements(said), ...facts },
    ...rest,
  });
}

const statements = (said: readonly Said[]): readonly StatementFact[] =>
  said.map((one, place) =>
    aStatementFact({ queryId: String(place), ...(typeof one === 'string' ? { queryText: one } : one) }),
  );

const byA = 'select * from orders where a = $1';
const index = (...keys: readonly string[]): { indexes: readonly DescribedIndex[] } => ({
  indexes: [{ name: 'there', keys }],
});
/** Planner statistics of columns by their names. */
const distinct = (values: Readonly<Record<string, number>>, frequencies: readonly number[] = []): Facts => ({
  columnStatistics: Object.entries(values).map(([name, distinctValues]) =>
    aColumnStatisticsFact({
      tableOid: tableOid(10_000),
      attributeNumber: ['id', 'a', 'b', 'c', 'at', 'note', 'data'].indexOf(name) + 1,
      distinctValues,
      commonFrequencies: [...frequencies],
    }),
  ),
});
const withStatistics = (said: readonly Said[], facts: Facts, table: Partial<DescribedTable> = {}) =>
  says(said, table, { facts: { ...facts, statements: statements(said) } });

describe('missing-index-candidate', () => {
  it('opens for a table that slow statements read whole by a column without an index', () => {
    const draft = onlyDraft(says([byA]));
    expect(draft).toMatchObject({
      severity: 'info',
      confidence: 'possible',
      subject: '',
      columns: ['a'],
      title:
        'public.orders, with 1,000,000 rows, is read sequentially 1,000 times a day while statements filter on a, which no index begins with',
      evidence: {
        sequentialScansPerDay: 1_000,
        rowsReadPerScan: 1_000_000,
        sequentialRowsReadPerDay: 1_000_000_000,
        rowsWrittenPerDay: 1_000,
        countedBy: 'counters',
        tableRows: 1_000_000,
        statementsKnown: true,
        statementsUnread: 0,
        statements: [
          {
            callsTotal: 1_000,
            meanExecutionMs: 250,
            rowsPerCall: 1,
            isOverTarget: true,
            equality: ['a'],
            text: byA,
          },
        ],
      },
      remedy: { kind: 'create-index', columns: ['a'] },
    });
    expect(draft.caveats.join('\n')).toContain('1,000 rows are written a day');
    expect(draft.caveats.join('\n')).toContain('no plan was looked at');
  });

  it('tells statements over 100 ms before others, and proposes for them', () => {
    const often = {
      queryText: 'select * from orders where b = $1',
      callsTotal: 1_000_000,
      executionMsTotal: 50_000_000,
    };
    const draft = onlyDraft(says([often, byA]));
    expect(draft.columns).toEqual(['a']);
    expect(draft.evidence.statements).toMatchObject([{ isOverTarget: true }, { isOverTarget: false }]);
    expect(draft.caveats.join('\n')).toContain('Other statements filter on b; one index does not serve both');
  });

  it.each<[string, string, Facts, readonly string[]]>([
    ['equality before a range', 'select * from orders where at > $1 and a = $2', {}, ['a', 'at']],
    [
      'equality before the order that a LIMIT stops in',
      'select * from orders where a = $1 order by at desc limit $2',
      {},
      ['a', 'at'],
    ],
    ['no order where nothing limits it', 'select * from orders where a = $1 order by at', {}, ['a']],
    [
      'no more than it takes: a key needs no company',
      'select * from orders where a = $1 and b = $2 and at > $3',
      distinct({ a: -1 }),
      ['a'],
    ],
    [
      'the column with more values first',
      'select * from orders where a = $1 and b = $2',
      distinct({ a: 50, b: 20_000 }),
      ['b', 'a'],
    ],
    [
      'never more than three',
      'select * from orders where a = $1 and b = $2 and c = $3 and at > $4',
      {},
      ['a', 'b', 'c'],
    ],
    ['a range alone', 'select * from orders where at between $1 and $2', {}, ['at']],
    ['what an UPDATE searches', 'update orders set b = $1 where a = $2', {}, ['a']],
    ['what a DELETE searches', 'delete from public.orders o where o.a in ($1, $2)', {}, ['a']],
  ])('proposes %s', (_, sql, facts, columns) => {
    const draft = onlyDraft(withStatistics([sql], facts));
    expect(draft.remedy).toMatchObject({ kind: 'create-index', columns });
  });

  it('proposes a column that is joined on where another table is searched', () => {
    const others: readonly DescribedTable[] = [{ name: 'people', columns: ['id', 'name'] }];
    const join = 'select * from people p join orders o on o.a = p.id';
    expect(onlyDraft(says([`${join} where p.name = $1`], {}, { others })).columns).toEqual(['a']);
    expect(says([`${join} where true`], {}, { others }).drafts).toEqual([]);
    // Without aliases the columns' names decide, where only one table has them.
    expect(
      onlyDraft(says(['select * from people, orders where b = $1 and name = $2'], {}, { others })).columns,
    ).toEqual(['b']);
    expect(says(['select * from people, orders where id = $1'], {}, { others }).drafts).toEqual([]);
  });

  describe('near misses', () => {
    const silent: readonly [string, ReturnType<typeof says>][] = [
      [
        'aggregates and exports of the whole table',
        says(['select count(*) from orders', 'select * from orders order by at']),
      ],
      ['no statement at all that filters it', says([])],
      [
        'a condition that leaves much of the table, by what it returns',
        says([{ queryText: byA, rowsTotal: 1_000 * 300_000 }]),
      ],
      [
        'a condition that leaves much of the table, by the statistics',
        withStatistics([byA], distinct({ a: 4 })),
      ],
      [
        'two flags that leave a quarter of the table together',
        withStatistics(['select * from orders where a = $1 and b = $2'], distinct({ a: 2, b: 2 })),
      ],
      ['an index that begins with the column', says([byA], index('a', 'b'))],
      ['a unique index on one of the columns', says(['select * from orders where id = $1 and a = $2'])],
      [
        'an index on one of the columns that leaves few rows',
        withStatistics(['select * from orders where a = $1 and b = $2'], distinct({ a: 5_000 }), index('a')),
      ],
      [
        'a hash index',
        says([byA], { indexes: [{ name: 'there', keys: ['a'], fact: { accessMethod: 'hash' } }] }),
      ],
      [
        'an index in the order that the LIMIT stops in',
        says(['select * from orders where a > $1 order by at limit $2'], index('at')),
      ],
      ['a statement too fast to have read it', says([{ queryText: byA, executionMsTotal: 1_000 * 2 }])],
      [
        'a statement that somebody ran by hand',
        says([{ queryText: byA, callsTotal: 12, executionMsTotal: 12_000 }]),
      ],
      [
        'what no index serves',
        says([
          'select * from orders where a <> $1',
          'select * from orders where a is not null and (b = $1 or c = $2)',
        ]),
      ],
      [
        'a search of expressions that an index on an expression may serve',
        says(['select * from orders where lower(note) = $1'], {
          indexes: [{ name: 'there', keys: ['lower(note)'] }],
        }),
      ],
      [
        'statements on a table of the name in another schema',
        says(['select * from archive.orders where a = $1']),
      ],
      [
        'a query of WITH that is called like the table',
        says(['with orders as (select 1 as a) select * from orders where a = $1']),
      ],
      ['a small table', says([byA], { rows: 999 })],
      [
        'a table read once a night',
        says([byA], { usage: { ...costly, sequentialScansTotal: 60, sequentialRowsReadTotal: 60_000_000 } }),
      ],
      [
        'a table read in few large dumps',
        says([byA], {
          usage: { ...costly, sequentialScansTotal: 600, sequentialRowsReadTotal: 60_000_000_000 },
        }),
      ],
      ['scans that read little', says([byA], { usage: { ...costly, sequentialRowsReadTotal: 60_000 * 10 } })],
      [
        'more writes than reads are worth',
        says([byA], { usage: { ...costly, rowsInsertedTotal: 6_000_000_000 } }),
      ],
      ['a virtual column and a type without an order', says(['select * from orders where data = $1'])],
    ];
    it.each(silent)('is silent on %s', (_, evaluation) => {
      expect(evaluation.drafts.map(({ title }) => title)).toEqual([]);
      expect(reasonsOf(evaluation)).toEqual([]);
    });

    it('is not silent on the same without what makes them near', () => {
      expect(says([byA], index('b', 'a')).drafts).toHaveLength(1);
      expect(
        says([byA], { indexes: [{ name: 'there', keys: ['a'], fact: { isValid: false } }] }).drafts,
      ).toHaveLength(1);
      expect(
        withStatistics(
          ['select * from orders where a = $1 and b = $2'],
          distinct({ a: 2, b: 5_000 }),
          index('a'),
        ).drafts,
      ).toHaveLength(1);
    });
  });

  describe('what speaks against it', () => {
    it('is said: a value that is common, rows that are not counted, what cannot be told of a range', () => {
      const draft = onlyDraft(withStatistics([byA], distinct({ a: 500 }, [0.6])));
      expect(draft.caveats.join('\n')).toContain('One value of a is in 60 % of the rows');
      expect(draft.evidence.matchedShareRatio).toBe(0.002);
      const range = onlyDraft(says(['select * from orders where at > $1']));
      expect(range.caveats.join('\n')).toContain('How many rows the conditions leave is not known');
    });

    it.each([
      ['lower(note) = $1', 'an expression of note', 'only an index on that very expression'],
      ['note like $1', 'a pattern in note', 'begins with % needs a trigram index'],
      ['data @> $1', 'inside of data', 'needs GIN or GiST'],
    ])('%s: no SQL, but what would serve', (where, searched, caveat) => {
      const draft = onlyDraft(says([`select * from orders where ${where}`]));
      expect(draft.title).toContain(`while statements search ${searched}, which no index serves`);
      expect(draft.remedy.kind).toBe('review');
      expect(draft.columns).toEqual([]);
      expect(draft.caveats.join('\n')).toContain(caveat);
    });

    it('is silent on such searches where they are fast', () => {
      expect(
        says([{ queryText: 'select * from orders where lower(note) = $1', executionMsTotal: 50_000 }]).drafts,
      ).toEqual([]);
    });
  });

  describe('what it does not know', () => {
    const reason = 'pg_stat_statements is not installed in this database';

    it('says without statements what to install, and prints nothing', () => {
      const evaluation = says([], {}, { facts: { outcomes: { statements: skipped(reason, 'install it') } } });
      const draft = onlyDraft(evaluation);
      expect(draft).toMatchObject({
        columns: [],
        evidence: { statementsKnown: false, statements: [] },
        remedy: {
          kind: 'review',
          notes: `Which columns statements filter on is not known: ${reason}; install it.`,
        },
      });
      expect(draft.caveats[0]).toContain('Reports, exports and counts over the whole table look the same');
      expect(evaluation.undecided).toEqual([]);
    });

    it('says which right is lacking where the statements of others are hidden', () => {
      const facts = { server: aServerFact({ hasReadAllStats: false }), statements: [] };
      expect(onlyDraft(says([], {}, { facts })).remedy).toMatchObject({
        kind: 'review',
        notes: expect.stringContaining('GRANT pg_read_all_stats'),
      });
    });

    it('names no columns for a name that two schemas have', () => {
      const others = [
        orders({
          schema: 'archive',
          usage: { ...costly, sequentialScansTotal: 0, sequentialRowsReadTotal: 0 },
        }),
      ];
      const draft = onlyDraft(says([byA], {}, { others }));
      expect(draft.remedy).toMatchObject({
        kind: 'review',
        notes: expect.stringContaining('more than one schema'),
      });
      expect(onlyDraft(says(['select * from public.orders where a = $1'], {}, { others })).columns).toEqual([
        'a',
      ]);
    });

    it('counts statements that it cannot read, and stays silent where nothing else speaks', () => {
      const unread: Said[] = ['select * from orders where a = ', { queryText: byA, isCut: true }];
      expect(says(unread).drafts).toEqual([]);
      const draft = onlyDraft(says([...unread, byA]));
      expect(draft.evidence.statementsUnread).toBe(2);
      expect(draft.caveats.join('\n')).toContain('2 statements could not be read');
    });

    it('gives no verdict right after a reset of the statistics, nor on what was not counted', () => {
      const server = aServerFact({ databaseStatsResetAtMs: takenAtMs - 3 * hourMs });
      const early = says([byA], {}, { facts: { server, statements: statements([byA]) } });
      expect(early.drafts).toEqual([]);
      expect(reasonsOf(early)).toEqual([
        'public.orders: the statistics are 3 h old, and a verdict wants 1 d',
      ]);
      expect(reasonsOf(says([byA], { usage: null }))).toEqual([
        'public.orders: its counters were not collected',
      ]);
      const off = says([byA], {}, { facts: { server: aServerFact({ trackCounts: false }) } });
      expect(reasonsOf(off)[0]).toContain('track_counts is off');
      const standby = says([byA], {}, { facts: { server: aServerFact({ isInRecovery: true }) } });
      expect(reasonsOf(standby)[0]).toContain('this node is a standby');
      expect(reasonsOf(says([byA], { rows: null, usage: { ...costly, liveRows: 0 } }))).toEqual([
        'public.orders: its rows were never counted; run ANALYZE on it',
      ]);
    });

    it('gives none on a table whose columns, or whose indexes, could not be read', () => {
      const facts = { statements: statements([byA]), expectedColumns: [], candidateColumns: [] };
      expect(reasonsOf(says([], {}, { facts }))).toEqual([
        'public.orders: its columns have not been read yet',
      ]);
      const locked = { indexes: [{ name: 'there', keys: ['b'], fact: { isDefinitionKnown: false } }] };
      expect(reasonsOf(says([byA], locked))[0]).toContain('locked');
    });
  });

  describe('with a history', () => {
    const watched = (reads: (day: number) => number, nodes: readonly string[] = ['primary']) =>
      says(
        [byA],
        {},
        { usage: usageOver([orders()], { days: 40, nodes, reads: (_, { day }) => reads(day) }) },
      );

    it('goes by the last observed days, on all nodes', () => {
      // Six looks a day.
      const draft = onlyDraft(watched(() => 100, ['primary', 'standby']));
      expect(draft.evidence).toMatchObject({
        countedBy: 'history',
        daysObserved: 7,
        sequentialScansPerDay: 1_200,
        nodes: ['primary', 'standby'],
      });
      expect(draft.caveats.join('\n')).not.toContain('The counters are an average');
    });

    it('is silent on what was a month ago, whatever the counters hold', () => {
      expect(watched((day) => (day > 20 ? 10_000 : 0)).drafts).toEqual([]);
    });

    it('goes by the counters before a day is whole', () => {
      const usage = usageOver([orders()], { days: 0.5, reads: () => 1 });
      expect(onlyDraft(says([byA], {}, { usage })).evidence.countedBy).toBe('counters');
    });
  });

  it('shows no more of the texts than it may', () => {
    const long = `select * from orders where a = $1 ${'and b > $2 '.repeat(100)}`;
    const shown = (settings: Readonly<Record<string, unknown>>) =>
      onlyDraft(says([long], {}, { settings })).evidence.statements as readonly { readonly text?: string }[];
    expect(shown({})[0]?.text).toBe(`${long.slice(0, 200)}…`);
    expect(shown({ statementTextMax: 0 })[0]).not.toHaveProperty('text');
  });

  it('judges a partitioned table at its top, by what its partitions were read', () => {
    const part = (name: string): DescribedTable => ({
      ...orders({ name, indexes: [] }),
      fact: { isPartition: true, parentOid: tableOid(10_000) },
    });
    const tables: readonly DescribedTable[] = [
      orders({ fact: { relkind: 'p' }, usage: null, indexes: [] }),
      part('orders_1'),
      part('orders_2'),
    ];
    const facts = { statements: statements([byA, 'select * from orders_2 where b = $1']) };
    const draft = onlyDraft(judge(missingIndexCandidate, tables, { readStatement, facts }));
    expect(draft.table.relname).toBe('orders');
    expect(draft.evidence).toMatchObject({ sequentialScansPerDay: 2_000, tableRows: 2_000_000 });
    expect(draft.evidence.statements).toHaveLength(2);
  });

  it('has settings for everything that it decides by', () => {
    expect(says([byA], {}, { settings: { scansPerDayMin: 1_001 } }).drafts).toEqual([]);
    expect(says([byA], {}, { settings: { rowsReadPerDayMin: 2_000_000_000 } }).drafts).toEqual([]);
    expect(says([byA], {}, { settings: { callsMin: 1_001 } }).drafts).toEqual([]);
    expect(says([byA], {}, { policy: { minRowsForWarning: 2_000_000 } }).drafts).toEqual([]);
    expect(
      onlyDraft(says([byA], {}, { settings: { slowStatementMs: 300 } })).evidence.statements,
    ).toMatchObject([{ isOverTarget: false }]);
  });
});
