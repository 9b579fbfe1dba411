import type { AnnotationQueryBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { DateTimeFromNow, NoUnit, Seconds } from '@grafana/grafana-foundation-sdk/units';
import type { Family } from '../../src/metrics/families/declare.ts';
import { allFamilies } from '../../src/metrics/families.ts';
import { findingKinds } from '../../src/model/finding.ts';
import type { Row } from './dashboard.ts';
import { timesOf } from './dashboard.ts';
import { findingRows } from './findings.ts';
import { graph, rows } from './panels.ts';
import { asTime, byTarget, increaseOnce, once, type Scope } from './queries.ts';

/*
 * Panels about probes: declared queries whose plan and time are watched. Their metrics are looked up by name, and where a version does
 * not export them there is no row and no annotation.
 */

interface ProbeFamilies {
  readonly duration: Family;
  readonly lastDuration: Family;
  readonly target: Family;
  readonly plan: Family;
  readonly planChanged: Family;
}

const names: Readonly<Record<keyof ProbeFamilies, string>> = {
  duration: 'pgindex_probe_duration_seconds',
  lastDuration: 'pgindex_probe_last_duration_seconds',
  target: 'pgindex_probe_target_seconds',
  plan: 'pgindex_probe_plan_info',
  planChanged: 'pgindex_probe_plan_changed_timestamp_seconds',
};

const byProbe = [...byTarget, 'probe'] as const;

/** All of them or nothing. */
function probeFamilies(): ProbeFamilies | undefined {
  const found = Object.entries(names).flatMap(([key, name]) => {
    const family = allFamilies.find((one) => one.name === name);
    return family === undefined ? [] : [[key, family] as const];
  });
  // Each key of the names is there, and nothing else.
  return found.length === Object.keys(names).length
    ? (Object.fromEntries(found) as unknown as ProbeFamilies)
    : undefined;
}

export function probeRows(scope: Scope): readonly Row[] {
  const families = probeFamilies();
  if (families === undefined) return [];
  const { duration, lastDuration, target, plan, planChanged } = families;
  /** Probes run every few minutes, too seldom for a rate over a graph's interval: their mean is taken over all that is shown. */
  const inRange = (end: string): string =>
    increaseOnce({ ...duration, name: `${duration.name}_${end}` }, scope, byProbe);
  return [
    {
      title: 'Probes',
      panels: [
        graph({
          title: 'Time of probes',
          description:
            'What each probe took when it was last run, against the target of its manifest. Above its target for a while: look whether its plan changed, below, and open its finding.',
          width: 12,
          unit: Seconds,
          empty: 'no probe is run',
          queries: [
            { expr: once(lastDuration, scope, { by: ['probe'] }), legend: '{{probe}}' },
            { expr: once(target, scope, { by: ['probe'] }), legend: 'target of {{probe}}' },
          ],
        }),
        rows({
          title: 'Probes',
          description:
            'The plan of each probe by its hash, its last time, its mean over the time range and its target. A hash that changed means another plan: compare the two in the finding.',
          width: 12,
          labels: ['probe', 'plan_hash'],
          columns: [
            { name: 'planned', expr: once(plan, scope), unit: NoUnit },
            { name: 'last time', expr: once(lastDuration, scope), unit: Seconds },
            { name: 'mean', expr: `${inRange('sum')} / (${inRange('count')} > 0)`, unit: Seconds },
            { name: 'target', expr: once(target, scope), unit: Seconds },
            { name: 'plan changed', expr: asTime(once(planChanged, scope)), unit: DateTimeFromNow },
          ],
          sortBy: 'probe',
          isAscending: true,
        }),
        findingRows({
          title: 'Slow probes and changed plans',
          description:
            'Probes above their target and probes whose plan got worse. Click the id for both plans and what changed.',
          width: 24,
          height: 6,
          scope,
          kinds: findingKinds.filter((kind) => kind.includes('probe')),
          labels: ['severity', 'kind', 'schemaname', 'relname', 'confidence', 'origin', 'finding_id'],
        }),
      ],
    },
  ];
}

/** A line in every graph where a probe got another plan. */
export function planChanges(scope: Scope): readonly AnnotationQueryBuilder[] {
  const families = probeFamilies();
  if (families === undefined) return [];
  return [
    timesOf(asTime(once(families.planChanged, scope, { by: byProbe })))
      .name('Plan changes')
      .iconColor('purple')
      .titleFormat('plan changed')
      .textFormat('probe {{probe}} in {{datname}}')
      .tagKeys('server,datname'),
  ];
}
