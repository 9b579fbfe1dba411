import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Generation } from '../../src/findings/generation.ts';
import { shop, unreachable } from '../metrics/scene.ts';
import { aFinding, indexNamed } from '../support/builders.ts';
import { type Client, serve } from './daemon.ts';
import { expectSound } from './sound.ts';

/** A finding of the shop with a statement, and what it was printed from. */
const duplicate = aFinding({
  id: '00000000000000c1',
  relname: 'orders',
  indexrelname: 'orders_a_idx1',
  title: 'orders_a_idx1 is a copy',
});
const generations = (): readonly Generation[] => {
  const whole = shop();
  const index = indexNamed(whole.catalogue, 'orders_a_idx1');
  return [
    unreachable(),
    {
      ...whole,
      findings: [duplicate],
      remedies: new Map([[duplicate.id, { kind: 'drop-index' as const, index }]]),
    },
  ];
};

let client: Client;
beforeAll(async () => {
  const published = generations();
  client = await serve({ generations: () => published });
});
afterAll(() => client.close());
const page = (path: string) => client.get(path, { Accept: 'text/html' });

describe('the page that makes plans', () => {
  it('offers what has a statement, of one database at a time, without a script', async () => {
    const { status, text } = await page('/plan');
    expect(status).toBe(200);
    expectSound(text);
    expect(text).toContain('name="finding" value="00000000000000c1"');
    expect(text).toContain('<form method="get" action="/plan#script">');
    expect(text).toContain('href="/plan?target=main%2Farchive"');
  });

  it('shows the script for what was chosen, keeps the choice, and gives it to take away', async () => {
    const { status, text } = await page(
      '/plan?target=main%2Fshop&finding=00000000000000c1&make=1&for=all&format=sql',
    );
    expect(status).toBe(200);
    expectSound(text);
    expect(text).toContain('id="sql-script"');
    expect(text).toMatch(/value="00000000000000c1" checked/);
    const [, download = ''] = /href="(\/api\/v1\/plan\?[^"]*format=sql[^"]*)" download/.exec(text) ?? [];
    const file = await client.get(download.replaceAll('&amp;', '&'));
    expect(file.status).toBe(200);
    expect(file.headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(file.headers['content-disposition']).toMatch(/^attachment; filename="plan-shop-[0-9a-f]+\.sql"$/);
    expect(file.text).toContain('-- indexwarden plan');
  });

  it('says so when nothing was chosen, and takes everything where that is asked for', async () => {
    expect((await page('/plan?target=main%2Fshop&make=1')).text).toContain('No finding was chosen');
    const all = await page('/plan?target=main%2Fshop&every=1&finding=ffff');
    expect(all.status).toBe(200);
    expect(all.text).toContain('id="sql-script"');
  });

  it('tells what is wrong, on a page', async () => {
    for (const [path, status] of [
      ['/plan?finding=zz', 400],
      ['/plan?finding=ffffffffffffffff&make=1', 400],
      ['/plan?for=everything', 400],
      ['/plan?what=1', 400],
      ['/plan?target=main%2Farchive&every=1', 503],
    ] as const) {
      const answer = await page(path);
      expect([path, answer.status]).toEqual([path, status]);
      expect(answer.headers['content-type']).toContain('text/html');
    }
  });

  it('has nothing to plan before anything was looked at', async () => {
    const empty = await serve();
    expect((await empty.get('/plan')).text).toContain('nothing to plan');
    await empty.close();
  });
});

describe('other pages', () => {
  it('lead to the report in every format, and know how far it looks back', async () => {
    const { text } = await page('/report?since=90d');
    expectSound(text);
    for (const format of ['html', 'markdown', 'json'])
      expect(text).toContain(`/api/v1/report?format=${format}&amp;since=90d`);
    expect((await page('/report?since=soon')).status).toBe(400);
    const report = await client.get('/api/v1/report?format=html&since=90d');
    expect(report.headers['content-security-policy']).toMatch(
      /^default-src 'none';.*style-src 'sha256-[^']+'; frame-ancestors 'none'$/,
    );
  });

  it('tell what runs here, without a secret', async () => {
    const { status, text } = await page('/about');
    expect(status).toBe(200);
    expectSound(text);
    expect(text).toContain('REDACTED');
    expect(text).toContain('In memory');
    for (const path of ['/about', '/api/v1/about', '/api/v1/config'])
      expect((await client.get(path)).text).not.toContain('secret-password');
    expect((await client.get('/api/v1/config')).json().configuration.servers).toHaveLength(1);
  });

  it('say that no probe is declared, and never that all is well', async () => {
    const none = await serve();
    expect((await none.get('/probes')).text).toContain('not watched');
    await none.close();
  });
});
