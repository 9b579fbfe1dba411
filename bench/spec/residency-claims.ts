import { claimList, cost, counts, gain, megabytes, speedup, takes, took } from './claim-list.ts';
import { residencyGroups } from './residency.ts';

/*
 * Every number of the index report, in its order. Dates, revision names and the literals of examples are no numbers in this sense.
 */

const { claims, section } = claimList('residency');

const summary = section('Executive Summary');
summary.measured('summary.tables', '42 tables', 'tables', counts(42));
summary.measured('summary.existing', '24 indexes are defined', 'existing indexes', counts(24));
summary.measured('summary.recommended', '28 indexes are to be added', 'added indexes', counts(28));
summary.measured(
  'summary.filters',
  'filtered queries gain 40–70 %',
  [...residencyGroups.filters, ...residencyGroups.ranges],
  gain(40, 70),
);
summary.measured('summary.joins', 'queries heavy on joins gain 50–80 %', residencyGroups.joins, gain(50, 80));

const reviewed = section('Tables Reviewed');
reviewed.stated(
  'tables.groups',
  'seven groups of 6, 3, 15, 3, 4, 4 and 8 tables',
  'arithmetic: the last group lists 7, and 42 is the sum with 7; the schema in `demo/residency.sql` has the groups',
);
reviewed.measured('tables.blocks', 'blocks: 730 half-days a year', 'blocks of a year', counts(730));

const existing = section('Existing Indexes (Current State)');
existing.measured('existing.total', '24 existing indexes in all', 'existing indexes', counts(24));
existing.measured(
  'existing.first-migration',
  'ten of the first migration (counted in its listing)',
  'existing in the first migration',
  counts(10),
);
existing.measured('existing.duplicates', 'three of the second migration are duplicates', 'copies', counts(3));

const keys = section('Priority 1: High-Impact Foreign Keys');
keys.stated(
  'priority-1.count',
  '9 indexes',
  'a count: `priority: 1` in `expectations/residency.yaml`, held by a test',
);
keys.measured('priority-1.rotation-template', 'joins gain 50–70 %', 'join rotation template', gain(50, 70));
keys.measured('priority-1.swap-approvals', 'approvals gain 60 %', ['join swap', 'join approver'], gain(60));
keys.measured('priority-1.events', 'correlation of events gains 40 %', 'join health check events', gain(40));
keys.measured('priority-1.sacrifices', 'load shedding history gains 50 %', 'join sacrifices', gain(50));
keys.measured('priority-1.fallbacks', 'fallback history gains 50 %', 'join fallbacks', gain(50));
keys.measured('priority-1.vulnerability', 'vulnerability trends gain 40 %', 'join vulnerability', gain(40));
keys.measured('priority-1.zones', 'zone staffing gains 60 %', ['join zone', 'join zone faculty'], gain(60));

const filtered = section('Priority 2: Frequently Filtered Columns');
filtered.stated(
  'priority-2.count',
  '11 indexes',
  'a count: `priority: 2` in `expectations/residency.yaml`, held by a test',
);
filtered.measured('priority-2.pgy-level', 'resident queries gain 70 %', 'filter pgy level', gain(70));
filtered.measured('priority-2.faculty-role', 'role filtering gains 60 %', 'filter faculty role', gain(60));
filtered.measured('priority-2.rotation-type', 'template choice gains 50 %', 'filter rotation type', gain(50));
filtered.measured(
  'priority-2.run-status',
  'schedule run filtering gains 40 %',
  'filter run status',
  gain(40),
);
filtered.measured('priority-2.swap-status', 'swap status queries gain 60 %', 'filter swap status', gain(60));
filtered.measured(
  'priority-2.health-checks',
  'status filtering gains 50 %',
  ['filter overall status', 'filter defense level'],
  gain(50),
);
filtered.measured(
  'priority-2.events',
  'event queries gain 60 %',
  ['filter event type', 'filter severity'],
  gain(60),
);
filtered.measured(
  'priority-2.allostasis',
  'allostatic load queries gain 50 %',
  ['filter entity', 'filter allostasis state'],
  gain(50),
);

const series = section('Priority 3: Time-Series and Date Range Queries');
series.stated(
  'priority-3.count',
  '5 indexes',
  'a count: `priority: 3` in `expectations/residency.yaml`, held by a test',
);
series.measured('priority-3.health-checks', 'time series gain 70 %', 'range checks', gain(70));
series.measured('priority-3.events', 'event log gains 60 %', 'range events', gain(60));
series.measured(
  'priority-3.swap-weeks',
  'swaps by date gain 50 %',
  ['range source week', 'range target week'],
  gain(50),
);
series.measured('priority-3.cognitive', 'queries of one user gain 60 %', 'sessions of a user', gain(60));

const composite = section('Priority 4: Composite Indexes for Common Query Patterns');
composite.stated(
  'priority-4.count',
  '3 indexes',
  'a count: `priority: 4` in `expectations/residency.yaml`, held by a test',
);
composite.measured(
  'priority-4.person-block',
  'queries of one person gain 80 %',
  'person and blocks',
  gain(80),
);
composite.measured('priority-4.pending-swaps', 'pending swaps gain 70 %', 'pending by week', gain(70));
composite.measured(
  'priority-4.unread',
  'unread notifications gain 60 %',
  ['unread', 'number unread'],
  gain(60),
);

const table = section('Query Performance Improvements (Estimated)');
const queryTypes = [
  ['schedule-view', 'schedule view of 30 days', 'schedule view', 450, 800, 150, 250, 66, 69],
  ['person-history', 'assignments of a person', 'person history', 200, 400, 50, 100, 75, 75],
  ['pending-swaps', 'pending swaps', 'pending swaps', 300, 600, 90, 180, 70, 70],
  ['health-timeline', 'health timeline', 'health timeline', 500, 900, 150, 300, 70, 70],
  ['faculty-role', 'faculty by role', 'faculty role', 150, 300, 40, 80, 73, 73],
  ['rotation-lookup', 'rotation templates', 'rotation lookup', 100, 200, 30, 60, 70, 70],
  ['unread', 'unread notifications', 'unread', 80, 150, 25, 50, 69, 69],
] as const;
for (const [id, name, by, beforeMin, beforeMax, afterMin, afterMax, gainMin, gainMax] of queryTypes) {
  const gained = gainMin === gainMax ? `${gainMin}` : `${gainMin}–${gainMax}`;
  table.measured(`queries.${id}.gain`, `${name}: ${gained} % less time`, by, gain(gainMin, gainMax));
  table.measured(
    `queries.${id}.before`,
    `${name}: ${beforeMin}–${beforeMax} ms before`,
    by,
    took(beforeMin, beforeMax),
  );
  table.measured(
    `queries.${id}.after`,
    `${name}: ${afterMin}–${afterMax} ms after`,
    by,
    takes(afterMin, afterMax),
  );
}

const impact = section('Database Impact');
impact.measured('impact.size-before', 'the existing indexes take 15–20 MB', 'size before', megabytes(15, 20));
impact.measured('impact.size-added', 'the new ones take 25–35 MB more', 'size added', megabytes(25, 35));
impact.measured('impact.size-after', 'together 40–55 MB', 'size after', megabytes(40, 55));
impact.measured(
  'impact.writes',
  'INSERT and UPDATE take 5–10 % longer',
  residencyGroups.insertsAndUpdates,
  cost(5, 10),
);
impact.stated(
  'impact.read-share',
  '90 % reads, 10 % writes',
  'an assumption about an application that is not here; reads and writes of each table are in the report and in `missing-expected-index`',
);

const plan = section('Implementation Plan');
plan.stated(
  'plan.phases',
  'four phases in weeks 1 to 4',
  'a calendar: `phase` in `expectations/residency.yaml`, `indexwarden plan --phase N`',
);

const verification = section('Verification Queries');
verification.stated(
  'verification.wait',
  'usage is looked at after 24–48 hours',
  'a waiting time: windows of usage are observed, see `docs/history.md`',
);
verification.stated(
  'verification.unused',
  'unused indexes are looked for after 1 week',
  'a threshold: `policy.unusedAfter`, preset 30d, 7d for backtest in `config/residency-and-backtest.yaml`',
);

const monitoring = section('Monitoring and Maintenance');
monitoring.stated(
  'monitoring.slow-log',
  'log_min_duration_statement = 1000 (1 second)',
  'a setting of the server, which is the operator’s',
);
monitoring.stated(
  'monitoring.bloat',
  'bloat is looked at monthly',
  'a calendar: `bloated-index` looks all the time',
);
monitoring.stated(
  'monitoring.reindex-monthly',
  'REINDEX of written tables monthly',
  'a calendar, and no reason to rebuild: `bloated-index` says what a rebuild would free',
);
monitoring.stated(
  'monitoring.reindex-quarterly',
  'REINDEX of the whole database quarterly',
  'a calendar, and no reason to rebuild: `bloated-index` says what a rebuild would free',
);

const caveats = section('Caveats and Considerations');
caveats.measured(
  'caveats.small-tables',
  'below 1,000 rows reading the whole table is often faster than the index',
  ['small people', 'small templates', 'small runs'],
  speedup(1, 1),
);
caveats.measured(
  'caveats.selects',
  'SELECT gains 40–80 %',
  [
    ...residencyGroups.joins,
    ...residencyGroups.filters,
    ...residencyGroups.ranges,
    ...residencyGroups.composites,
  ],
  gain(40, 80),
);
caveats.measured(
  'caveats.writes',
  'INSERT, UPDATE and DELETE take 5–10 % longer',
  residencyGroups.writes,
  cost(5, 10),
);
caveats.measured('caveats.size', '25–35 MB of disk more', 'size added', megabytes(25, 35));

const next = section('Next Steps');
next.stated(
  'next.logs',
  'query logs are watched for 1–2 weeks',
  'a waiting time: findings are judged over windows that were observed',
);
next.stated(
  'next.unused',
  'unused indexes are removed after 30 days',
  'a threshold: `policy.unusedAfter`, preset 30d',
);

export const residencyClaims = claims;
