import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { objectId } from '../../src/http/api/listings.ts';
import type { Finding } from '../../src/model/finding.ts';
import { runPrinted } from '../support/look.ts';
import {
  createDatabase,
  runOn,
  startPostgres,
  type TestDatabase,
  type TestServer,
} from '../support/postgres.ts';
import { isMissing } from '../support/tools.ts';
import { findingsOf } from './daemon-client.ts';
import { programs, until } from './program.ts';

/*
 * The pages in a browser: what somebody on call does from the alert's link to the index that is gone, with the keyboard alone, in the
 * dark, on a telephone and without scripts; and what the accessibility rules of axe say of each page.
 */

const hasNoBrowser = isMissing('chromium', 'apt-get install chromium');
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const token = 'a-token-that-only-this-test-has';
const { start, endAll } = programs();
const folder = mkdtempSync(path.join(tmpdir(), 'pages-'));

describe.skipIf(hasNoBrowser)('the pages', () => {
  let server: TestServer;
  let shop: TestDatabase;
  let browser: Browser;
  let address: string;
  let duplicate: Finding;

  beforeAll(async () => {
    server = await startPostgres();
    shop = await createDatabase(server, 'shop');
    await runOn(
      shop.url,
      `create table items (id int primary key, name text, kind int, price int);
       insert into items select n, 'item' || n, n % 10, n from generate_series(1, 5000) n;
       create index items_name on items (name);
       create index items_name_again on items (name);
       create index items_kind on items (kind);
       create index items_kind_again on items (kind);
       create index items_price_kind on items (price, kind);
       create index items_price on items (price);
       create schema "<b>odd"; create table "<b>odd"."</td><script>alert(1)</script>" (id int, "x""y" int);
       create index "'><img src=x onerror=alert(1)>" on "<b>odd"."</td><script>alert(1)</script>" ("x""y");
       create index on "<b>odd"."</td><script>alert(1)</script>" ("x""y");
       analyze`,
    );
    writeFileSync(path.join(folder, 'token'), token, { mode: 0o600 });
    const config = path.join(folder, 'indexwarden.yaml');
    writeFileSync(
      config,
      JSON.stringify({
        servers: [{ name: 'main', primary: { url: shop.url } }],
        http: {
          adminTokenFile: path.join(folder, 'token'),
          collectCooldown: '1s',
          requestsPerMinute: 0,
        },
      }),
    );
    const daemon = start(['serve', '--config.file', config, '--web.listen-address', '127.0.0.1:0']);
    [, address = ''] = await daemon.printed(/"address":"([^"]+)"/, 'stderr');
    duplicate = await until('the duplicate', async () =>
      (await findingsOf(address)).find(
        ({ kind, relname }) => kind === 'duplicate-index' && relname === 'items',
      ),
    );
    browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
    });
  });

  afterAll(async () => {
    await browser?.close();
    await endAll();
    await shop?.drop();
    await server?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A browser window; what it complains about is kept. */
  async function window(options: Parameters<Browser['newContext']>[0] = {}): Promise<{
    readonly context: BrowserContext;
    readonly page: Page;
    readonly complaints: string[];
    readonly to: (place: string) => Promise<number>;
  }> {
    const context = await browser.newContext({ baseURL: address, ...options });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    return {
      context,
      page,
      complaints,
      to: async (place) => (await page.goto(place))?.status() ?? 0,
    };
  }

  async function signIn({ page }: { readonly page: Page }): Promise<void> {
    await page.goto('/login');
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Sign in with the token' }).click();
    await page.waitForURL((url) => url.pathname === '/');
  }

  /** Rules of axe that the page breaks, with the elements. */
  async function violationsOn(page: Page): Promise<readonly string[]> {
    // Through the debugger, which the page's policy does not bind.
    await page.evaluate(axe);
    return page.evaluate(
      `axe.run(document).then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.slice(0, 3).map(({ html }) => html).join(' | ')))`,
    );
  }

  const looks = [
    ['in the light', {}],
    ['in the dark', { colorScheme: 'dark' }],
    ['on a telephone', { viewport: { width: 360, height: 740 } }],
    ['on a telephone in the dark', { viewport: { width: 360, height: 740 }, colorScheme: 'dark' }],
  ] as const;

  test.each(looks)(
    'keep the rules of accessibility %s, and the browser has nothing to complain about',
    async (_, options) => {
      const visit = await window(options);
      const places = [
        '/',
        '/findings',
        '/findings?state=any&group=table',
        '/findings?text=nothing+is+called+that',
        `/findings/${duplicate.id}`,
        '/targets',
        '/events',
        `/indexes/${objectId('index', duplicate, duplicate.schemaname, duplicate.indexrelname ?? '')}`,
        `/tables/${objectId('table', duplicate, duplicate.schemaname, duplicate.relname)}`,
        '/plan',
        `/plan?finding=${duplicate.id}&make=1`,
        '/probes',
        '/report',
        '/about',
        '/docs/',
        '/docs/detectors/duplicate-index.md',
      ];
      for (const isAdministrator of [false, true]) {
        if (isAdministrator) await signIn(visit);
        for (const place of isAdministrator ? [`/findings/${duplicate.id}`, '/targets', '/login'] : places) {
          expect(await visit.to(place), place).toBe(200);
          expect(await violationsOn(visit.page), place).toEqual([]);
          const excess = await visit.page.evaluate(
            'document.documentElement.scrollWidth - document.documentElement.clientWidth',
          );
          expect(excess, `${place} is wider than the window`).toBeLessThanOrEqual(0);
        }
      }
      expect(visit.complaints).toEqual([]);
      expect(await visit.to('/nowhere')).toBe(404);
      expect(await violationsOn(visit.page)).toEqual([]);
      await visit.context.close();
    },
  );

  test('lead to a finding by the keyboard alone', async () => {
    const { page, to, context } = await window();
    await to('/findings');
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the content');
    await page.keyboard.press('Enter');
    const focused = () => page.evaluate<string>(`document.activeElement.getAttribute('href') ?? ''`);
    for (let presses = 0; presses < 30 && !/^\/findings\/[0-9a-f]{16}$/.test(await focused()); presses += 1)
      await page.keyboard.press('Tab');
    const outline = await page.evaluate<string>('getComputedStyle(document.activeElement).outlineStyle');
    expect(outline).toBe('solid');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/findings\/[0-9a-f]{16}$/);
    expect(await page.getByRole('heading', { level: 1 }).textContent()).not.toBe('');
    await context.close();
  });

  test('work without scripts: filters, statements, times in UTC', async () => {
    const { page, to, context } = await window({ javaScriptEnabled: false });
    await to('/findings');
    await page.getByLabel('Kind').selectOption('duplicate-index');
    await page.getByRole('button', { name: 'Show' }).click();
    expect(new URL(page.url()).search).toBe('?kind=duplicate-index');
    await to(`/findings/${duplicate.id}`);
    expect(await page.locator('#sql-fix').textContent()).toBe(duplicate.fix.sql);
    expect(await page.locator('button.copy').first().isVisible()).toBe(false);
    expect(await page.locator('main time').first().textContent()).toMatch(/ UTC$/);
    await context.close();
  });

  test('tell times in the zone of the viewer, and in UTC when pointed at', async () => {
    const { page, to, context } = await window({ timezoneId: 'Asia/Kolkata' });
    await to(`/findings/${duplicate.id}`);
    const time = page.locator('main time').first();
    const shown = new Date(`${(await time.textContent())?.replace(' ', 'T')}:00+05:30`).getTime();
    const meant = new Date((await time.getAttribute('datetime')) ?? '').getTime();
    expect(Math.abs(meant - shown)).toBeLessThan(60_000);
    expect(await time.getAttribute('title')).toMatch(/ UTC$/);
    await context.close();
  });

  test('let an administrator mute a finding and lift the mute again', async () => {
    const visit = await window();
    const { page, context } = visit;
    const stateOf = async () => (await findingsOf(address)).find(({ id }) => id === duplicate.id)?.state;
    const collect = async (): Promise<boolean> => {
      const answer = await fetch(new URL('/api/v1/collect', address), {
        method: 'POST',
        headers: { Authorization: `Bearer ${token}` },
      });
      return answer.status === 202;
    };
    await visit.to(`/findings/${duplicate.id}`);
    await page.getByRole('link', { name: 'sign in', exact: true }).click();
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Sign in with the token' }).click();
    await page.waitForURL(`**/findings/${duplicate.id}`);
    await page.getByLabel('Why it need not be told').fill('wanted for the move');
    await page.getByRole('button', { name: 'Mute this finding' }).click();
    await page.getByRole('button', { name: 'Lift the mute' }).waitFor();
    await until('a collection', collect);
    await until('muted', async () => (await stateOf()) === 'muted');
    await page.reload();
    expect(await page.getByText('wanted for the move').first().isVisible()).toBe(true);
    await page.getByRole('button', { name: 'Lift the mute' }).click();
    await page.getByRole('button', { name: 'Mute this finding' }).waitFor();
    await until('a collection', collect);
    await until('open', async () => (await stateOf()) === 'open');
    await context.close();
  });

  test('lead from the finding to the statement, and once it has run, to the finding resolved', async () => {
    const visit = await window({ permissions: ['clipboard-read', 'clipboard-write'] });
    const { page, context, complaints } = visit;
    await signIn(visit);
    const diary = await context.newPage();
    await diary.goto('/events');
    await visit.to(`/findings/${duplicate.id}`);
    await page.getByRole('button', { name: /^Copy (?:Then: run|Run) this$/ }).click();
    await page.getByText('Copied.').waitFor({ state: 'attached' });
    const copied = await page.evaluate<string>('navigator.clipboard.readText()');
    expect(copied).toBe(duplicate.fix.sql);
    await runPrinted(shop.url, duplicate.fix.preflightSql, copied);

    await visit.to('/targets');
    await until('the button to be taken', async () => {
      if (new URL(page.url()).search === '?collecting=yes') return true;
      await page.goto('/targets');
      await page.getByRole('button', { name: 'Collect everything now' }).click();
      return false;
    });
    await until('resolved', async () => {
      await visit.to(`/findings/${duplicate.id}`);
      return page.getByText('Resolved: a look at').isVisible();
    });
    await visit.to('/findings');
    const still = page.locator(`a[href="/findings/${duplicate.id}"]`);
    expect(await still.count()).toBe(0);
    // The diary that stayed open has been told.
    await diary.locator('#events').getByText('finding-resolved').first().waitFor();
    expect(complaints.filter((complaint) => !complaint.includes('429'))).toEqual([]);
    await context.close();
  });
});
