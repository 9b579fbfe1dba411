import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MiB } from '../../src/model/units.ts';
import { rollbackScript, sqlScript } from '../../src/plan/script/sql-script.ts';
import { runScript } from '../support/planning.ts';
import { aFewMajors, postgresMajors, runOn, withConnection } from '../support/postgres.ts';
import { eventually } from '../support/processes.ts';
import { type Cluster, canReplicate, startCluster } from '../support/replication.ts';
import { isShort, noteFault } from './rows.ts';
import { type Stage, stage, stateOf } from './scripts-stage.ts';

/*
 * A standby that falls behind: because it replays nothing, and because nothing reaches it.
 */

const [major] = (await postgresMajors(aFewMajors())).filter(canReplicate).slice(-1);
const printedBound = 1_024 * MiB;
/** Of what is written into the log, and nowhere else. */
const messageBytes = 64 * MiB;

describe.skipIf(major === undefined)(`a standby of PostgreSQL ${major?.major} that is behind`, () => {
  let cluster: Cluster;
  let on: Stage;
  beforeAll(async () => {
    if (major === undefined) return;
    cluster = await startCluster(major, ['replica']);
    on = await stage(cluster.primary);
    await cluster.caughtUp();
  });
  afterAll(() => cluster?.close());

  const onStandby = (sql: string): Promise<void> => runOn(cluster.standbys[0]?.superuserUrl() ?? '', sql);

  /** The process that takes what the primary sends. */
  async function receiver(): Promise<number> {
    return withConnection(cluster.standbys[0]?.superuserUrl() ?? '', async (client) => {
      const { rows } = await client.query<{ pid: number }>('select pid from pg_stat_wal_receiver');
      return rows[0]?.pid ?? 0;
    });
  }

  const hindrances = {
    'replays nothing': async () => {
      await onStandby('select pg_wal_replay_pause()');
      return () => onStandby('select pg_wal_replay_resume()');
    },
    'takes nothing': async () => {
      const pid = await receiver();
      process.kill(pid, 'SIGSTOP');
      return async () => void process.kill(pid, 'SIGCONT');
    },
  };

  test.each([
    ['replays nothing', isShort ? 16 * MiB : printedBound],
    // With more of it the primary would forget what the standby has yet to get.
    ['takes nothing', 16 * MiB],
  ] as const)('stops the script before it does anything: it %s', async (what, bound) => {
    const scriptOf = (print: typeof sqlScript): string =>
      print(on.all).replaceAll(String(printedBound), String(bound));
    expect(sqlScript(on.all)).toContain(String(printedBound));
    const end = await hindrances[what]();
    try {
      for (let written = 0; written <= bound; written += messageBytes)
        await runOn(on.url, `select pg_logical_emit_message(false, 'iw', repeat('x', ${messageBytes}))`);
      await withConnection(on.url, (client) =>
        eventually('the standby to be seen behind', async () => {
          const { rowCount } = await client.query(
            'select from pg_stat_replication where pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) > $1',
            [bound],
          );
          return rowCount === 1;
        }),
      );
      await expect(runScript(on.url, scriptOf(sqlScript))).rejects.toThrow(
        'standby replica is more than 1 GiB behind',
      );
      expect(await stateOf(on.url, on.created)).toBeUndefined();
      expect(await stateOf(on.url, on.dropped)).toBe('true true');
    } finally {
      await end();
    }
    await cluster.caughtUp();
    await runScript(on.url, scriptOf(sqlScript));
    expect(await stateOf(on.url, on.created)).toBe('true true');
    await runScript(on.url, scriptOf(rollbackScript));
    expect(await stateOf(on.url, on.dropped)).toBe('true true');
    noteFault({
      area: 'printed scripts',
      fault: `A standby that ${what}, ${bound / MiB} MiB behind`,
      did: 'stopped before the first statement',
      said: 'standby replica is more than 1 GiB behind; ran to its end when it had caught up',
      recoveryMs: null,
    });
  });
});
