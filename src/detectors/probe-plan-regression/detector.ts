import { z } from 'zod';
import type { TableView } from '../../analysis/catalogue.ts';
import { isDeclared, type RedFlag } from '../../analysis/plans/red-flags.ts';
import { newFlags, type ProbeState } from '../../history/probes/memory.ts';
import type { RelatedIndex } from '../../model/finding.ts';
import { secondMs } from '../../model/units.ts';
import { defineDetector } from '../define.ts';
import type { Draft, Unjudged } from '../draft.ts';
import { probeCaveat, tableOfProbe, unjudgedProbe, whyUnknown } from '../probe-words.ts';

/**
 * Opens when a probe is planned in a way that its manifest rules out (an expected index is not used, a table is read from end to end),
 * or in another way than before and with a red flag that the plan before did not have. Another plan without one is no finding but an
 * event, and what plans are compared with from then on. Closes when the old plan returns, another one without new red flags comes, or the
 * manifest accepts the new one by its hash (`acceptPlan`).
 *
 * Warning for what is declared and for a large table read from end to end, else info; info too where the probe is measured and meets its
 * target all the same. Tiny tables are not held against a plan.
 * False alarms accepted: a plan may be right because the data have changed; that is what `acceptPlan` is for.
 */
export const probePlanRegression = defineDetector({
  id: 'probe-plan-regression',
  title: 'A watched query is planned worse than before, or than declared',
  needs: ['tables', 'indexes'],
  uses: ['columns', 'operator-classes', 'expected-columns'],
  settings: z.strictObject({}),
  *evaluate({ probes, catalogue }) {
    const findings: Draft[] = [];
    const unjudged: Unjudged[] = [];
    for (const state of probes) {
      yield;
      const table = tableOfProbe(catalogue, state);
      const why = whyUnknown(state, table);
      if (why !== undefined) unjudged.push(unjudgedProbe(state, why));
      else if (table !== undefined) findings.push(...regression(state, table));
    }
    return { findings, unjudged };
  },
});

function regression({ probe, memory }: ProbeState, table: TableView): readonly Draft[] {
  const { current, baseline } = memory ?? {};
  if (current === undefined || current.hash === probe.acceptPlan) return [];
  const worse = newFlags(baseline, current);
  if (worse.length === 0) return [];
  const isAnother = baseline !== undefined && baseline.hash !== current.hash;
  const last = memory?.runs.at(-1);
  const isQuick = probe.targetMs !== undefined && last !== undefined && last.durationMs <= probe.targetMs;
  const isUrgent = !isQuick && worse.some((flag) => isDeclared(flag) || flag.kind === 'sequential-scan');
  const verb = isAnother ? 'has lost its plan' : 'is not planned as declared';
  return [
    {
      kind: 'probe-plan-regression',
      severity: isUrgent ? 'warning' : 'info',
      confidence: 'likely',
      table,
      index: null,
      subject: probe.name,
      columns: [],
      related: relatedTo(table, probe.expectIndexes.flat()),
      title: `Probe ${probe.name} ${verb}: ${worse.map(({ text }) => text).join('; ')}`,
      evidence: {
        probe: probe.name,
        description: probe.description ?? null,
        manifest: probe.manifest,
        redFlags: worse.map(({ text }) => text),
        planSince: new Date(current.sinceMs).toISOString(),
        oldPlan: isAnother ? baseline.text.split('\n') : null,
        newPlan: current.text.split('\n'),
        oldPlanHash: isAnother ? baseline.hash : null,
        newPlanHash: current.hash,
        waived: current.waived,
        targetSeconds: probe.targetMs === undefined ? null : probe.targetMs / secondMs,
        lastDurationSeconds: last === undefined ? null : last.durationMs / secondMs,
        roleName: current.roleName,
      },
      caveats: [probeCaveat(current.roleName)],
      impact: { reclaimableBytes: 0 },
      remedy: { kind: 'review', notes: notesOn(worse, current.hash) },
    },
  ];
}

const relatedTo = (table: TableView, names: readonly string[]): readonly RelatedIndex[] =>
  table.indexes
    .filter(({ name }) => names.includes(name))
    .map(({ name }) => ({
      schemaname: table.schemaname,
      indexrelname: name,
      role: 'supports',
      why: 'the probe expects it to be used',
    }));

function notesOn(worse: readonly RedFlag[], hash: string): string {
  const isMissing = worse.some(
    ({ kind, text }) => kind === 'expected-index-unused' && text.includes('is not there'),
  );
  const first = isMissing
    ? 'Create the index that is missing; where a manifest of expectations declares it, missing-expected-index has its SQL.'
    : 'Look whether the index is valid and the table analysed (ANALYZE is the cheapest thing to try), and whether types and sort order of the query are still those of the index.';
  return `${first} If the new plan is right, accept it: acceptPlan: ${hash} in the probe’s manifest.`;
}
