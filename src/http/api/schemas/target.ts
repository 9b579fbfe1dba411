import { z } from 'zod';
import { findingKinds } from '../../../model/finding.ts';
import { bytes, count, instant, ofTarget, unknownable } from './values.ts';

const run = {
  name: z.string(),
  state: z.enum(['collected', 'skipped', 'failed']),
  ranAt: unknownable(instant),
  durationMs: unknownable(z.number()),
  lastSuccessAt: unknownable(instant),
  reason: unknownable(z.string()),
  errorKind: unknownable(z.string()),
  facts: unknownable(count),
  skippedRelations: unknownable(count),
};

export const collectorSchema = z
  .strictObject({ id: z.string(), ...ofTarget, ...run })
  .meta({ id: 'Collector', description: 'The last run of one collector on one target.' });

export const targetSchema = z
  .strictObject({
    id: z.string(),
    ...ofTarget,
    up: z.boolean(),
    error: unknownable(z.string()),
    generation: count,
    publishedAt: unknownable(instant),
    snapshotAt: unknownable(instant),
    version: unknownable(z.string()),
    role: unknownable(z.enum(['primary', 'standby'])),
    roleName: unknownable(z.string()).meta({ description: 'The role of PostgreSQL that collects.' }),
    statisticsSince: unknownable(instant),
    statisticsSinceSource: unknownable(z.string()),
    tables: unknownable(count),
    indexes: unknownable(count),
    findings: z.strictObject({ open: count, muted: count, resolved: count }),
    reclaimableTotalBytes: bytes,
    collectors: z.array(z.strictObject(run)),
    missingPermissions: z.array(
      z.strictObject({
        permission: z.string(),
        isOptional: z.boolean(),
        facts: z.string(),
        grant: z.string(),
      }),
    ),
    inconclusive: z.array(
      z.strictObject({
        kind: z.enum(findingKinds),
        reason: z.string(),
        relations: unknownable(z.array(z.string())),
      }),
    ),
  })
  .meta({ id: 'Target', description: 'One database of one server, and what could be seen of it.' });
