import { z } from 'zod';
import { cadence, count, defineCollector, instantMs } from './define.ts';

const serverFact = z.strictObject({
  versionNum: z.number().int(),
  version: z.string(),
  isInRecovery: z.boolean(),
  systemIdentifier: z.string(),
  timelineId: z.number().int(),
  serverAddress: z.string().nullable(),
  standbyName: z.string().nullable(),
  databaseOid: z.number().int(),
  datname: z.string(),
  serverNowAtMs: z.number(),
  startedAtMs: z.number(),
  databaseStatsResetAtMs: instantMs,
  bgwriterStatsResetAtMs: instantMs,
  archiverStatsResetAtMs: instantMs,
  trackCounts: z.boolean(),
  blockSizeBytes: z.number().int(),
  autovacuum: z.boolean(),
  autovacuumAnalyzeThresholdRows: z.number(),
  autovacuumAnalyzeScaleFactor: z.number(),
  logMinDurationStatement: z.string(),
  roleName: z.string(),
  hasPgMonitor: z.boolean(),
  hasReadAllStats: z.boolean(),
  hasReadAllSettings: z.boolean(),
  backendPid: z.number().int(),
  extensions: z.array(z.string()),
  hasColumnStatisticsView: z.boolean(),
});
export type ServerFact = z.infer<typeof serverFact>;

export const server = defineCollector({
  name: 'server',
  description: 'Version, identity, role, settings and statistics reset times of the server.',
  fact: serverFact,
  schedule: cadence.everyMinute,
});

const replicaFact = z.strictObject({
  backendPid: z.number().int(),
  applicationName: z.string(),
  clientAddress: z.string(),
  state: z.string(),
  syncState: z.string(),
  replayLagSeconds: count.nullable(),
});
export type ReplicaFact = z.infer<typeof replicaFact>;

export const replicas = defineCollector({
  name: 'replicas',
  description: 'Standbys connected to this node.',
  fact: replicaFact,
  schedule: cadence.everyMinute,
});
