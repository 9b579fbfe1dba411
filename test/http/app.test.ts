import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { formatFor } from '../../src/http/metrics-route.ts';
import { createMetricsPage } from '../../src/metrics/page.ts';
import { renderGeneration } from '../../src/metrics/render.ts';
import { SampleWriter } from '../../src/metrics/samples.ts';
import { err } from '../../src/model/result.ts';
import { shop } from '../metrics/scene.ts';
import { aFinding, aGeneration } from '../support/builders.ts';
import { type Client, serve, silent } from './daemon.ts';

let client: Client | undefined;
const start = async (...given: Parameters<typeof serve>): Promise<Client> => {
  client = await serve(...given);
  return client;
};
afterEach(async () => {
  await client?.close();
  client = undefined;
});

const aPublishedPage = async () => {
  const metricsPage = await createMetricsPage({ render: async () => new SampleWriter().finish() });
  await metricsPage.publish(renderGeneration(shop()));
  return metricsPage;
};

describe('/probe', () => {
  test('serves what was last published of one target, in the form that is asked for', async () => {
    const { get, send } = await start({ metricsPage: await aPublishedPage() });
    const answer = await get('/probe?target=main/shop');
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(answer.text).toContain('indexwarden_target_up{server="main",datname="shop"} 1');
    expect((await get('/probe?target=main%2Fshop&collect[]=table')).text).not.toContain(
      'indexwarden_target_up',
    );
    const gzipped = await get('/probe?target=main', { 'Accept-Encoding': 'gzip' });
    expect(gunzipSync(gzipped.body).toString()).toContain('datname="shop"');
    expect((await send('POST', '/probe?target=main')).status).toBe(405);
  });

  test('knows no other names: an address is a name that nobody has', async () => {
    const { get } = await start({ metricsPage: await aPublishedPage() });
    for (const target of ['other', 'main/other', 'http://127.0.0.1:5432/', '127.0.0.1:5432', '../main/shop'])
      expect((await get(`/probe?target=${encodeURIComponent(target)}`)).status, target).toBe(404);
    for (const query of [
      '',
      '?target=',
      '?target=main&target=main/shop',
      '?Target=main',
      '?target=main&collect[]=x',
    ])
      expect((await get(`/probe${query}`)).status, query).toBe(400);
  });

  test('says that nothing has been collected yet rather than that a name is wrong', async () => {
    const readiness = () => ({ isReady: false, waitingFor: ['main/archive'] });
    const { get } = await start({ metricsPage: await aPublishedPage(), readiness });
    expect((await get('/probe?target=main/archive')).status).toBe(503);
    expect((await get('/probe?target=main/shop')).status).toBe(200);
  });
});

describe('/metrics', () => {
  test('is text unless OpenMetrics is asked for, and gzipped only where that is accepted', async () => {
    const { get } = await start();
    const text = await get('/metrics');
    expect(text.status).toBe(200);
    expect(text.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(text.headers['content-encoding']).toBeUndefined();
    expect(text.headers.vary).toBe('Accept, Accept-Encoding');
    const openmetrics = await get('/metrics', { Accept: 'application/openmetrics-text; version=1.0.0' });
    expect(openmetrics.headers['content-type']).toBe(
      'application/openmetrics-text; version=1.0.0; charset=utf-8',
    );
    const gzipped = await get('/metrics', { 'Accept-Encoding': 'gzip, deflate, br' });
    expect(gzipped.headers['content-encoding']).toBe('gzip');
    expect(gzipped.text).toBe('text gzipped\n');
    const refused = await get('/metrics', { 'Accept-Encoding': 'gzip;q=0' });
    expect(refused.headers['content-encoding']).toBeUndefined();
  });

  test('answers HEAD with the length of the page', async () => {
    const { send } = await start();
    const head = await send('HEAD', '/metrics');
    expect(head.status).toBe(200);
    expect(head.headers['content-length']).toBe(String('text plain\n'.length));
    expect(head.body).toHaveLength(0);
  });

  test('serves the page that was published last, and the daemon alone before the first', async () => {
    const metricsPage = await createMetricsPage({ render: async () => new SampleWriter().finish() });
    const { get } = await start({ metricsPage });
    const before = await get('/metrics');
    expect(before.status).toBe(200);
    expect(before.text).toContain('indexwarden_exposition_series');
    await metricsPage.publish(renderGeneration(shop()));
    const after = await get('/metrics', { 'Accept-Encoding': 'gzip' });
    expect(gunzipSync(after.body).toString()).toContain('pgindex_scans_total');
  });

  test('serves the parts that collect[] names, and refuses parts that there are not', async () => {
    const { get } = await start({ metricsPage: await aPublishedPage() });
    const part = await get('/metrics?collect[]=index&collect%5B%5D=finding');
    expect(part.status).toBe(200);
    expect(part.text).toContain('pgindex_size_bytes');
    expect(part.text).toContain('pgindex_findings');
    expect(part.text).not.toContain('indexwarden_target_up');
    const unknown = await get(`/metrics?collect[]=indexes${'x'.repeat(500)}`);
    expect(unknown.status).toBe(400);
    expect(unknown.json().detail).toMatch(
      /the parts are target, finding, index, table, probe, daemon, process$/,
    );
    expect(unknown.json().detail.length).toBeLessThan(200);
  });

  test.each([
    [undefined, 'text'],
    ['*/*', 'text'],
    ['application/json', 'text'],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'text'],
    // Prometheus 2.42
    [
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
      'openmetrics',
    ],
    // Prometheus 3
    [
      'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
      'openmetrics',
    ],
    // Told by its configuration to prefer text
    ['text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.2', 'text'],
    ['application/openmetrics-text;version=0.0.1', 'text'],
    ['application/openmetrics-text;version=1.0.0;q=0', 'text'],
    ['application/openmetrics-text; version="1.0.0"', 'openmetrics'],
  ])('Accept: %s', (accept, format) => {
    expect(formatFor(accept)).toBe(format);
  });
});

describe('health', () => {
  test.each(['/-/healthy', '/healthz'])('%s says alive whatever the databases do', async (path) => {
    const { get } = await start({
      readiness: () => ({ isReady: false, waitingFor: ['the first collection of main/shop'] }),
    });
    expect((await get(path)).status).toBe(200);
  });

  test.each(['/-/ready', '/readyz'])('%s waits for the first attempts and says which', async (path) => {
    let isReady = false;
    const { get, send } = await start({
      readiness: () => ({ isReady, waitingFor: isReady ? [] : ['the first collection of main/shop'] }),
    });
    const waiting = await get(path);
    expect(waiting.status).toBe(503);
    expect(waiting.text).toContain('the first collection of main/shop');
    isReady = true;
    expect((await get(path)).status).toBe(200);
    expect((await send('HEAD', path)).status).toBe(200);
  });
});

describe('POST /-/reload', () => {
  test('is off by default and says how to turn it on', async () => {
    const { send } = await start();
    const answer = await send('POST', '/-/reload');
    expect(answer.status).toBe(403);
    expect(answer.json().detail).toContain('--http.lifecycle');
  });

  test('reloads, or names the problems', async () => {
    const problems = 'servers[0].name: is missing';
    let answers = 0;
    const { send, get } = await start({
      options: { lifecycleEnabled: true },
      reload: async () => {
        answers += 1;
        return answers === 1 ? { ok: true, value: undefined } : err(problems);
      },
    });
    expect((await send('POST', '/-/reload')).status).toBe(200);
    const failed = await send('POST', '/-/reload');
    expect(failed.status).toBe(500);
    expect(failed.text).toContain(problems);
    expect((await get('/-/reload')).status).toBe(405);
    expect(answers).toBe(2);
  });

  test('is refused to pages of other sites', async () => {
    const { send } = await start({ options: { lifecycleEnabled: true } });
    for (const headers of [{ 'Sec-Fetch-Site': 'cross-site' }, { Origin: 'https://evil.example' }])
      expect((await send('POST', '/-/reload', headers)).status).toBe(403);
    const own = { Host: 'warden:10187', Origin: 'http://warden:10187', 'Sec-Fetch-Site': 'same-origin' };
    expect((await send('POST', '/-/reload', own)).status).toBe(200);
  });
});

describe('the first page', () => {
  test('shows targets, counts and what matters most', async () => {
    const { get } = await start({
      generations: () => [
        shop(),
        aGeneration({
          target: { server: 'main', datname: 'archive' },
          isUp: false,
          error: 'connection refused',
        }),
      ],
    });
    const { text, headers } = await get('/');
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(text).toContain('main/shop');
    expect(text).toContain('connection refused');
    expect(text).toContain('public.orders_a_idx1 duplicates orders_a_idx');
    expect(text).toContain('href="/findings/00000000000000d1"');
    expect(text).toContain('4 open findings: 0 critical, 2 warning, 2 info.');
    expect(text).toContain('Not everything could be judged on 2 of 2 targets');
  });

  test('shows at most ten findings, critical ones first', async () => {
    const findings = Array.from({ length: 12 }, (_, place) =>
      aFinding({
        id: `00000000000000${(16 + place).toString(16)}`,
        title: `finding ${place}`,
        indexrelname: `i${place}`,
      }),
    );
    const critical = aFinding({
      id: '00000000000000ff',
      severity: 'critical',
      title: 'uniqueness is lost',
      impact: { reclaimableBytes: 0 },
    });
    const { get } = await start({ generations: () => [aGeneration({ findings: [...findings, critical] })] });
    const { text } = await get('/');
    const rows = text.match(/href="\/findings\/[0-9a-f]{16}"/g) ?? [];
    expect(rows).toHaveLength(10);
    expect(rows[0]).toContain('00000000000000ff');
  });

  test('says so before anything was collected', async () => {
    const { get } = await start();
    expect((await get('/')).text).toContain('Nothing has been collected yet');
  });

  test('is harmless whatever objects are called', async () => {
    const evil = '"><script>alert(1)</script>\'&\n\u202e';
    const { get } = await start({
      generations: () => [
        aGeneration({
          target: { server: evil, datname: evil },
          isUp: false,
          error: evil,
          findings: [aFinding({ title: evil, server: evil, datname: evil })],
        }),
      ],
    });
    const { text } = await get('/');
    expect(text).not.toContain('<script>');
    expect(text).toContain('&lt;script&gt;');
    expect(text).not.toMatch(/href="[^"]*<|"><script/);
  });
});

describe('every answer', () => {
  test('carries the headers that keep browsers careful', async () => {
    const { get } = await start();
    for (const path of ['/', '/metrics', '/api/v1/findings', '/nowhere', '/assets/style.css']) {
      const { headers } = await get(path);
      expect(headers['content-security-policy'], path).toContain("default-src 'none'");
      expect(headers['content-security-policy'], path).not.toContain('unsafe-inline');
      expect(headers['x-frame-options'], path).toBe('DENY');
      expect(headers['x-content-type-options'], path).toBe('nosniff');
      expect(headers['referrer-policy'], path).toBe('same-origin');
      expect(headers['x-powered-by'], path).toBeUndefined();
    }
  });

  test('has a request id: one of ours, or that of a proxy if it is one', async () => {
    const { get } = await start();
    expect((await get('/healthz')).headers['x-request-id']).toBe('request-1');
    expect((await get('/healthz', { 'X-Request-Id': 'proxy-7' })).headers['x-request-id']).toBe('proxy-7');
    expect((await get('/healthz', { 'X-Request-Id': 'a b"c' })).headers['x-request-id']).toBe('request-1');
  });

  test('to what does not exist or is not understood is a problem with a remedy', async () => {
    const { get, send } = await start();
    const missing = await get('/nowhere');
    expect(missing.status).toBe(404);
    expect(missing.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(missing.json()).toMatchObject({ status: 404, title: 'Not found', requestId: 'request-1' });
    const wrong = await send('DELETE', '/metrics');
    expect(wrong.status).toBe(405);
    expect(wrong.headers.allow).toBe('GET, HEAD');
    expect((await get('/api/v1/findings/%E0%A4%A')).status).toBe(400);
  });

  test('to a request with a body is a refusal before the body is read', async () => {
    const { send } = await start({ options: { lifecycleEnabled: true } });
    const answer = await send('POST', '/-/reload', { 'Content-Length': '5000' }, 'x'.repeat(5000));
    expect(answer.status).toBe(413);
    const chunked = await send('POST', '/-/reload', { 'Transfer-Encoding': 'chunked' }, 'x');
    expect(chunked.status).toBe(413);
  });

  test('to a bug of ours has no details; the log has them', async () => {
    const logged: object[] = [];
    const { get } = await start({
      generations: () => {
        throw new Error('secret detail');
      },
      log: { ...silent, error: (facts) => logged.push(facts) },
    });
    const answer = await get('/api/v1/findings');
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain('secret detail');
    expect(answer.text).not.toMatch(/\bat .*\.ts/);
    expect(answer.json().requestId).toBe('request-1');
    expect(logged).toMatchObject([{ requestId: 'request-1', path: '/api/v1/findings' }]);
  });
});
