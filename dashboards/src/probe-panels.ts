import type { AnnotationQueryBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { DateTimeFromNow, NoUnit, Seconds } from '@grafana/grafana-foundation-sdk/units';
import { families } from '../../src/metrics/families.ts';
import { type Row, timesOf } from './dashboard.ts';
import { findingRows } from './findings.ts';
import { graph, rows } from './panels.ts';
import { asTime, byTarget, increaseOnce, once, type Scope } from './queries.ts';

/*
 * Panels about probes: declared queries whose plan and time are watched.
 */

const byProbe = [...byTarget, 'probe'] as const;

export function probeRow(scope: Scope): Row {
  /** Probes run every few minutes, too seldom for a rate over a graph's interval: their mean is taken over all that is shown. */
  const inRange = (end: string): string =>
    increaseOnce(
      { ...families.probeDuration, name: `${families.probeDuration.name}_${end}` },
      scope,
      byProbe,
    );
  return {
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
          { expr: once(families.probeLastDuration, scope, { by: ['probe'] }), legend: '{{probe}}' },
          { expr: once(families.probeTarget, scope, { by: ['probe'] }), legend: 'target of {{probe}}' },
        ],
      }),
      rows({
        title: 'Probes',
        description:
          'The plan of each probe by its hash, its last time, its mean over the time range and its target. A hash that changed means another plan: compare the two in the finding.',
        width: 12,
        labels: ['probe', 'plan_hash'],
        columns: [
          { name: 'planned', expr: once(families.probePlan, scope), unit: NoUnit },
          { name: 'last time', expr: once(families.probeLastDuration, scope), unit: Seconds },
          { name: 'mean', expr: `${inRange('sum')} / (${inRange('count')} > 0)`, unit: Seconds },
          { name: 'target', expr: once(families.probeTarget, scope), unit: Seconds },
          {
            name: 'plan changed',
            expr: asTime(once(families.probePlanChanged, scope)),
            unit: DateTimeFromNow,
          },
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
        kinds: ['slow-probe', 'probe-plan-regression'],
        labels: ['severity', 'kind', 'schemaname', 'relname', 'confidence', 'origin', 'finding_id'],
      }),
    ],
  };
}

/** A line in every graph where a probe got another plan. */
export const planChanges = (scope: Scope): AnnotationQueryBuilder =>
  timesOf(asTime(once(families.probePlanChanged, scope, { by: byProbe })))
    .name('Plan changes')
    .iconColor('purple')
    .titleFormat('plan changed')
    .textFormat('probe {{probe}} in {{datname}}')
    .tagKeys('server,datname');
