import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DatabaseSync } from '@photostructure/sqlite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { allFamilies } from '../../src/metrics/families.ts';
import type { Finding } from '../../src/model/finding.ts';
import { declarations } from '../../src/watch/declarations.ts';
import { parseExposition } from '../metrics/parse-exposition.ts';
import { committedAlerts } from '../package/alert-rules.ts';
import { runPrinted } from '../support/look.ts';
import {
  createDatabase,
  runOn,
  startPostgres,
  type TestDatabase,
  type TestServer,
} from '../support/postgres.ts';
import { instantQuery, type Monitor, startAlertmanager, startPrometheus } from '../support/prometheus.ts';
import { createMonitor, type TestRole } from '../support/roles.ts';
import { isMissing } from '../support/tools.ts';
import {
  baselineCopies,
  baselineTables,
  bloat,
  failBuild,
  faults,
  interruptDrop,
  manifest,
  probes,
  schemaBefore,
  stickBuild,
} from './alert-faults.ts';
import {
  factor,
  firing,
  Ledger,
  notStaged,
  scaledAlertmanager,
  shortestMs,
  stepMs,
  writeScaledRules,
} from './alert-stage.ts';
import { answerOf, findingsOf, listed, samplesOf } from './daemon-client.ts';
import { closedPort } from './places.ts';
import { programs, type Running, until } from './program.ts';

/*
 * The committed alert rules, scaled by one factor, on a real Prometheus that scrapes a real daemon on a real server: each alert is made to fire
 * by a fault, and ends when the printed fix was applied. A real Alertmanager delivers. A story: the tests follow each other.
 */

const isAbsent =
  isMissing('prometheus', 'apt-get install prometheus') ||
  isMissing('prometheus-alertmanager', 'apt-get install prometheus-alertmanager');

interface Delivered {
  readonly receiver: string;
  readonly alerts: readonly {
    readonly status: 'firing' | 'resolved';
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  }[];
}

const { start, endAll } = programs();
const folder = mkdtempSync(path.join(tmpdir(), 'alerts-'));
const config = path.join(folder, 'indexwarden.json');
const storage = path.join(folder, 'history.db');
const delivered: Delivered[] = [];
const ledger = new Ledger();
const startMs = Date.now();

let server: TestServer;
let role: TestRole;
let shop: TestDatabase;
let broken: TestDatabase;
let twisted: TestDatabase;
let fleeting: TestDatabase;
let webhook: Server;
let daemon: Running;
let address: string;
let prometheus: Monitor;
let alertmanager: Monitor;
let watching: Promise<void>;
const stopWatching = new AbortController();

/** A look at five hundred findings takes a second or two where other tests run beside it: stale is what is three of these old. */
const everyFewSeconds = Object.fromEntries(
  Object.keys(declarations.collectorDefaults).map((name) => [
    name,
    { schedule: '*/4 * * * * *', maxRandomDelay: '0s' },
  ]),
);

/** What stands in the configuration; JSON is YAML. */
function configure(metrics: Readonly<Record<string, unknown>> = {}, isCorrected = false): void {
  const at = (database: TestDatabase) => ({ url: role.url(database.name) });
  writeFileSync(
    config,
    JSON.stringify({
      servers: [
        {
          name: 'shop',
          primary: at(shop),
          expectations: [{ file: path.join(folder, 'manifest.yaml') }],
          probes: [{ file: path.join(folder, 'probes.yaml') }],
        },
        { name: 'broken', primary: at(broken) },
        // What is called its standby is a primary.
        {
          name: 'twisted',
          primary: at(twisted),
          ...(isCorrected ? {} : { standbys: [{ name: 'replica', ...at(twisted) }] }),
        },
        { name: 'fleeting', primary: at(fleeting) },
      ],
      collectors: everyFewSeconds,
      bloat: { schedule: '* * * * * *', maxRandomDelay: '0s' },
      detectors: { 'bloated-index': { wastedBytesMin: 100_000 }, 'slow-probe': { pageForMinutes: 0 } },
      storage: { path: storage },
      metrics,
    }),
  );
}

async function startDaemon(): Promise<void> {
  daemon = start(['serve', '--config.file', config, '--web.listen-address', new URL(address).host]);
  await daemon.printed(/"address":"([^"]+)"/, 'stderr');
}

async function reload(): Promise<void> {
  daemon.kill('SIGHUP');
}

/** A machine with more to do than it can may be late with a collection, and this is what it then should say. */
const late = 'IndexwardenCollectionStale';

const ticketsAndPages = () =>
  delivered.filter(({ receiver }) => receiver === 'tickets' || receiver === 'pager');

/** Alerts of one name that reached a receiver, as firing. */
const told = (receiver: string, alertname: string) =>
  delivered
    .filter((message) => message.receiver === receiver)
    .flatMap(({ alerts }) => alerts)
    .filter(({ status, labels }) => status === 'firing' && labels.alertname === alertname);

const fires = (...names: readonly string[]) =>
  until(`alerts firing: ${names.join(', ')}`, () => names.every((name) => ledger.fired.has(name)));
const ends = (...names: readonly string[]) =>
  until(`alerts ending: ${names.join(', ')}`, () => names.every((name) => ledger.resolved.has(name)));

const findingOf = (kind: string, relname: string): Promise<Finding> =>
  until(`a finding ${kind} on ${relname}`, async () =>
    (await findingsOf(address)).find(
      (finding) => finding.kind === kind && finding.relname === relname && finding.state === 'open',
    ),
  );

/** Applies what the finding prints, as it stands. */
async function fix(kind: string, relname: string): Promise<Finding> {
  const finding = await findingOf(kind, relname);
  expect(finding.fix.sql, finding.title).not.toBeNull();
  await runPrinted(shop.url, finding.fix.sql);
  return finding;
}

beforeAll(async () => {
  if (isAbsent) return;
  server = await startPostgres();
  role = await createMonitor(server);
  const made = await Promise.all(
    ['shop', 'broken', 'twisted', 'fleeting'].map((name) => createDatabase(server, name)),
  );
  [shop, broken, twisted, fleeting] = made as [TestDatabase, TestDatabase, TestDatabase, TestDatabase];
  const [initial, vacuum] = schemaBefore.split(/(?=vacuum analyze)/);
  await runOn(shop.url, initial ?? '');
  await runOn(shop.url, vacuum ?? '');
  await runOn(
    twisted.url,
    'create table slow (a int primary key); insert into slow select generate_series(10, 5000)',
  );
  await runOn(broken.url, 'revoke select on pg_catalog.pg_stat_user_indexes from public');
  writeFileSync(path.join(folder, 'manifest.yaml'), manifest);
  writeFileSync(path.join(folder, 'probes.yaml'), probes);
  await runOn(shop.url, `grant select on lines to ${role.name}`);

  webhook = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      const { alerts } = JSON.parse(body) as Pick<Delivered, 'alerts'>;
      delivered.push({ receiver: (request.url ?? '').slice(1), alerts });
      response.end();
    });
  }).listen(0, '127.0.0.1');
  await once(webhook, 'listening');
  alertmanager = await startAlertmanager(
    scaledAlertmanager(`http://127.0.0.1:${(webhook.address() as AddressInfo).port}`),
  );

  address = `http://127.0.0.1:${await closedPort()}`;
  configure();
  await startDaemon();
  await until('the first look', async () => (await answerOf(address, '/-/ready')).status === 200);
  await until('every index measured, since that adds series', async () => {
    const waiting = await samplesOf(address, 'indexwarden_measurements_waiting');
    const known = await samplesOf(address, 'pgindex_bloat_ratio');
    return known.length > baselineTables * baselineCopies && waiting.every(({ value }) => value === 0);
  });
  const [series] = await samplesOf(address, 'indexwarden_exposition_series');
  const rules = writeScaledRules(folder, (settings) => {
    const { sampleLimit } = settings.daemon;
    // Reached when the series of blocks are turned on, two for each index.
    const seriesMax = { ...sampleLimit.seriesMax, number: Math.round(((series?.value ?? 0) + 500) / 0.8) };
    return { ...settings, daemon: { ...settings.daemon, sampleLimit: { ...sampleLimit, seriesMax } } };
  });
  prometheus = await startPrometheus({
    global: {
      scrape_interval: `${stepMs}ms`,
      scrape_timeout: `${stepMs}ms`,
      evaluation_interval: `${stepMs}ms`,
    },
    rule_files: rules,
    alerting: { alertmanagers: [{ static_configs: [{ targets: [new URL(alertmanager.url).host] }] }] },
    scrape_configs: [{ job_name: 'indexwarden', static_configs: [{ targets: [new URL(address).host] }] }],
  });
  watching = (async () => {
    while (!stopWatching.signal.aborted) {
      await firing(prometheus).then((names) => ledger.note(names, Date.now()));
      await delay(stepMs / 2);
    }
  })();
});

afterAll(async () => {
  stopWatching.abort();
  await watching?.catch(() => {});
  if (!isAbsent) {
    const names = [...new Set(committedAlerts.map(({ alert }) => alert))];
    console.log(
      [
        `A day lasts ${86_400 / factor} s (durations, bytes and rows divided by ${factor}; no duration below ${shortestMs / 1000} s).`,
        ...ledger.lines(startMs),
        ...names
          .filter((name) => notStaged[name] !== undefined)
          .map((name) => `${name}: not staged, ${notStaged[name]}`),
      ].join('\n'),
    );
  }
  await prometheus?.stop();
  await alertmanager?.stop();
  await endAll();
  webhook?.close();
  webhook?.closeAllConnections();
  await Promise.all([shop, broken, twisted, fleeting].map((database) => database?.drop()));
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
});

test.skipIf(isAbsent)(
  'five hundred findings of the first look are no page, no ticket and one digest',
  async () => {
    // Its week is seventy seconds long, and begins now.
    await runOn(shop.url, faults.partitions);
    await fires('IndexwardenDigest shop');
    await until('the digest', () => told('digest', 'IndexwardenDigest').length > 0);
    // The scaled waits of all tickets but the longest have passed several times over.
    const passedMs = Date.now();
    await until('some more evaluations', () => Date.now() - passedMs > 4 * shortestMs);
    const found = (await findingsOf(address)).filter(({ kind }) => kind === 'duplicate-index');
    expect(found.length).toBe(baselineTables * baselineCopies);
    expect(new Set(found.map(({ origin }) => origin))).toEqual(new Set(['baseline']));
    const about = ticketsAndPages().flatMap(({ alerts }) =>
      alerts.filter(({ labels }) => labels.server === 'shop' && labels.alertname !== late),
    );
    expect(about).toEqual([]);
    expect(told('digest', 'IndexwardenDigest').filter(({ labels }) => labels.server === 'shop')).toHaveLength(
      1,
    );
  },
);

test.skipIf(isAbsent)(
  'one more on the second day is exactly one ticket, and ends with the printed fix',
  async () => {
    const before = ticketsAndPages().length;
    await runOn(shop.url, faults.duplicate);
    await until('the ticket', () => told('tickets', 'IndexwardenDuplicateIndex').length > 0);
    const messages = ticketsAndPages()
      .slice(before)
      .filter(({ alerts }) =>
        alerts.some(({ labels }) => labels.server === 'shop' && labels.alertname !== late),
      );
    expect(messages).toHaveLength(1);
    const [alert, ...more] = messages[0]?.alerts ?? [];
    expect(more).toEqual([]);
    expect(alert?.labels).toEqual({
      alertname: 'IndexwardenDuplicateIndex',
      server: 'shop',
      severity: 'warning',
    });
    expect(alert?.annotations.summary).toMatch(/^Duplicate indexes on shop: 1, [\d.]+kiB$/);
    expect(alert?.annotations.description).toContain(`- ${shop.name}: public.orders_note_again on orders, `);
    const runbook = await answerOf(address, new URL(alert?.annotations.runbook_url ?? '').pathname);
    expect(runbook).toMatchObject({
      status: 200,
      body: expect.stringContaining('IndexwardenDuplicateIndex'),
    });
    await fix('duplicate-index', 'orders');
    await ends('IndexwardenDuplicateIndex shop');
  },
);

test.skipIf(isAbsent)('every fault raises its alert, once for the server', async () => {
  const stuck = await stickBuild(twisted.url);
  await bloat(shop.url);
  await interruptDrop(shop.url, 'orders', 'orders_note');
  await failBuild(shop.url);
  await runOn(shop.url, faults.drift);
  await runOn(shop.url, faults.slowProbe);
  await runOn(shop.url, faults.dropExpected);
  await runOn(shop.url, faults.foreignKey);
  await runOn(server.url(), `alter database "${fleeting.name}" allow_connections false`);
  await runOn(
    server.url(),
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${fleeting.name}'`,
  );
  await fires(
    'IndexwardenIndexLost shop',
    'IndexwardenCollationDrift shop',
    'IndexwardenProbeTooSlow shop',
    'IndexwardenInvalidIndex shop',
    'IndexwardenMissingExpectedIndex shop',
    'IndexwardenUnindexedForeignKey shop',
    'IndexwardenTargetDown fleeting server',
    'IndexwardenNodeMisconfigured twisted',
    'IndexwardenCollectionNeverSucceeded broken',
    'IndexwardenBuildTooLong twisted',
    'IndexwardenBloatedIndex shop',
  );
  await until(
    'the pages',
    () =>
      told('pager', 'IndexwardenIndexLost').length > 0 &&
      told('pager', 'IndexwardenCollationDrift').length > 0,
  );
  expect(told('pager', 'IndexwardenIndexLost')[0]?.annotations.description).toContain(
    'public.orders_note on orders',
  );
  // While it runs, a role that loses its rights in the middle of a look would take it for a failed one.
  await stuck.end();
  await ends('IndexwardenBuildTooLong twisted');
});

test.skipIf(isAbsent)('what the daemon can no longer read, write or load is told', async () => {
  await runOn(shop.url, `revoke pg_monitor from ${role.name}`);
  await runOn(twisted.url, 'revoke select on pg_catalog.pg_stat_user_indexes from public');
  await fires('IndexwardenFactLost shop', 'IndexwardenCollectionStale twisted');
  const [target] = (await listed(address, 'targets')).filter(({ id }) => id === `shop/${shop.name}`);
  const missing = target?.missingPermissions as { permission: string; grant: string }[];
  const grant = missing.find(({ permission }) => permission === 'pg_monitor')?.grant;
  await runOn(shop.url, grant ?? '');
  await runOn(twisted.url, 'grant select on pg_catalog.pg_stat_user_indexes to public');
  await runOn(broken.url, 'grant select on pg_catalog.pg_stat_user_indexes to public');

  const other = new DatabaseSync(storage);
  other.exec('begin immediate');
  await fires('IndexwardenStoreFailing');
  other.exec('rollback');
  other.close();
  await ends(
    'IndexwardenFactLost shop',
    'IndexwardenCollectionStale twisted',
    'IndexwardenCollectionNeverSucceeded broken',
    'IndexwardenStoreFailing',
  );

  writeFileSync(config, 'servers: nonsense');
  await reload();
  await fires('IndexwardenReloadFailed');
  configure({ blockIo: true, maxFindingSeries: baselineTables * baselineCopies });
  await reload();
  await fires('IndexwardenSampleLimitNear', 'IndexwardenFindingsNotExported shop');
  await ends('IndexwardenReloadFailed');
  configure({}, true);
  await reload();
  await ends(
    'IndexwardenSampleLimitNear',
    'IndexwardenFindingsNotExported shop',
    'IndexwardenNodeMisconfigured twisted',
  );
});

test.skipIf(isAbsent)('the printed fixes end the alerts', async () => {
  await runOn(server.url(), `alter database "${fleeting.name}" allow_connections true`);
  // What records the new version stands in the notes, since it must come after every rebuild.
  const drift = await fix('collation-drift', 'people');
  await runPrinted(shop.url, /ALTER COLLATION [^;]+;/.exec(drift.fix.notes)?.[0] ?? '');
  await runOn(shop.url, faults.fasterProbe);
  await fix('bloated-index', 'queue');
  await fix('missing-expected-index', 'wanted');
  await fix('unindexed-foreign-key', 'invoices');
  await fix('invalid-index', 'emails');
  await fix('invalid-index', 'orders');
  await ends(
    'IndexwardenIndexLost shop',
    'IndexwardenCollationDrift shop',
    'IndexwardenProbeTooSlow shop',
    'IndexwardenInvalidIndex shop',
    'IndexwardenMissingExpectedIndex shop',
    'IndexwardenUnindexedForeignKey shop',
    'IndexwardenTargetDown fleeting server',
    'IndexwardenBuildTooLong twisted',
    'IndexwardenBloatedIndex shop',
  );
  // Of a partitioned index that waits for its partitions a week (70 s) must pass; its fix is what the notes say, not SQL.
  await fires('IndexwardenPartitionsUnattached shop');
  const waiting = await findingOf('invalid-index', 'parted');
  expect(waiting.fix.notes).toContain('ATTACH PARTITION');
  for (const part of ['parted_1', 'parted_2']) {
    await runOn(shop.url, `create index concurrently ${part}_id on ${part} (id)`);
    await runOn(shop.url, `alter index parted_id attach partition ${part}_id`);
  }
  await ends('IndexwardenPartitionsUnattached shop');
});

test.skipIf(isAbsent)('a scrape while the database changes sees whole generations only', async () => {
  const seen = new Set<number>();
  let isChanging = true;
  const changing = (async () => {
    let n = 0;
    for (; isChanging; n++) {
      await runOn(shop.url, `create index more_${n} on old_1 (a); create index more_again_${n} on old_1 (a)`);
      await runOn(shop.url, `drop index more_${n}`);
    }
    return n;
  })();
  await until('generations', async () => {
    const { samples } = parseExposition((await answerOf(address, '/metrics')).body);
    const of = (name: string, labels: Readonly<Record<string, string>> = {}) =>
      samples.filter(
        (sample) =>
          sample.name === name &&
          sample.labels.get('server') === 'shop' &&
          Object.entries(labels).every(([label, value]) => sample.labels.get(label) === value),
      );
    const sum = (list: readonly { readonly value: number }[]) =>
      list.reduce((total, { value }) => total + value, 0);
    const open = of('pgindex_finding').length;
    expect(sum(of('pgindex_findings'))).toBe(open);
    expect(sum(of('pgindex_finding_series'))).toBe(open);
    expect(of('pgindex_finding_first_seen_timestamp_seconds').length).toBe(open);
    expect(sum(of('pgindex_indexes', { exported: 'true' }))).toBe(of('pgindex_info').length);
    expect(samples.find(({ name }) => name === 'indexwarden_exposition_series')?.value).toBe(samples.length);
    seen.add(of('indexwarden_generation_timestamp_seconds')[0]?.value ?? 0);
    return seen.size >= 3;
  });
  isChanging = false;
  const made = await changing;
  for (let n = 0; n < made; n++) await runOn(shop.url, `drop index more_again_${n}`);
});

test.skipIf(isAbsent)(
  'a daemon that is gone is missed, and its restart is no spike in any counter',
  async () => {
    // Much was counted before: a counter that is taken for a new one would show all of it at once.
    const [counted] = await instantQuery(
      prometheus,
      'sum(pgindex_table_sequential_rows_read_total{server="shop"})',
    );
    expect(Number(counted?.value[1])).toBeGreaterThan(100_000);
    const quietSinceMs = Date.now();
    daemon.kill('SIGTERM');
    await daemon.ended;
    // It was missing as well before the first scrape of all, which is long enough where a day lasts ten seconds.
    ledger.forget('IndexwardenAbsent');
    await fires('IndexwardenAbsent');
    await startDaemon();
    await ends('IndexwardenAbsent');
    const rows = 'pgindex_table_sequential_rows_read_total{server="shop", relname="queue"}';
    await until('samples of after the restart', async () => {
      const [samples] = await instantQuery(prometheus, `count_over_time(${rows}[${shortestMs / 1000}s])`);
      return Number(samples?.value[1]) >= shortestMs / stepMs - 1;
    });
    const seconds = Math.ceil((Date.now() - quietSinceMs) / 1000);
    const counters = allFamilies.filter(
      ({ name, type }) => type === 'counter' && name.startsWith('pgindex_'),
    );
    // A counter taken for a new one would show at once all that it has ever counted.
    const spikeOf = (name: string): string => {
      const series = `${name}{server="shop"}`;
      return `increase(${series}[${seconds}s]) > 0.5 * ${series} and ${series} > 1000`;
    };
    const spikes = await Promise.all(counters.map(({ name }) => instantQuery(prometheus, spikeOf(name))));
    expect(counters.length).toBeGreaterThan(20);
    expect(spikes.flat().map(({ metric }) => metric)).toEqual([]);
  },
);

test.skipIf(isAbsent)('every alert fired here and ended, or is listed with the reason why not', async () => {
  await until('the end of all', () =>
    [...ledger.fired].every((name) => ledger.resolved.has(name) || name.startsWith('IndexwardenDigest ')),
  );
  const names = new Set([...ledger.resolved].map((name) => name.split(' ')[0]));
  const staged = [...new Set(committedAlerts.map(({ alert }) => alert))].filter(
    (name) => notStaged[name] === undefined,
  );
  // The digest goes on as long as anything of the first look is open.
  expect(staged.filter((name) => name !== 'IndexwardenDigest' && !names.has(name))).toEqual([]);
  expect([...ledger.fired].filter((name) => notStaged[name.split(' ')[0] ?? ''] !== undefined)).toEqual([]);
});
