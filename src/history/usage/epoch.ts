import type { NodeEpoch } from './sample.ts';

/** Why what a node's counters say now cannot be compared with what they said before. The order is that of the stored number. */
export const breakReasons = [
  'another-cluster',
  'another-database',
  'another-version',
  'role-changed',
  'another-node',
  'standby-started',
  'crash',
  'statistics-reset',
  'counter-fell',
  'gap',
  'clock',
] as const;
export type BreakReason = (typeof breakReasons)[number];

/** What a person reads: a clause that goes after "since". */
export const breakWords: Readonly<Record<BreakReason, string>> = {
  'another-cluster': 'another cluster answered (a restore, or another server)',
  'another-database': 'the database was made anew',
  'another-version': 'the server was upgraded to another major version',
  'role-changed': 'the node changed between primary and standby',
  'another-node': 'another server answered at the same address',
  'standby-started': 'the standby was started, which zeroes its counters before version 15',
  crash: 'the counters were lost, as after a crash',
  'statistics-reset': 'the statistics were reset',
  'counter-fell': 'a counter fell though no reset is recorded',
  gap: 'nobody looked for a while',
  clock: 'the clock was set back',
};

interface Look {
  readonly atMs: number;
  readonly epoch: NodeEpoch;
}

/**
 * Whether the counters read at two moments belong together, and if not, why. They do when nothing shows that they were wiped,
 * swapped or someone else's in between, and we did not look away for longer than `maxGapMs`. A plain restart keeps counters, but
 * for standbys before 15; what crashed shows by its reset times.
 */
export function whyBroken(before: Look, now: Look, maxGapMs: number): BreakReason | undefined {
  const [old, epoch] = [before.epoch, now.epoch];
  if (epoch.systemIdentifier !== old.systemIdentifier) return 'another-cluster';
  if (epoch.databaseOid !== old.databaseOid) return 'another-database';
  if (majorOf(epoch) !== majorOf(old)) return 'another-version';
  if (epoch.isInRecovery !== old.isInRecovery) return 'role-changed';
  if (isAnotherPostmaster(before, epoch)) return 'another-node';
  if (epoch.startedAtMs !== old.startedAtMs && epoch.isInRecovery && epoch.versionNum < 150_000)
    return 'standby-started';
  const isServerReset =
    epoch.bgwriterStatsResetAtMs !== old.bgwriterStatsResetAtMs ||
    epoch.archiverStatsResetAtMs !== old.archiverStatsResetAtMs;
  if (isServerReset && epoch.databaseStatsResetAtMs === null) return 'crash';
  if (isServerReset || epoch.databaseStatsResetAtMs !== old.databaseStatsResetAtMs) return 'statistics-reset';
  if (now.atMs < before.atMs) return 'clock';
  return now.atMs - before.atMs > maxGapMs ? 'gap' : undefined;
}

const majorOf = ({ versionNum }: NodeEpoch): number => Math.floor(versionNum / 10_000);

/**
 * After a failover an address may lead to a server that was there all along: its postmaster is not the one we knew, and yet did not
 * start since we looked. A primary's timeline moves only when another server became the primary, or a backup was restored.
 */
function isAnotherPostmaster(before: Look, epoch: NodeEpoch): boolean {
  const old = before.epoch;
  const isOlder = epoch.startedAtMs < old.serverNowAtMs;
  if (epoch.startedAtMs !== old.startedAtMs && isOlder) return true;
  return (
    !epoch.isInRecovery && epoch.timeline !== null && old.timeline !== null && epoch.timeline !== old.timeline
  );
}
