import { z } from 'zod';
import { findingKinds, severities } from '../../../model/finding.ts';
import { count, facts, findingId, instant, ofTable, unknownable } from './values.ts';

const related = z.strictObject({
  schemaname: z.string(),
  indexrelname: z.string(),
  role: z.enum(['keep', 'drop', 'supports', 'overlaps']),
  why: z.string(),
});

const fix = z.strictObject({
  sql: unknownable(z.string()).meta({
    description: 'What mends it; null where there is nothing safe to print.',
  }),
  rollbackSql: unknownable(z.string()).meta({ description: 'What undoes it.' }),
  lock: unknownable(z.string()).meta({ description: 'What it locks, in words.' }),
  rebuildSeconds: unknownable(z.number()).meta({
    description: 'How long building the index anew would take.',
  }),
  notes: z.string(),
  preflightSql: unknownable(z.string()).meta({ description: 'What to look at before.' }),
  verifySql: unknownable(z.string()).meta({ description: 'Returns true when it took.' }),
});

/** A finding, as the contract has it. */
export const findingSchema = z
  .strictObject({
    id: findingId,
    kind: z.enum(findingKinds),
    severity: z.enum(severities),
    confidence: z.enum(['proven', 'likely', 'possible']),
    state: z.enum(['open', 'muted', 'resolved']),
    origin: z.enum(['baseline', 'new']),
    ...ofTable,
    indexrelname: unknownable(z.string()),
    columns: z.array(z.string()),
    related: z.array(related),
    title: z.string(),
    evidence: facts,
    caveats: z.array(z.string()),
    impact: z.object({ reclaimableBytes: z.number() }).catchall(z.number()),
    fix,
    firstSeen: instant,
    lastSeen: instant,
    reopened: count.optional(),
    renamedFrom: z.string().optional(),
    resolvedAt: instant.optional(),
    docs: z.string(),
    muted: z.strictObject({ reason: z.string(), until: unknownable(z.string()), by: z.string() }).optional(),
  })
  .meta({ id: 'Finding', description: 'One stated problem on one subject.' });
