import { backtestGroups } from './backtest.ts';
import { above, below, claimList, cost, counts, possible, speedup, takes, took } from './claim-list.ts';

/*
 * Every number of the query research, in its order. Literals of examples (`LIMIT 20`, `fast_period: 10`), column lengths and names
 * are no numbers in this sense. Times without a size are taken at 10,000 runs, the size that the document plans for.
 */

const { claims, section } = claimList('backtest');

const targets = section('Performance Targets');
targets.measured('targets.single', 'a run by its id below 100 ms', 'pattern 1', below(100, 'before'));
targets.measured('targets.list', '20 recent runs below 200 ms', 'pattern 2', below(200, 'before'));
targets.measured(
  'targets.comparison',
  'comparison of up to 10 runs below 2 s',
  'pattern 5',
  below(2000, 'before'),
);
targets.measured(
  'targets.scale',
  '10,000 runs and more without degradation (here: ten times as many take at most a quarter longer)',
  backtestGroups.patterns,
  cost(0, 25),
);

const primary = section('Primary Indexes (Critical)');
primary.measured('primary.uuid', 'a look-up by UUID below 1 ms', 'by id', below(1));
primary.measured('primary.recent', 'the newest 20 in 5–10 ms', 'newest 20', takes(5, 10));
primary.measured(
  'primary.date-range',
  'a date range in 10–50 ms',
  ['pattern 6 day', 'pattern 6 month', 'pattern 6 year'],
  takes(10, 50, 'before'),
);
primary.measured(
  'gin.against-btree',
  'GIN takes 2–3 times the size of a B-tree',
  'gin against btree',
  counts(2, 3),
);
primary.stated(
  'gin.config-size',
  'a configuration has 5 KB on average',
  'a condition of the next row; configurations of `demo/backtest-data.sql` have 1 to 5 KB',
);
primary.measured('gin.size', 'GIN of 10,000 configurations: 100–150 MB', 'gin size', counts(100, 150));

const secondary = section('Secondary Indexes (Performance Enhancement)');
secondary.stated(
  'secondary.rare',
  'a partial index where fewer than 5 % of the runs failed',
  'a threshold: `alternatives` in `expectations/backtest.yaml` lets either index do',
);
secondary.measured('covering.without', 'the list without INCLUDE: 15–20 ms', 'covering', took(15, 20));
secondary.measured('covering.with', 'the list with INCLUDE: 5–10 ms', 'covering', takes(5, 10));

const partial = section('Partial Indexes for Specific Cases');
partial.measured('partial.rate', 'one run in twenty fails (5 % or fewer)', 'failed share', counts(0, 5));
partial.measured(
  'partial.size',
  'the index of failed runs is 95 % smaller than the full one',
  ['partial size', 'partial size, stress'],
  counts(95, 100),
);
partial.measured('partial.recent', 'an index of the last 6 months only', 'recent only', possible);

const jsonb = section('JSONB Indexing Deep Dive');
jsonb.stated('jsonb.ops-size', 'jsonb_ops: 1 ×', 'the unit of the next row');
jsonb.measured(
  'jsonb.path-ops-size',
  'jsonb_path_ops takes 0.4 × the size of jsonb_ops',
  ['operator class size', 'operator class size, stress', 'operator class size, parameters'],
  counts(0.35, 0.45),
);
jsonb.measured(
  'jsonb.path-ops-speed',
  'jsonb_path_ops is 2–3 × as fast',
  ['operator class', 'operator class, stress'],
  speedup(2, 3),
);

const first = section('Pattern 1: Single Record by ID');
first.measured('pattern-1.target', 'below 100 ms', 'pattern 1', below(100, 'before'));
first.measured('pattern-1.expected', '1–5 ms', 'pattern 1', takes(1, 5, 'before'));

const second = section('Pattern 2: List Recent Backtests');
second.measured('pattern-2.target', 'below 200 ms', 'pattern 2', below(200, 'before'));
second.measured('pattern-2.expected', '10–20 ms', 'covering', takes(10, 20, 'before'));
second.measured('pattern-2.covering', '5–10 ms with the covering index', 'covering', takes(5, 10));
second.stated(
  'pattern-2.cache',
  'results are cached for 30–60 seconds',
  'a matter of the application: nothing of it reaches the database',
);

const third = section('Pattern 3: Filter by Strategy');
third.measured('pattern-3.target', 'below 200 ms', 'pattern 3', below(200, 'before'));
third.measured('pattern-3.expected', '15–30 ms', 'pattern 3', takes(15, 30, 'before'));
third.measured(
  'pattern-3.share',
  'of five strategies each has 20 % of the runs',
  'strategy share',
  counts(18, 22),
);
third.measured(
  'pattern-3.selectivity',
  'the index is efficient up to about 30 % of the rows',
  'selectivity limit',
  counts(25, 35),
);

const fourth = section('Pattern 4: Sort by Metrics');
fourth.measured('pattern-4.target', 'below 2 s', 'pattern 4', below(2000, 'before'));
fourth.measured('pattern-4.expected', '20–50 ms', 'pattern 4', takes(20, 50, 'before'));

const fifth = section('Pattern 5: Comparison Query');
fifth.measured('pattern-5.target', 'below 2 s for 2–10 runs', 'pattern 5', below(2000, 'before'));
fifth.measured('pattern-5.expected', '5–15 ms', 'pattern 5', takes(5, 15, 'before'));

const sixth = section('Pattern 6: Date Range Query');
sixth.measured(
  'pattern-6.target',
  'below 200 ms',
  ['pattern 6 day', 'pattern 6 month', 'pattern 6 year'],
  below(200, 'before'),
);
sixth.measured('pattern-6.day', 'one day in 10–20 ms', 'pattern 6 day', takes(10, 20, 'before'));
sixth.measured('pattern-6.month', 'one month in 30–60 ms', 'pattern 6 month', takes(30, 60, 'before'));
sixth.measured('pattern-6.year', 'one year in 100–200 ms', 'pattern 6 year', takes(100, 200, 'before'));

const seventh = section('Pattern 7: JSONB Parameter Search');
seventh.measured('pattern-7.target', 'below 500 ms', 'pattern 7', below(500, 'before'));
seventh.measured('pattern-7.expected', '50–200 ms', 'pattern 7', takes(50, 200, 'before'));

const pagination = section('Pagination Strategy');
pagination.measured('pagination.offset-1', 'offset, page 1: 10 ms', 'page 1', took(10, 10));
pagination.measured('pagination.offset-10', 'offset, page 10: 50 ms', 'page 10', took(50, 50));
pagination.measured('pagination.offset-100', 'offset, page 100: 500 ms', 'page 100', took(500, 500));
pagination.measured(
  'pagination.offset-rows',
  'page 100 reads 2,000 rows (and discards all but 20)',
  'rows behind offset',
  counts(2000),
);
pagination.stated(
  'pagination.offset-small',
  'offset for fewer than 1,000 records, and for results of fewer than 100',
  'advice to the application',
);
pagination.measured('pagination.cursor-1', 'cursor, page 1: 10 ms', 'page 1', takes(10, 10));
pagination.measured('pagination.cursor-10', 'cursor, page 10: 10 ms', 'page 10', takes(10, 10));
pagination.measured('pagination.cursor-100', 'cursor, page 100: 10 ms', 'page 100', takes(10, 10));
pagination.measured(
  'pagination.cursor-speedup',
  'a cursor is 17 × as fast on deep pages',
  ['page 10', 'page 100', 'page 100 of the list', 'deep page'],
  speedup(17),
);

const maintenance = section('Index Maintenance Strategy');
maintenance.stated(
  'maintenance.build-order',
  'seven steps in which indexes are built',
  'an order: `indexwarden plan` builds in it, see `docs/plan.md`',
);
maintenance.stated(
  'maintenance.unused',
  'idx_scan = 0 after 1 week: drop',
  'a threshold: `policy.unusedAfter`, 7d for backtest in `config/residency-and-backtest.yaml`',
);
maintenance.stated(
  'maintenance.read-ratio',
  'more than 100 entries read per scan is a high ratio',
  'a threshold: `tuplesPerScanMin` of `high-read-ratio-index`',
);
maintenance.stated(
  'maintenance.analyze',
  'ANALYZE weekly',
  'a calendar: `staleAfterDays` of `stale-statistics`, preset 7',
);
maintenance.stated(
  'maintenance.reindex',
  'REINDEX quarterly, where bloat is found',
  'a calendar: `bloated-index` says when there is a reason',
);
maintenance.stated(
  'maintenance.autovacuum',
  'autovacuum_vacuum_scale_factor 0.05 and autovacuum_analyze_scale_factor 0.02',
  'settings of a table, which are the operator’s',
);

const baseline = section('Test Scenarios: Baseline Performance (empty database)');
baseline.measured('empty.single', 'a run by its id below 1 ms', 'empty by id', below(1));
baseline.measured('empty.list', 'the newest 20 below 5 ms', 'empty newest 20', below(5));

const loaded = section('Test Scenarios: Loaded Database (10,000 records)');
loaded.measured('loaded.single', 'a run by its id below 5 ms', 'by id', below(5));
loaded.measured('loaded.list', 'the newest 20 below 20 ms', 'newest 20', below(20));
loaded.measured('loaded.matches', 'a strategy matches 2,000 runs', 'strategy matches', counts(1900, 2100));
loaded.measured(
  'loaded.strategy',
  'filter by strategy below 30 ms',
  ['pattern 3', 'all of a strategy'],
  below(30, 'before'),
);
loaded.measured('loaded.sharpe', 'top 20 by Sharpe ratio below 50 ms', 'sharpe top 20', below(50));
loaded.measured('loaded.comparison', 'comparison of 10 runs below 15 ms', 'example 5', below(15, 'before'));

const stress = section('Test Scenarios: Stress Test (100,000 records)');
const stressTargets = [
  ['pattern-1', 'pattern 1', 100],
  ['pattern-2', 'pattern 2', 200],
  ['pattern-3', 'pattern 3', 200],
  ['pattern-4', 'pattern 4', 2000],
  ['pattern-5', 'pattern 5', 2000],
  ['pattern-6', 'pattern 6 year', 200],
  ['pattern-7', 'pattern 7', 500],
] as const;
for (const [id, by, ms] of stressTargets)
  stress.measured(`stress.${id}`, `${by} within its target of ${ms} ms`, by, below(ms, 'after'));
stress.measured('stress.cursor-100', 'cursor, page 100: below 20 ms', 'page 100', below(20, 'after'));
stress.measured('stress.offset-100', 'offset, page 100: above 500 ms', 'page 100', above(500, 'before'));

const analysed = section('EXPLAIN ANALYZE Examples');
analysed.measured('explain.planning', 'planning takes 0.2 ms', 'planning', takes(0, 0.2));
analysed.measured(
  'explain.execution',
  '20 runs of a strategy take 15 ms',
  'strategy without metrics',
  takes(15, 15),
);

const migration = section('Migration Strategy');
migration.measured(
  'migration.gin-build',
  'building the GIN index may take minutes',
  'gin build',
  counts(60, 3600),
);
migration.stated(
  'migration.phase-2',
  'the second phase follows after 1 week',
  'a calendar: `phase` in `expectations/backtest.yaml`, `indexwarden plan --phase N`',
);
migration.stated(
  'migration.partial',
  'the partial index where fewer than 10 % fail (elsewhere: 5 %)',
  'a threshold: `alternatives` in `expectations/backtest.yaml` lets either index do',
);

const examples = section('Example Queries with Expected Plans');
examples.measured('examples.recent', 'recent runs in 10–20 ms', 'example 1', takes(10, 20, 'before'));
examples.measured(
  'examples.cursor',
  'runs of a strategy by cursor in 15–30 ms',
  'example 2',
  takes(15, 30, 'before'),
);
examples.measured(
  'examples.sharpe',
  'best ten by Sharpe ratio in 20–50 ms',
  'example 3',
  takes(20, 50, 'before'),
);
examples.measured(
  'examples.config',
  'search by parameters in 50–200 ms',
  'example 4',
  takes(50, 200, 'before'),
);
examples.measured(
  'examples.comparison',
  'comparison of 10 runs in 5–15 ms',
  'example 5',
  takes(5, 15, 'before'),
);

const summary = section('Key Recommendations Summary');
summary.measured(
  'summary.cursor-speedup',
  'cursors are 17 × as fast as offsets',
  ['page 1', 'page 10', 'page 100'],
  speedup(17),
);
summary.stated(
  'summary.rare',
  'partial indexes where fewer than 10 % of the rows qualify',
  'a threshold: `alternatives` in `expectations/backtest.yaml` lets either index do',
);
summary.stated(
  'summary.cache',
  'dashboard queries are cached for 30–60 seconds',
  'a matter of the application: nothing of it reaches the database',
);
summary.measured(
  'summary.offset-limit',
  'offsets below 1,000 are acceptable (here: within the list’s 200 ms)',
  'offset 1000',
  below(200),
);
summary.stated('summary.usage', 'usage is looked at weekly', 'a calendar: `unused-index` looks all the time');
summary.stated(
  'summary.slow-queries',
  'queries above 100 ms are explained',
  'a threshold, of statements in pg_stat_statements that `missing-index-candidate` puts first',
);
summary.stated(
  'summary.bloat',
  'bloat is looked at quarterly',
  'a calendar: `bloated-index` looks all the time',
);
summary.stated(
  'summary.analyze',
  'ANALYZE weekly',
  'a calendar: `staleAfterDays` of `stale-statistics`, preset 7',
);

const next = section('Next Steps');
next.stated(
  'next.observe',
  'patterns are observed for 1 week',
  'a waiting time: windows of usage are observed, see `docs/history.md`',
);

export const backtestClaims = claims;
