import type { DatabaseName } from './databases.ts';
import {
  compare,
  explain,
  figure,
  type Measure,
  numberOf,
  type Question,
  time,
  workload,
} from './measure.ts';
import { findNode, shortPlan } from './plan-form.ts';
import { median, percentile } from './statistics.ts';

/*
 * What is measured of the backtest metadata, with all indexes of the manifest unless said otherwise: without a run ("empty"), with
 * 10,000 runs ("loaded") and with 100,000 ("stress"), each times the scale.
 */

const daysBefore = (now: Date, days: number): Date => new Date(now.getTime() - days * 86_400_000);

const dateRange = (label: string, days: number): Question => ({
  ...workload('pattern 6: date range'),
  label,
  parameters: ({ now, below }) => {
    const back = days + below(Math.max(1, 700 - days));
    return [daysBefore(now, back), daysBefore(now, back - days)];
  },
});

const withMetrics = 'from backtest_runs br left join performance_metrics pm on br.id = pm.backtest_run_id';

/** The seven query patterns; those of the demo's workload as they stand there. */
const patterns: Readonly<Record<string, Question>> = {
  'pattern 1': workload('pattern 1: single record by id'),
  'pattern 2': workload('pattern 2: recent backtests'),
  'pattern 3': workload('pattern 3: filter by strategy'),
  'pattern 4': workload('pattern 4: sort by metrics'),
  'pattern 5': workload('pattern 5: comparison'),
  'pattern 6 day': dateRange('one day', 1),
  'pattern 6 month': dateRange('one month', 30),
  'pattern 6 year': dateRange('one year', 365),
  'pattern 7': {
    label: 'pattern 7: parameter search',
    sql: `select br.*, pm.* ${withMetrics} where br.config_snapshot @> $1::jsonb order by br.created_at desc limit 20`,
    parameters: ({ below }) => [JSON.stringify({ fast_period: 5 * (1 + below(6)) })],
  },
};

/** The five example queries with expected plans. */
const examples: Readonly<Record<string, Question>> = {
  'example 1': {
    label: 'recent backtests',
    sql: `select br.id, br.created_at, br.strategy_name, br.instrument_symbol, br.status, pm.total_return, pm.sharpe_ratio, pm.max_drawdown
      ${withMetrics} order by br.created_at desc, br.id desc limit 20`,
  },
  'example 2': {
    label: 'runs of a strategy by cursor',
    sql: `select br.id, br.created_at, br.strategy_name, br.instrument_symbol, pm.sharpe_ratio ${withMetrics}
      where br.strategy_name = $1 and (br.created_at, br.id) < ($2, '80000000-0000-0000-0000-000000000000')
      order by br.created_at desc, br.id desc limit 20`,
    parameters: ({ keys, one, now, below }) => [one(keys.strategies), daysBefore(now, below(600))],
  },
  'example 3': {
    label: 'best by Sharpe ratio',
    sql: `select br.id, br.strategy_name, br.instrument_symbol, br.created_at, pm.sharpe_ratio, pm.total_return, pm.max_drawdown
      from performance_metrics pm join backtest_runs br on pm.backtest_run_id = br.id
      where br.status = 'success' order by pm.sharpe_ratio desc limit 10`,
  },
  'example 4': {
    label: 'search by parameters',
    sql: `select br.id, br.strategy_name, br.created_at, br.config_snapshot->>'fast_period' as fast_period,
        br.config_snapshot->>'slow_period' as slow_period, pm.sharpe_ratio ${withMetrics}
      where br.config_snapshot @> $1::jsonb order by br.created_at desc limit 20`,
    parameters: ({ below }) => [
      JSON.stringify({ fast_period: 5 * (1 + below(6)), slow_period: 10 * (1 + below(20)) }),
    ],
  },
  'example 5': {
    label: 'comparison of ten',
    sql: `select br.id, br.strategy_name, br.instrument_symbol, br.created_at, br.config_snapshot, pm.* ${withMetrics}
      where br.id = any($1::uuid[]) order by br.created_at desc`,
    parameters: ({ keys, one }) => [Array.from({ length: 10 }, () => one(keys.runs))],
  },
};

const byId: Question = {
  label: 'a run by its id',
  sql: 'select * from backtest_runs where id = $1',
  parameters: ({ keys, one }) => [one(keys.runs)],
};
const newest: Question = {
  label: 'the newest 20',
  sql: 'select * from backtest_runs order by created_at desc limit 20',
};
const sharpeTop: Question = {
  label: 'top 20 by Sharpe ratio',
  sql: `select br.*, pm.* from backtest_runs br join performance_metrics pm on br.id = pm.backtest_run_id
    order by pm.sharpe_ratio desc limit 20`,
};
const containment: Question = {
  label: 'containment',
  sql: 'select id from backtest_runs where config_snapshot @> $1::jsonb',
  parameters: ({ below }) => [
    JSON.stringify({ fast_period: 5 * (1 + below(6)), slow_period: 10 * (1 + below(20)) }),
  ],
};
const pageSize = 20;
const pages = [1, 10, 100] as const;

/** Whole rows, as the document asks for them, or the columns of the list, which the covering index holds. */
const pageColumns = {
  rows: '*',
  list: 'id, created_at, strategy_name, instrument_symbol, status',
} as const;
type PageColumns = keyof typeof pageColumns;

const pageByOffset = (page: number, columns: PageColumns): Question => ({
  label: columns === 'rows' ? `page ${page}` : `page ${page}, columns of the list`,
  sql: `select ${pageColumns[columns]} from backtest_runs
    order by created_at desc limit ${pageSize} offset ${(page - 1) * pageSize}`,
});

/** A page by offset (before) and by cursor (after), in one database. */
const paging = (choose: (stressRuns: number) => number, columns: PageColumns): Measure => ({
  needs: ['backtest_stress'],
  run: async (lab) => {
    const page = choose(lab.volume.stressRuns);
    const offset = pageByOffset(page, columns);
    const byCursor = `select ${pageColumns[columns]} from backtest_runs
      order by created_at desc, id desc limit ${pageSize}`;
    // What a client has from the page before is looked up before anything is timed.
    const { rows } = await lab.connection('backtest_stress').query<{ at: string; id: string }>(
      `select created_at::text as at, id from backtest_runs
       order by created_at desc, id desc limit 1 offset $1`,
      [Math.max(0, (page - 1) * pageSize - 1)],
    );
    const [last] = rows;
    if (last === undefined) throw new Error(`there is no page ${page}`);
    const cursor: Question = {
      label: offset.label,
      sql: page === 1 ? byCursor : byCursor.replace('order by', 'where (created_at, id) < ($1, $2) order by'),
      ...(page === 1 ? {} : { parameters: () => [last.at, last.id] }),
    };
    return compare('backtest_stress', 'backtest_stress', offset, cursor).run(lab);
  },
});

/** The two operator classes on configurations without the values that occur once: results of a grid, notes, a running number. */
const parametersOnly: Measure = {
  needs: ['backtest_loaded'],
  run: async (lab) => {
    const client = lab.connection('backtest_loaded');
    await client.query('begin');
    try {
      await client.query(
        `create temp table parameters on commit drop as
         select (config_snapshot - 'grid' - 'notes') #- '{execution,run}' as config from backtest_runs;
         create index parameters_paths on parameters using gin (config jsonb_path_ops);
         create index parameters_default on parameters using gin (config)`,
      );
      const value = await numberOf(
        client,
        `select ${sizeOf('parameters_paths')} / ${sizeOf('parameters_default')} as value`,
      );
      return { kind: 'figure', label: 'parameters that recur', unit: '×', value };
    } finally {
      await client.query('rollback');
    }
  },
};

const sizeOf = (index: string): string => `pg_relation_size('${index}')::numeric`;

/** By how much one index is larger than another, or one database's than another's. */
const sizeRatio = (
  label: string,
  large: readonly [DatabaseName, string],
  small: readonly [DatabaseName, string],
): Measure => ({
  needs: [large[0], small[0]],
  run: async (lab) => {
    const bytes = ([database, index]: readonly [DatabaseName, string]): Promise<number> =>
      numberOf(lab.connection(database), `select ${sizeOf(index)} as value`);
    return { kind: 'figure', label, unit: '×', value: (await bytes(large)) / (await bytes(small)) };
  },
});

/** The largest share of the rows, in steps of one instrument of twelve, that is still read through an index. */
const selectivityLimit: Measure = {
  needs: ['backtest_loaded'],
  run: async (lab) => {
    const client = lab.connection('backtest_loaded');
    const { rows } = await client.query<{ symbol: string; share: string }>(
      `select instrument_symbol as symbol, 100.0 * count(*) / sum(count(*)) over () as share
       from backtest_runs group by 1 order by 1`,
    );
    let value = 0;
    let sum = 0;
    let plan = '';
    for (const [place, { share }] of rows.entries()) {
      sum += Number(share);
      const { Plan } = await explain(
        client,
        { label: '', sql: 'select * from backtest_runs where instrument_symbol = any($1)' },
        [rows.slice(0, place + 1).map(({ symbol }) => symbol)],
      );
      if (Plan['Node Type'] === 'Seq Scan') break;
      value = sum;
      plan = shortPlan(Plan);
    }
    return { kind: 'figure', label: 'largest share that is read through an index', unit: '%', value, plan };
  },
};

/** How many rows the server reads for page 100 by offset. */
const rowsBehindOffset: Measure = {
  needs: ['backtest_stress'],
  run: async (lab) => {
    const { Plan } = await explain(
      lab.connection('backtest_stress'),
      pageByOffset(100, 'rows'),
      [],
      ', analyze, timing off',
    );
    const scan = findNode(Plan, 'Index Scan') ?? Plan.Plans?.[0];
    return {
      kind: 'figure',
      label: 'rows read for page 100',
      unit: 'rows',
      value: scan?.['Actual Rows'] ?? Number.NaN,
      plan: shortPlan(Plan),
    };
  },
};

/** How long planning takes, by the server's own clock. */
const planning: Measure = {
  needs: ['backtest_loaded'],
  run: async (lab) => {
    const client = lab.connection('backtest_loaded');
    const question = patterns['pattern 3'] ?? newest;
    const draw = lab.draw('backtest_loaded');
    const ms: number[] = [];
    let plan = '';
    for (let run = 0; run < lab.runs; run += 1) {
      const explained = await explain(client, question, question.parameters?.(draw) ?? [], ', summary');
      ms.push(explained['Planning Time'] ?? Number.NaN);
      plan = shortPlan(explained.Plan);
    }
    const timing = { medianMs: median(ms), p95Ms: percentile(ms, 0.95), runs: ms.length, plan };
    return { kind: 'timed', label: 'planning', timing };
  },
};

/** The partial index on the last six months, whose condition moves with the clock. */
const recentOnly: Measure = {
  needs: ['backtest_loaded'],
  run: async (lab) => {
    const label = 'index of the last six months';
    const client = lab.connection('backtest_loaded');
    await client.query('begin');
    try {
      await client.query(
        `create index on backtest_runs (created_at desc, id desc) where created_at > now() - interval '6 months'`,
      );
      return { kind: 'done', label };
    } catch (caught) {
      return { kind: 'refused', label, why: caught instanceof Error ? caught.message : String(caught) };
    } finally {
      await client.query('rollback');
    }
  },
};

const ginBuild: Measure = {
  needs: ['backtest_stress'],
  run: async (lab) => {
    const client = lab.connection('backtest_stress');
    await client.query('begin');
    const began = performance.now();
    await client.query('create index on backtest_runs using gin (config_snapshot jsonb_path_ops)');
    const value = (performance.now() - began) / 1000;
    await client.query('rollback');
    return { kind: 'figure', label: 'building the GIN index', unit: 's', value };
  },
};

/** Each pattern and example at 10,000 runs (before) and at 100,000 (after). */
const atBothSizes = (questions: Readonly<Record<string, Question>>): Readonly<Record<string, Measure>> =>
  Object.fromEntries(
    Object.entries(questions).map(([name, question]) => [
      name,
      compare('backtest_loaded', 'backtest_stress', question),
    ]),
  );

/** By how many percent the index of failed runs is smaller than the one of all, on the same columns. */
const partialSize = (database: DatabaseName, label: string): Measure =>
  figure(database, {
    label,
    unit: '%',
    sql: `select 100 * (1 - ${sizeOf('idx_backtest_runs_failed')} / ${sizeOf('idx_backtest_runs_created_id')}) as value`,
  });

const configIndex = 'idx_backtest_runs_config_gin';
const listIndex = 'idx_backtest_runs_created_id';

/** By name. */
export const backtestMeasures: Readonly<Record<string, Measure>> = {
  ...atBothSizes({ ...patterns, ...examples }),
  'by id': time('backtest_loaded', byId),
  'newest 20': time('backtest_loaded', newest),
  'empty by id': time('backtest_empty', {
    ...byId,
    parameters: () => ['00000000-0000-0000-0000-000000000000'],
  }),
  'empty newest 20': time('backtest_empty', newest),
  'all of a strategy': time('backtest_loaded', {
    label: 'all runs of a strategy',
    sql: `select br.*, pm.* ${withMetrics} where br.strategy_name = $1 order by br.created_at desc`,
    parameters: ({ keys, one }) => [one(keys.strategies)],
  }),
  'strategy without metrics': time('backtest_loaded', {
    label: '20 runs of a strategy',
    sql: 'select * from backtest_runs where strategy_name = $1 order by created_at desc limit 20',
    parameters: ({ keys, one }) => [one(keys.strategies)],
  }),
  planning,
  'sharpe top 20': time('backtest_loaded', sharpeTop),
  covering: compare('backtest_uncovered', 'backtest_loaded', workload('pattern 2: recent backtests')),
  'operator class': compare('backtest_default_class', 'backtest_loaded', {
    ...containment,
    label: 'loaded',
  }),
  'operator class, stress': compare('backtest_stress_default_class', 'backtest_stress', {
    ...containment,
    label: 'stress',
  }),
  'operator class size': sizeRatio(
    'loaded',
    ['backtest_loaded', configIndex],
    ['backtest_default_class', configIndex],
  ),
  'operator class size, stress': sizeRatio(
    'stress',
    ['backtest_stress', configIndex],
    ['backtest_stress_default_class', configIndex],
  ),
  'gin against btree': sizeRatio(
    'GIN over B-tree',
    ['backtest_loaded', configIndex],
    ['backtest_loaded', listIndex],
  ),
  'gin size': figure('backtest_loaded', {
    label: 'GIN of 10,000 configurations',
    unit: 'MB',
    sql: `select ${sizeOf(configIndex)} / 1e6 as value`,
  }),
  'gin build': ginBuild,
  'failed share': figure('backtest_loaded', {
    label: 'failed runs',
    unit: '%',
    sql: `select 100.0 * count(*) filter (where status = 'failed') / count(*) as value from backtest_runs`,
  }),
  'partial size': partialSize('backtest_loaded', 'loaded'),
  'partial size, stress': partialSize('backtest_stress', 'stress'),
  'recent only': recentOnly,
  'strategy share': figure('backtest_loaded', {
    label: 'largest share of a strategy',
    unit: '%',
    sql: `select 100.0 * max(n) / sum(n) as value from (select count(*) as n from backtest_runs group by strategy_name) s`,
  }),
  'strategy matches': figure('backtest_loaded', {
    label: 'runs of a strategy, on average',
    unit: 'rows',
    sql: `select avg(n) as value from (select count(*) as n from backtest_runs group by strategy_name) s`,
  }),
  'selectivity limit': selectivityLimit,
  ...Object.fromEntries(pages.map((page) => [`page ${page}`, paging(() => page, 'rows')])),
  // Page 1,000 of 5,000 at scale 1.
  'deep page': paging((stressRuns) => Math.floor(stressRuns / (5 * pageSize)), 'rows'),
  'page 100 of the list': paging(() => 100, 'list'),
  'operator class size, parameters': parametersOnly,
  'rows behind offset': rowsBehindOffset,
  'offset 1000': time('backtest_stress', { ...pageByOffset(51, 'rows'), label: 'a page at offset 1,000' }),
};

/** Groups that claims speak of as a whole. */
export const backtestGroups = {
  patterns: Object.keys(patterns),
} as const;
