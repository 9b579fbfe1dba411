import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listed } from '../e2e/daemon-client.ts';
import { aFewMajors, postgresMajors, runOn, withConnection } from '../support/postgres.ts';
import { type Cluster, canReplicate, startCluster } from '../support/replication.ts';
import { noteFault } from './rows.ts';
import { daemons, until } from './watched-daemon.ts';
import { shopFindings } from './watched-shop.ts';

/*
 * A standby that is watched by itself: read-only, in conflict with what it replays, and promoted. One major, the newest at hand.
 */

const { watch } = daemons();
const [major] = (await postgresMajors(aFewMajors())).filter(canReplicate).slice(-1);
const datname = 'postgres';

describe.skipIf(major === undefined)(`a standby of PostgreSQL ${major?.major}`, () => {
  let cluster: Cluster;
  const standbyUrl = (): string => cluster.standbys[0]?.superuserUrl(datname) ?? '';
  beforeAll(async () => {
    if (major === undefined) return;
    cluster = await startCluster(major, ['replica'], (url) =>
      runOn(
        url,
        `create table items (id int primary key, name text);
         insert into items select n, 'item' || n from generate_series(1, 5000) n;
         create index items_name on items (name);
         create index items_name_again on items (name);
         analyze items`,
      ),
    );
    await withConnection(standbyUrl(), async (client) => {
      await client.query("alter system set max_standby_streaming_delay = '0'");
      await client.query('select pg_reload_conf()');
    });
    await cluster.caughtUp();
  });
  afterAll(() => cluster?.close());

  test('is read although nothing can be written; conflicts with replay cost a collector its turn; promotion costs nothing', async () => {
    const startedAtMs = Date.now();
    const daemon = await watch([{ name: 's', primary: { url: standbyUrl() } }]);
    const readOnly = await daemon.untilSaid(
      'facts of the standby',
      (view) => view.hasFactsSince(datname, startedAtMs) && view.findings(datname).length > 0,
    );
    expect(readOnly.findings(datname)).toEqual(shopFindings);
    expect(readOnly.errors(datname)).toEqual([]);
    noteFault({
      area: 'database',
      fault: 'a read-only standby, watched by itself',
      did: `read everything, found ${readOnly.findings(datname).length}`,
      said: readOnly.said(datname),
      recoveryMs: null,
    });

    // Whoever reads a catalogue on the standby is in the way of a lock that the primary takes again and again.
    const storm = new pg.Client(cluster.primary.url(datname));
    await storm.connect();
    let isStorming = true;
    const stormed = (async () => {
      while (isStorming) {
        await storm.query(
          'begin; lock table pg_catalog.pg_index, pg_catalog.pg_opclass in access exclusive mode; commit',
        );
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    })();
    let conflicts = 0;
    let meanwhile = readOnly;
    await until('a collector in conflict with replay', async () => {
      const collectors = await listed<{ readonly state: string; readonly reason: string | null }>(
        daemon.address,
        'collectors?state=failed',
      );
      const reasons = collectors
        .map(({ reason }) => reason ?? '')
        .filter((reason) => /conflict with recovery/.test(reason));
      conflicts += reasons.length;
      const view = await daemon.metrics();
      if (view.errors(datname).length > 0) meanwhile = view;
      expect(view.findings(datname)).toEqual(shopFindings);
      return conflicts > 0 && meanwhile !== readOnly;
    });
    isStorming = false;
    await stormed;
    await storm.end();
    const calmAtMs = Date.now();
    const conflictRecoveryMs = await daemon.recovered(datname, calmAtMs);
    const calm = await daemon.untilSaid('no error', (view) => view.errors(datname).length === 0);
    expect(calm.findings(datname)).toEqual(shopFindings);
    expect(await daemon.happened('finding-resolved')).toEqual([]);
    noteFault({
      area: 'database',
      fault: 'recovery conflicts on a standby (max_standby_streaming_delay = 0)',
      did: 'the collectors that were cancelled failed with "conflict with recovery", the others went on',
      said: meanwhile.said(datname),
      recoveryMs: conflictRecoveryMs,
    });

    const promotedAtMs = Date.now();
    await withConnection(standbyUrl(), (client) => client.query('select pg_promote(true)'));
    const recoveryMs = await daemon.recovered(datname, promotedAtMs);
    await runOn(standbyUrl(), 'create index items_name_third on items (name)');
    const promoted = await daemon.untilSaid(
      'what was made since',
      (view) => view.findings(datname).length === 2,
    );
    expect(await daemon.happened('finding-resolved')).toEqual([]);
    expect(daemon.events('target-down').length).toBeLessThanOrEqual(1);
    noteFault({
      area: 'database',
      fault: 'the standby is promoted',
      did: 'went on over it, resolved nothing',
      said: promoted.said(datname),
      recoveryMs,
    });
  });
});
