import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { formatConfigError } from '../../src/config/problems.ts';
import { detectors } from '../../src/detectors/index.ts';
import { err } from '../../src/model/result.ts';
import { type Daemon, startDaemon } from '../../src/watch/daemon.ts';
import { declarations } from '../../src/watch/declarations.ts';
import { aReceiver, type Receiver } from '../notify/receiver.ts';
import {
  createDatabase,
  runOn,
  startPostgres,
  type TestDatabase,
  type TestServer,
} from '../support/postgres.ts';
import { eventually } from '../support/processes.ts';
import { inRepository } from '../support/repository.ts';

const token = 'a-token-of-32-characters-or-more';

let server: TestServer;
let database: TestDatabase;
let receiver: Receiver | undefined;
let daemon: Daemon | undefined;
const lines: string[] = [];

beforeAll(async () => {
  server = await startPostgres();
  database = await createDatabase(server, 'notified');
  await runOn(
    database.url,
    `create table orders (a int, b int);
     insert into orders select n, n from generate_series(1, 2000) n;
     create index orders_a_one on orders (a);
     create index orders_a_two on orders (a);
     analyze orders`,
  );
});
afterEach(async () => {
  await daemon?.stop();
  await receiver?.close();
  daemon = undefined;
  receiver = undefined;
  lines.length = 0;
});
afterAll(async () => {
  await database?.drop();
  await server?.close();
});

async function serve(notifications: Readonly<Record<string, unknown>>): Promise<Daemon> {
  const files = new Map([['/token', token]]);
  const loaded = loadConfig({
    ...declarations,
    env: {},
    document: {
      servers: [{ name: 'main', primary: { url: database.url } }],
      http: { listen: '127.0.0.1:0', adminTokenFile: '/token' },
      collectors: Object.fromEntries(
        Object.keys(declarations.collectorDefaults).map((name) => [
          name,
          { schedule: '* * * * * *', maxRandomDelay: '0s' },
        ]),
      ),
      notifications,
    },
    readFile: (path) => files.get(path) ?? '',
  });
  if (!loaded.ok) throw new Error(formatConfigError(loaded.error));
  const note = (fields: object, message: string): void => void lines.push(JSON.stringify([fields, message]));
  daemon = await startDaemon({
    loaded: loaded.value,
    loadAgain: () => err('not asked for'),
    detectors,
    version: '0.0.0',
    docsDirectory: inRepository('docs'),
    log: { debug: note, info: note, warn: note, error: note },
  });
  const { generations } = daemon;
  await eventually('the first generation', () => generations().length > 0);
  return daemon;
}

test('a webhook hears of what is new, and of nothing that was there; API, metrics and log go along', async () => {
  receiver = await aReceiver();
  const { address } = await serve({
    groupWait: '0s',
    webhooks: [{ name: 'dba', url: receiver.url, events: ['finding-opened', 'index-created'] }],
  });
  expect(receiver.received).toEqual([]);
  await runOn(
    database.url,
    'create index orders_b_one on orders (b); create index orders_b_two on orders (b)',
  );
  await receiver.count(2);
  const heard = receiver.received.map(({ json }) => [json.event, json.kind, json.count, json.server]);
  expect(heard).toEqual([
    ['index-created', null, 2, 'main'],
    ['finding-opened', 'duplicate-index', 1, 'main'],
  ]);

  const events: unknown = await (await fetch(`${address}/api/v1/events?kind=index-created`)).json();
  expect(events).toMatchObject({ items: [{ kind: 'index-created' }, {}], next: null });
  await eventually('deliveries on the metrics page', async () =>
    (await (await fetch(`${address}/metrics`)).text()).includes(
      'indexwarden_webhook_deliveries_total{webhook="dba",outcome="delivered"} 2',
    ),
  );
  expect(lines.join()).not.toContain('s3cret-path');

  const findingId = receiver.received.at(-1)?.json.top[0].findingId;
  const answer = await fetch(`${address}/api/v1/mutes`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ findingId, reason: 'on purpose', author: 'ann' }),
  });
  expect(answer.status).toBe(201);
  await eventually('the finding is muted', async () => {
    const finding = await (await fetch(`${address}/api/v1/findings/${findingId}`)).text();
    return finding.includes('"state":"muted"');
  });
});

test('a receiver that never answers holds up neither watching nor the end', async () => {
  receiver = await aReceiver(() => {});
  const running = await serve({
    groupWait: '0s',
    webhooks: [{ name: 'dba', url: receiver.url, events: ['index-created'] }],
  });
  await runOn(database.url, 'create index orders_ab on orders (a, b)');
  await receiver.count(1);
  const seen = running.generations()[0]?.number ?? 0;
  await eventually('more generations', () => (running.generations()[0]?.number ?? 0) > seen + 1);
  await running.stop();
  daemon = undefined;
  expect(lines.join()).toContain('a webhook cannot be delivered');
});
