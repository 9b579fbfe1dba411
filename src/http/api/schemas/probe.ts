import { z } from 'zod';
import { redFlagKinds } from '../../../analysis/plans/red-flags.ts';
import { instant, ofTarget, unknownable } from './values.ts';

const seconds = z.number().nonnegative();
const lines = z.array(z.string()).meta({ description: 'As psql shows it, without values.' });

const plan = z.strictObject({
  hash: z.string().meta({ description: 'Stays the same over other costs, row counts and values.' }),
  since: unknownable(instant),
  lines,
  redFlags: z.array(z.strictObject({ kind: z.enum(redFlagKinds), subject: z.string(), text: z.string() })),
  waived: z.array(z.string()).meta({ description: 'What is declared and not held against this plan.' }),
  roleName: z.string().meta({ description: 'The role that it was planned for.' }),
});

export const probeStates = ['ok', 'unknown', 'missed', 'regressed'] as const;

export const probeSchema = z
  .strictObject({
    id: z.string(),
    ...ofTarget,
    name: z.string(),
    description: unknownable(z.string()),
    manifest: z.string(),
    state: z.enum(probeStates).meta({ description: 'Of the last run alone; findings are what is decided.' }),
    reason: unknownable(z.string()).meta({ description: 'Why nothing is known of it now.' }),
    grant: unknownable(z.string()).meta({ description: 'The statement that gives the missing right.' }),
    schemaname: z.string(),
    relname: z.string(),
    sql: z.string(),
    schedule: z.string(),
    isAnalyzed: z.boolean(),
    unmeasured: unknownable(z.string()).meta({ description: 'Why it is only planned.' }),
    expectIndexes: z.array(z.array(z.string())),
    noSequentialScanOn: z.array(z.string()),
    targetSeconds: unknownable(seconds),
    pageSeconds: unknownable(seconds),
    lastRunAt: unknownable(instant),
    lastSuccessAt: unknownable(instant),
    runs: z.array(
      z.strictObject({ at: unknownable(instant), seconds: unknownable(seconds), wasEnded: z.boolean() }),
    ),
    planChangedAt: unknownable(instant),
    plan: unknownable(plan),
    baselinePlan: unknownable(plan).meta({ description: 'The last good plan, where it is another one.' }),
  })
  .meta({
    id: 'Probe',
    description: 'A declared query: what it must do, how it is planned, how long it took.',
  });
