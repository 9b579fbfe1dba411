import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Table from 'cli-table3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { type Expression, expressions } from '../dashboards/model.ts';
import { substituted, type Values } from '../dashboards/promql.ts';
import { withConnection } from '../support/postgres.ts';
import { instantQuery, type Monitor, type Series, startPrometheus } from '../support/prometheus.ts';
import { inRepository } from '../support/repository.ts';
import { isMissing } from '../support/tools.ts';
import { closedPort } from './places.ts';
import { programs, until } from './program.ts';

/*
 * Every expression of every dashboard, on a real Prometheus that scrapes a real daemon that watches the real demo: what it returns,
 * and that it returns something. `npm run show:dashboards` prints the table.
 */

const noPrometheus = isMissing('prometheus', 'apt-get install prometheus');
const { start, endAll } = programs();
const folder = mkdtempSync(path.join(tmpdir(), 'dashboards-'));
let prometheus: Monitor | undefined;

/** Expressions that are rightly empty here, by a part of their place, with the reason. */
const rightlyEmpty: Readonly<Record<string, string>> = {
  'Fleet / Not reached': 'the demo is up',
  'Daemon / Reloads that failed': 'nothing was reloaded',
  'Daemon / Collectors failing': 'every collector succeeds',
  'Daemon / Permissions missing': 'the demo grants what is needed',
  'Daemon / Which permissions are missing': 'the demo grants what is needed',
  'Daemon / Errors': 'every collector succeeds',
  'Daemon / Relations skipped': 'nothing is locked',
  'Daemon / Collectors skipped': 'version 17 has what every collector reads',
  'Daemon / Store in trouble': 'the store is written to',
  'Database / Slow probes and changed plans':
    'the probe meets its target, and its new plan is the better one',
  'Index / Not valid': 'the index that is looked at is valid',
  'Database / Index bytes by worst finding A': 'no index of the demo has a critical finding',
};

/** What stands for the variables of the dashboards, as if somebody had chosen them. */
interface Choice {
  readonly index: Values;
  readonly database: Values;
}

const scrape = { interval: '1s', rateInterval: '20s', range: '2m' };

/** The index that the Index dashboard shows: scanned, bloated, found, and of a table that is updated. */
const worthShowing = `topk (1, max by (server, datname, schemaname, relname, indexrelname) (
  pgindex_bloat_bytes > 0
  and on (server, datname, schemaname, relname, indexrelname) pgindex_finding{kind="bloated-index"}
  and on (server, datname, schemaname, relname, indexrelname) rate(pgindex_scans_total[${scrape.rateInterval}]) > 0
  and on (server, datname, schemaname, relname) rate(pgindex_table_rows_updated_total[${scrape.rateInterval}]) > 0))`;

const isOfIndex = ({ dashboard }: Expression): boolean => dashboard.uid === 'indexwarden-index';

const found = new Map<Expression, readonly Series[]>();
const questions = new Map<Expression, string>();

describe.skipIf(noPrometheus)('the dashboards on the demo', () => {
  let monitor: Monitor;

  beforeAll(async () => {
    // For root the demo's server runs as somebody else.
    chmodSync(folder, 0o1777);
    const demo = start(['demo', '--scale', '0.1', '--listen', '127.0.0.1:0'], { env: { TMPDIR: folder } });
    await demo.printed(/Ctrl-C/);
    const [, monitorUrl = ''] = /check --url '(\S+)'/.exec(demo.stdout()) ?? [];
    const [, superuserUrl = ''] = /psql '(\S+)'/.exec(demo.stdout()) ?? [];
    const daemon = start(['serve', '--config.file', await configured(monitorUrl)]);
    const [, address = ''] = await daemon.printed(/"address":"http:\/\/([^"]+)"/, 'stderr');
    monitor = await startPrometheus(scrapesOf(address));
    prometheus = monitor;
    const index = await until(
      'an index to show',
      async () => (await instantQuery(monitor, worthShowing))[0]?.metric,
    );
    const { server = '', datname = '', schemaname = '', relname = '', indexrelname = '' } = index;
    const choice: Choice = {
      index: { server, datname, schemaname, relname, indexrelname },
      // Where most findings are.
      database: { server, datname: 'residency' },
    };
    await until(
      'unused indexes',
      async () => (await instantQuery(monitor, 'pgindex_finding{kind="unused-index"}')).length > 0,
    );
    await ask(choice);
    // What was seen of the index is history now: the rebuild mends its bloat, and with that its finding.
    await mend(superuserUrl, choice.index);
    await until(
      'the rebuild',
      async () => (await instantQuery(monitor, 'pgindex_last_rebuild_timestamp_seconds')).length > 0,
    );
    await until('everything that can be there', async () => {
      await ask(choice);
      return expressions.every((one) => (found.get(one)?.length ?? 0) > 0 || whyEmpty(one) !== undefined);
    }).catch(() => undefined);
  });

  /** Asks for everything that has returned nothing so far. */
  async function ask(choice: Choice): Promise<void> {
    for (const one of expressions) {
      if ((found.get(one)?.length ?? 0) > 0) continue;
      const question = substituted(one.text, valuesFor(one, choice));
      questions.set(one, question);
      const series = await instantQuery(monitor, question);
      found.set(
        one,
        series.filter(({ metric }) => one.label === undefined || metric[one.label] !== undefined),
      );
    }
  }

  test('Prometheus scraped the daemon, and nothing twice', async () => {
    expect((await instantQuery(monitor, 'up')).map(({ value }) => value[1])).toEqual(['1']);
    expect(await instantQuery(monitor, 'count by (datname) (indexwarden_target_up) > 1')).toEqual([]);
  });

  test('every expression returns data, but for those that are empty for a reason', () => {
    const empty = expressions.filter((one) => found.get(one)?.length === 0 && whyEmpty(one) === undefined);
    expect(empty.map((one) => `${one.place}: ${questions.get(one)}`)).toEqual([]);
    expect(found.size).toBe(expressions.length);
  });

  test('what is said to be empty is empty', () => {
    for (const reasoned of Object.keys(rightlyEmpty)) {
      const series = expressions
        .filter(({ place }) => place === reasoned)
        .map((one) => found.get(one)?.length);
      expect([reasoned, series]).toEqual([reasoned, [0]]);
    }
  });

  test('every value is a number, or an attribute that is 1', () => {
    for (const [{ place }, series] of found)
      for (const { value } of series) expect(value[1], place).toMatch(/^-?[\d.]+(e[+-]\d+)?$/);
  });

  test('shares lie between 0 and 1, and times are milliseconds of these days', () => {
    for (const [{ place, panel, kind }, series] of found) {
      const unit = panel?.fieldConfig?.defaults.unit;
      const isTime = unit === 'dateTimeFromNow' || kind === 'annotation';
      for (const { value } of series) {
        const number = Number(value[1]);
        if (isTime) expect(Math.abs(number - Date.now()), place).toBeLessThan(30 * 24 * 3_600_000);
        if (unit === 'percentunit' && !place.includes('CPU')) expect(number, place).toBeLessThanOrEqual(1);
      }
    }
  });

  // `npm run show:dashboards`; no test otherwise, and so none that is skipped.
  if (process.env.SHOW_DASHBOARDS === '1') test('are shown', () => console.log(shown()));
});

afterAll(async () => {
  await prometheus?.stop();
  await endAll();
  rmSync(folder, { recursive: true, force: true });
});

const whyEmpty = ({ place }: Expression): string | undefined => rightlyEmpty[place];

function valuesFor(one: Expression, choice: Choice): Values {
  const values = { job: '.+', instance: '.+', __rate_interval: scrape.rateInterval, __range: scrape.range };
  if (isOfIndex(one)) return { ...values, ...choice.index };
  const isOfDatabase = one.dashboard.uid === 'indexwarden-database';
  return { ...values, ...(isOfDatabase ? choice.database : { server: '.+', datname: '.+' }) };
}

const scrapesOf = (address: string) => ({
  global: { scrape_interval: scrape.interval, scrape_timeout: scrape.interval },
  scrape_configs: [{ job_name: 'indexwarden', static_configs: [{ targets: [address] }] }],
});

/** The demo's databases as an operator would watch them, at the pace of a test; returns the file. */
async function configured(monitorUrl: string): Promise<string> {
  const often = (seconds: number) => ({ schedule: `*/${seconds} * * * * *`, maxRandomDelay: '0s' });
  const file = path.join(folder, 'indexwarden.yaml');
  const databases = ['residency', 'backtest'];
  const config = {
    servers: [
      {
        name: 'demo',
        primary: { url: monitorUrl },
        databases,
        expectations: databases.map((name) => ({
          databases: name,
          file: inRepository('expectations', `${name}.yaml`),
        })),
        probes: [{ databases: 'residency', file: probed() }],
      },
    ],
    http: { listen: '127.0.0.1:0' },
    policy: { unusedAfter: '5s' },
    collectors: {
      'index-usage': often(2),
      'table-usage': often(2),
      'relation-sizes': often(3),
      indexes: often(3),
    },
    bloat: often(2),
    // At a tenth of the demo's size nothing would be worth saying.
    detectors: { 'bloated-index': { wastedBytesMin: 8192, ratioMin: 0.05, lastingRatioMin: 0 } },
    mutes: [{ kind: 'low-selectivity-index', reason: 'so that something is muted' }],
    notifications: {
      groupWait: '0s',
      attemptsMax: 1,
      webhooks: [
        { name: 'nobody', url: `http://127.0.0.1:${await closedPort()}/`, events: ['index-rebuilt'] },
      ],
    },
    storage: { path: path.join(folder, 'history.db') },
  };
  writeFileSync(file, stringify(config));
  return file;
}

/** Rebuilds the index, and gives the probe the index that it lacks: it is planned anew. */
async function mend(superuserUrl: string, { datname, schemaname, indexrelname }: Values): Promise<void> {
  const to = (database: string | undefined): string => {
    const url = new URL(superuserUrl);
    url.pathname = `/${database}`;
    return url.href;
  };
  await withConnection(to(datname), (client) =>
    client.query(`reindex index concurrently ${schemaname}.${indexrelname}`),
  );
  await withConnection(to('residency'), (client) =>
    client.query('create index concurrently on assignments (rotation_template_id)'),
  );
}

/** A probe without the index that it needs; the demo grants what it reads. Returns the manifest's file. */
function probed(): string {
  const file = path.join(folder, 'probes.yaml');
  const probe = {
    name: 'by-template',
    sql: 'select count(*) from assignments where rotation_template_id = $1',
    parameters: [{ type: 'uuid', value: '00000000-0000-0000-0000-000000000000' }],
    target: '5s',
    analyze: true,
    schedule: '*/3 * * * * *',
  };
  writeFileSync(file, stringify({ probes: [probe] }));
  return file;
}

/** Panel, query, number of series and one value of each. */
function shown(): string {
  const table = new Table({
    head: ['panel, variable or annotation', 'query', 'series', 'sample'],
    colWidths: [38, 96, 8, 52],
    wordWrap: true,
    wrapOnWordBoundary: false,
    style: { head: [], border: [] },
  });
  for (const [one, series] of found) {
    const [first] = series;
    const labels = Object.entries(first?.metric ?? {}).map(([name, value]) => `${name}=${value}`);
    const sample = first === undefined ? `none: ${whyEmpty(one)}` : `${first.value[1]} ${labels.join(' ')}`;
    table.push([one.place, questions.get(one) ?? '', series.length, sample]);
  }
  return table.toString();
}
