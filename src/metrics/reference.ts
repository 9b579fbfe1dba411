import { assertNever } from '../model/result.ts';
import { type Family, type Scope, scopes } from './families/declare.ts';
import { allFamilies } from './families.ts';

const sections: readonly (readonly [Scope, string, string])[] = [
  [
    'target',
    'Targets and collections',
    'One series per target, or per target and collector. A target is one database of one server.',
  ],
  [
    'finding',
    'Findings',
    'Counted per target. `pgindex_finding` has one series per open finding, at most `metrics.maxFindingSeries`, the most worthwhile first.',
  ],
  [
    'index',
    'Indexes',
    'One series per index, for at most `metrics.maxIndexSeries` indexes of a target: those with an open finding first, then the largest; the rest is in `pgindex_other_*`. Partitions are counted in their root index, from 0 at the daemon’s start.',
  ],
  [
    'table',
    'Tables',
    'One series per table, for at most `metrics.maxTableSeries` tables of a target: those with an open finding first, then the largest; the rest is in `pgindex_other_table_*`. Partitions are counted in their root table, from 0 at the daemon’s start.',
  ],
  [
    'probe',
    'Probes',
    'One series per declared query and target; none where no manifest declares any. See [probes](probes.md).',
  ],
  ['daemon', 'The daemon', 'One series each.'],
  [
    'process',
    'The process',
    'About Node.js and the operating system’s process; brought up to date with each page.',
  ],
];

/** `docs/metrics.md`: every family, from its declaration. */
export function metricsReference(): string {
  const parts = sections.map(([scope, title, text]) => {
    const members = allFamilies.filter((family) => family.per === scope);
    return `## ${title}\n\n${text}\n\n${members.map(entryOf).join('\n')}`;
  });
  return `${introduction}\n${parts.join('\n')}`;
}

const introduction = `# Metrics

<!-- Generated from src/metrics/families.ts by \`npm run generate\`; do not edit. -->

\`GET /metrics\` serves the Prometheus text format 0.0.4, or OpenMetrics 1.0.0 where \`Accept\` prefers it, gzipped where
\`Accept-Encoding\` allows it. A page is made when a collection has been judged and published; a scrape reads nothing from any
database and never sees half of a generation.

- Facts about databases are \`pgindex_*\`, facts about the daemon \`indexwarden_*\`. Labels are PostgreSQL's own names, so that
  series join with those of postgres_exporter: \`server\`, \`datname\`, \`schemaname\`, \`relname\`, \`indexrelname\`.
- What is unknown is absent. No series reads 0 because something could not be looked at.
- Counters are those of PostgreSQL: they start anew where it resets its statistics. Use \`rate()\` and \`increase()\`.
- Times are seconds since the epoch, not ages: \`time() - indexwarden_collector_last_success_timestamp_seconds\`.
- The number of series is bounded. What has no series of its own is in \`pgindex_other_*\`, so that sums stay right: together they
  count everything, whichever index has series of its own at the moment. An index keeps its series until another outgrows it by
  a quarter, and for \`metrics.keepSeriesFor\` after its last finding was closed.
- \`?collect[]=index&collect[]=finding\` serves parts of the page; they are ${scopes.map((scope) => `\`${scope}\``).join(', ')}, and each
  family below says which it belongs to.
- \`GET /probe?target=SERVER/DATNAME\` serves one target's part, \`?target=SERVER\` that of all its databases, for scrape
  configurations that list targets one by one. It serves what was last published and connects to nothing. Beside it, scrape
  \`/metrics?collect[]=daemon&collect[]=process\` for the daemon itself.
- Label values longer than \`metrics.labelBytesMax\` bytes are cut and end in \`…\` and eight digits of their hash.
- Under OpenMetrics the family of a counter is named without \`_total\`, and that of an \`_info\` metric without \`_info\`.
`;

function entryOf(family: Family): string {
  const labels =
    family.labels.length === 0 ? 'none' : family.labels.map((label) => `\`${label}\``).join(', ');
  const rows = [
    `- Type: ${typeOf(family)}${family.unit === undefined ? '' : `, in ${unitOf(family.unit)}`}`,
    `- Labels: ${labels}`,
    ...(family.behind === undefined ? [] : [`- Off unless \`${family.behind}\` is set`]),
    `- Part: \`${family.per}\``,
    `- Since: ${family.since}`,
  ];
  return `### \`${family.name}\`\n\n${family.help}\n\n${rows.join('\n')}\n`;
}

const typeOf = (family: Family): string => (family.type === 'info' ? 'info (always 1)' : family.type);

function unitOf(unit: NonNullable<Family['unit']>): string {
  switch (unit) {
    case 'bytes':
    case 'seconds':
      return unit;
    case 'ratio':
      return 'ratio (0 to 1)';
    default:
      return assertNever(unit);
  }
}
