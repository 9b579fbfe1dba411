import { BytesIEC, DatetimeISO, Short } from '@grafana/grafana-foundation-sdk/units';
import { families } from '../../src/metrics/families.ts';
import type { FindingKind } from '../../src/model/finding.ts';
import { findingOfRow, indexOfRowHere, kindOfRow } from './links.ts';
import { bars, coloured, graph, number, type PanelBuilder, rows, severityColours } from './panels.ts';
import { asTime, byIndex, byTarget, once, type Scope, select, targetsOf } from './queries.ts';

/*
 * Panels about findings that several dashboards show, each over the databases of its scope.
 */

type Severity = keyof typeof severityColours;

/** Open findings of a severity or an origin, in all: 0 is only counted where it is known. */
const counted = (scope: Scope, matcher: string): string =>
  `sum (${once(families.findings, scope, { where: [matcher] })})`;

const advice: Readonly<Record<Severity, string>> = {
  critical: 'Act now: open the list of findings, read the evidence, and run the printed fix.',
  warning: 'Each is worth a ticket: the finding has the SQL that mends it and the SQL that brings it back.',
  info: 'Worth knowing and nothing to be woken for; go through them when there is time.',
};

/** How many findings of one severity are open. */
export const ofSeverity = (severity: Severity, scope: Scope, width: number): PanelBuilder =>
  number({
    title: `${severity[0]?.toUpperCase()}${severity.slice(1)} findings`,
    description: `Open findings of severity ${severity}. ${advice[severity]} “unknown” means that nothing could be judged.`,
    width,
    unit: Short,
    empty: 'unknown',
    expr: counted(scope, `severity="${severity}"`),
    ...(severity === 'critical' ? { redFrom: 1 } : {}),
    ...(severity === 'warning' ? { yellowFrom: 1 } : {}),
  });

/** Findings that were not there when the database was first looked at. */
export const newFindings = (scope: Scope, width: number): PanelBuilder =>
  number({
    title: 'New findings',
    description:
      'Open findings that came after the first look; those of the first look are the baseline and alert nobody. Ask what was deployed when the number rose.',
    width,
    unit: Short,
    empty: 'unknown',
    expr: counted(scope, 'origin="new"'),
    yellowFrom: 1,
  });

/** Kinds that could not be judged somewhere. */
export const notJudged = (scope: Scope, width: number): PanelBuilder =>
  number({
    title: 'Not judged',
    description:
      'Kinds of findings that could not be judged, counted per database. Not judged is not healthy: the daemon’s page says why, and which GRANT or how many days of observation are missing.',
    width,
    unit: Short,
    expr: `count (${once(families.inconclusive, scope)})`,
    yellowFrom: 1,
  });

export const reclaimable = (scope: Scope, width: number): PanelBuilder =>
  number({
    title: 'Reclaimable',
    description:
      'Bytes that all open findings together would free, each index counted once. Start with the largest; “unknown” means that not every kind that frees space was judged.',
    width,
    unit: BytesIEC,
    empty: 'unknown',
    expr: `sum (${once(families.reclaimableTotal, scope)})`,
  });

export const bySeverityOverTime = (scope: Scope, width: number): PanelBuilder =>
  coloured(
    graph({
      title: 'Open findings by severity',
      description:
        'A step up has a cause: a deployment, a lost GRANT that came back, a window that became whole. Open the findings that are new.',
      width,
      unit: Short,
      isStacked: true,
      queries: [{ expr: `sum by (severity) (${once(families.findings, scope)})`, legend: '{{severity}}' }],
    }),
    severityColours,
  );

export const byOriginOverTime = (scope: Scope, width: number): PanelBuilder =>
  graph({
    title: 'Open findings by origin',
    description:
      'baseline was there at the first look, new came later. The baseline is yours to work off; new findings are what somebody should be asked about.',
    width,
    unit: Short,
    isStacked: true,
    queries: [{ expr: `sum by (origin) (${once(families.findings, scope)})`, legend: '{{origin}}' }],
  });

export const notJudgedByKind = (scope: Scope, width: number): PanelBuilder =>
  bars({
    title: 'Not judged, by kind',
    description:
      'In how many databases findings of a kind could not be judged. After the first start unused-index waits for its window; otherwise the daemon’s page names the missing right.',
    width,
    unit: Short,
    expr: `sort_desc (sum by (kind) (${once(families.inconclusive, scope)}))`,
    legend: '{{kind}}',
    yellowFrom: 1,
  });

/** Findings as rows, each with when it was first seen; `matchers` choose among them. */
export const firstSeen = (scope: Scope, ...matchers: readonly string[]): string =>
  asTime(
    `${once(families.finding, scope, { where: matchers })} * on (${[...byTarget, 'finding_id'].join(', ')}) group_left () ${once(families.findingFirstSeen, targetsOf(scope))}`,
  );

interface FindingRows {
  readonly title: string;
  readonly description: string;
  readonly width: number;
  readonly height?: number;
  readonly scope: Scope;
  readonly kinds?: readonly FindingKind[];
  readonly labels?: readonly string[];
}

const findingColumns = [
  'severity',
  'kind',
  'schemaname',
  'relname',
  'indexrelname',
  'confidence',
  'origin',
  'finding_id',
];
const findingLinks = { kind: [kindOfRow], indexrelname: [indexOfRowHere], finding_id: [findingOfRow] };

/** A table of open findings with links to evidence, documentation and index. */
export function findingRows(panel: FindingRows): PanelBuilder {
  const { kinds, scope, labels = findingColumns, ...rest } = panel;
  const matchers = kinds === undefined ? [] : [`kind=~"${kinds.join('|')}"`];
  return rows({
    ...rest,
    labels,
    columns: [{ name: 'first seen', expr: firstSeen(scope, ...matchers), unit: DatetimeISO }],
    linksOf: Object.fromEntries(Object.entries(findingLinks).filter(([label]) => labels.includes(label))),
    sortBy: 'first seen',
  });
}

/** Series of single indexes, of those with an open finding of one of the kinds. */
export const ofIndexesWith = (expression: string, scope: Scope, kinds: readonly FindingKind[]): string =>
  `${expression} and on (${byIndex.join(', ')}) ${select(families.finding, scope, `kind=~"${kinds.join('|')}"`)}`;

/** The findings themselves, for joins: one series for each index and kind. */
export const findingOf = (scope: Scope, kinds: readonly FindingKind[], by: readonly string[]): string =>
  once(families.finding, scope, { by, where: [`kind=~"${kinds.join('|')}"`] });
