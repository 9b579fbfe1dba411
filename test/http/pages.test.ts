import { afterEach, describe, expect, test } from 'vitest';
import { hashOfToken } from '../../src/config/http-tokens.ts';
import { script } from '../../src/http/pages/assets/script.ts';
import { csvCell } from '../../src/http/pages/findings/export.ts';
import type { Finding } from '../../src/model/finding.ts';
import { KiB, MiB } from '../../src/model/units.ts';
import { memoryStore, type Store } from '../../src/store/store.ts';
import { shop, unreachable } from '../metrics/scene.ts';
import { dangerous } from '../report/hostile.ts';
import {
  aFinding,
  aGeneration,
  aMissingPermission,
  anInconclusive,
  type DescribedTable,
  factsOf,
  takenAtMs,
} from '../support/builders.ts';
import { type Client, serve } from './daemon.ts';
import { faultsOf } from './html.ts';

const open: Client[] = [];
afterEach(async () => {
  for (const client of open.splice(0)) await client.close();
});
async function start(...given: Parameters<typeof serve>): Promise<Client> {
  const client = await serve(...given);
  open.push(client);
  return client;
}
const html = { Accept: 'text/html,application/xhtml+xml' };
const token = 'a-token-of-sixteen-and-more';
const administrator = { Authorization: `Bearer ${token}`, ...html };
const rules = { tokens: [{ name: 'ops', role: 'admin', sha256: hashOfToken(token) }] } as const;

const idOf = (place: number): string => place.toString(16).padStart(16, '0');
const titlesIn = (text: string): readonly string[] =>
  [...text.matchAll(/<a href="\/findings\/[0-9a-f]{16}"><bdi>([^<]*)<\/bdi>/g)].map(
    ([, title = '']) => title,
  );
const linkIn = (text: string, rel: 'next' | 'prev'): string =>
  new RegExp(`href="([^"]+)" rel="${rel}"`).exec(text)?.[1]?.replaceAll('&amp;', '&') ?? '';

/** What strangers may call a server, a database, a table or an index. */
const hostileNames: readonly string[] = [
  '"><script>alert(1)</script>',
  '\'><img src=x onerror="alert(1)">',
  '</title></textarea><svg onload=alert(1)>',
  'line\r\nSet-Cookie: a=b\n\u2028end',
  '\u202eevitan\u202c \u200b\ufeff',
  '\u0000\u0007\u001b[31mred\u001b[0m\u009b',
  '<%= it.secret %> {{7*7}}',
  '=HYPERLINK("http://evil.example")',
  '&lt;b&gt; &amp; \\',
  'я'.repeat(31),
  'x'.repeat(5_000),
  '',
];

/** A database in which everything that can have a name has this one. */
function hostile(name: string): ReturnType<typeof aGeneration> {
  const tables: readonly DescribedTable[] = [
    {
      schema: name,
      name,
      columns: [name],
      indexes: [
        { name, keys: [name] },
        { name: `${name}2`, keys: [name] },
      ],
    },
  ];
  const target = { server: name, datname: name };
  return aGeneration({
    target,
    error: name,
    isUp: false,
    facts: factsOf(tables, { target }),
    inconclusive: [anInconclusive({ ...target, reason: name, relations: [name] })],
    missingPermissions: [aMissingPermission({ grant: name, facts: name, permission: name })],
    unknownReplicas: [name],
    findings: [
      aFinding({
        ...target,
        schemaname: name,
        relname: name,
        indexrelname: name,
        title: name,
        columns: [name],
        related: [{ schemaname: name, indexrelname: `${name}2`, role: 'keep', why: name }],
        evidence: { shape: name, [name]: name },
        caveats: [name],
        muted: { reason: name, by: name, until: name },
        renamedFrom: name,
        fix: {
          ...aFinding().fix,
          sql: name,
          rollbackSql: name,
          preflightSql: name,
          verifySql: name,
          notes: name,
          lock: name,
        },
      }),
    ],
  });
}

async function hostileDiary(name: string): Promise<Store> {
  const diary = memoryStore();
  const target = { server: name, datname: name };
  await diary.keepLedger(target, await diary.ledgerOf(target), [
    {
      kind: 'finding-opened',
      atMs: takenAtMs,
      ...target,
      schemaname: name,
      relname: name,
      indexrelname: name,
      node: name,
      findingId: aFinding().id,
      title: name,
      evidence: {},
    },
  ]);
  return diary;
}

const paths: readonly string[] = [
  '/',
  '/findings',
  '/findings?state=any&group=table&sort=severity',
  `/findings/${aFinding().id}`,
  '/targets',
  '/events',
  '/nowhere',
  '/findings?kind=nothing',
  '/docs/',
];

describe('every page', () => {
  test.each(paths)('%s is whole: tags closed, ids unique, nothing of its own runs', async (path) => {
    const { get } = await start({ generations: () => [shop(), unreachable()], rules });
    for (const headers of [html, administrator]) {
      const { text, headers: answered } = await get(path, headers);
      expect(answered['content-type']).toBe('text/html; charset=utf-8');
      expect(faultsOf(text)).toEqual([]);
      expect(text.match(/<h1/g)).toHaveLength(1);
      expect(text).toContain('<main id="content"');
      expect(text).toContain('href="#content"');
    }
  });

  test.each(hostileNames.map((name) => [JSON.stringify(name).slice(0, 60), name] as const))(
    'is harmless when everything is called %s',
    async (_, name) => {
      const lines: string[] = [];
      const note = (fields: object, message: string): void =>
        void lines.push(JSON.stringify([fields, message]));
      const { get } = await start({
        generations: () => [hostile(name)],
        diary: await hostileDiary(name),
        log: { debug: note, info: note, warn: note, error: note },
        rules,
      });
      const asked = new URLSearchParams({ server: name, text: name.slice(0, 200) });
      for (const path of [...paths, `/findings?${asked}`, `/events?${asked}`]) {
        const { text, headers, status } = await get(path, administrator);
        expect(status, path).toBeLessThan(500);
        // A form's empty field leads to the address without it.
        if (status === 303) continue;
        expect(faultsOf(text), path).toEqual([]);
        expect(text, path).not.toMatch(/<(?:script(?! src="\/assets\/)|img|svg)/i);
        // What is shown; a form has to send a name as it is.
        const shown = text.replaceAll(/<[^>]*>/g, '');
        expect(dangerous.exec(shown)?.[0], path).toBeUndefined();
        expect(headers['set-cookie'], path).toBeUndefined();
      }
      expect(lines.filter((line) => line.includes('\n'))).toEqual([]);
    },
  );

  test('marks where in the navigation it is', async () => {
    const { get } = await start({ generations: () => [shop()] });
    expect((await get('/findings', html)).text).toContain('<a href="/findings" aria-current="page">');
    expect((await get('/findings/00000000000000d1', html)).text).toContain(
      '<a href="/findings" aria-current="true">',
    );
  });

  test('is not sent again while nothing has changed', async () => {
    const generations = [shop()];
    const { get } = await start({ generations: () => generations });
    for (const path of ['/', '/findings', '/targets']) {
      const { headers } = await get(path, html);
      expect((await get(path, { ...html, 'If-None-Match': String(headers.etag) })).status, path).toBe(304);
    }
  });
});

describe('assets', () => {
  test('are kept by browsers under the address that names what is in them, and asked for again under any other', async () => {
    const { get } = await start();
    const { text } = await get('/', html);
    const addresses = [...text.matchAll(/"(\/assets\/[^"]+)"/g)].map(([, address = '']) => address);
    expect(addresses).toHaveLength(3);
    for (const address of addresses) {
      const { status, headers } = await get(address);
      expect(status).toBe(200);
      expect(headers['cache-control']).toContain('immutable');
      expect((await get(address.replace(/\?.*/, ''))).headers['cache-control']).toBe('no-cache');
    }
  });

  test('hold a script that can be read', () => {
    expect(() => new Function(script)).not.toThrow();
  });
});

describe('errors', () => {
  test('are pages for browsers, and problem details for programs and below /api', async () => {
    const { get } = await start();
    const page = await get('/nowhere', html);
    expect(page.status).toBe(404);
    expect(page.text).toContain('<h1>Not found</h1>');
    expect(page.text).toContain('request-1');
    expect((await get('/nowhere')).headers['content-type']).toContain('application/problem+json');
    expect((await get('/api/v1/findings?no=1', html)).headers['content-type']).toContain('problem+json');
    const wrong = await get('/findings?severity=loud', html);
    expect(wrong.status).toBe(400);
    expect(wrong.text).toContain('Severity must be one of info, warning, critical.');
  });

  test('of the store are a page that says to come again', async () => {
    const diary = { ...memoryStore(), eventsOf: () => Promise.reject(new Error('secret path')) };
    const { get } = await start({ diary });
    const { status, text } = await get('/events', html);
    expect(status).toBe(503);
    expect(text).not.toContain('secret path');
    expect(text).toContain('Load the page again in a minute');
  });
});

const many = (count: number): readonly Finding[] =>
  Array.from({ length: count }, (_, place) =>
    aFinding({
      id: idOf(place),
      title: `finding ${place}`,
      indexrelname: `i${place}`,
      relname: `t${place % 7}`,
      impact: { reclaimableBytes: (count - place) * MiB },
    }),
  );

describe('/findings', () => {
  test('filters by what the address asks for, and its form shows it', async () => {
    const { get } = await start({ generations: () => [shop()] });
    expect(titlesIn((await get('/findings', html)).text)).toHaveLength(4);
    expect(titlesIn((await get('/findings?kind=unindexed-foreign-key', html)).text)).toHaveLength(2);
    expect(titlesIn((await get('/findings?state=any', html)).text)).toHaveLength(6);
    expect(titlesIn((await get('/findings?state=muted', html)).text)).toHaveLength(1);
    expect(titlesIn((await get('/findings?origin=baseline&severity=info', html)).text)).toHaveLength(2);
    expect(titlesIn((await get('/findings?datname=elsewhere', html)).text)).toEqual([]);
    const text = (await get('/findings?text=NOTE_fkey&sort=size', html)).text;
    expect(titlesIn(text)).toEqual(['no index supports orders_note_fkey']);
    expect(text).toContain('value="NOTE_fkey"');
    expect(text).toContain('<option value="size" selected>');
    expect((await get('/findings?severity=info&severity=critical', html)).text).toContain(
      '<input type="hidden" name="severity" value="critical">',
    );
  });

  test('leaves out of its address what a form leaves empty', async () => {
    const { get } = await start({ generations: () => [shop()] });
    const { status, headers } = await get('/findings?text=&severity=info&sort=', html);
    expect([status, headers.location]).toEqual([303, '/findings?severity=info']);
  });

  test('sorts by severity, size and age', async () => {
    const findings = [
      aFinding({
        id: idOf(1),
        title: 'old',
        firstSeen: '2026-01-01T00:00:00.000Z',
        impact: { reclaimableBytes: 2 },
      }),
      aFinding({
        id: idOf(2),
        title: 'critical',
        severity: 'critical',
        impact: { reclaimableBytes: 0 },
        firstSeen: '2026-01-02T00:00:00.000Z',
      }),
      aFinding({
        id: idOf(3),
        title: 'large',
        evidence: { sizeBytes: 10 * MiB * KiB },
        impact: { reclaimableBytes: 1 },
        firstSeen: '2026-01-03T00:00:00.000Z',
      }),
    ];
    const { get } = await start({ generations: () => [aGeneration({ findings })] });
    const first = async (sort: string) => titlesIn((await get(`/findings?sort=${sort}`, html)).text)[0];
    expect(await first('benefit')).toBe('old');
    expect(await first('severity')).toBe('critical');
    expect(await first('size')).toBe('large');
    expect(await first('age')).toBe('large');
  });

  test.each(['', '&group=table', '&sort=age'])(
    'pages through everything once, forwards and back (%s)',
    async (how) => {
      const generations = [aGeneration({ findings: many(120) })];
      const { get } = await start({ generations: () => generations });
      const pages: (readonly string[])[] = [];
      let path = `/findings?state=any${how}`;
      let last = '';
      while (path !== '') {
        const { text, status } = await get(path, html);
        expect(status).toBe(200);
        pages.push(titlesIn(text));
        last = text;
        path = linkIn(text, 'next');
      }
      expect(pages.map((page) => page.length)).toEqual([50, 50, 20]);
      expect(new Set(pages.flat()).size).toBe(120);
      expect(titlesIn((await get(linkIn(last, 'prev'), html)).text)).toEqual(pages[1]);
    },
  );

  test('skips and repeats nothing when findings come and go between two pages', async () => {
    let findings = many(120);
    const { get } = await start({ generations: () => [aGeneration({ findings })] });
    const first = (await get('/findings', html)).text;
    findings = [
      aFinding({
        id: idOf(900),
        title: 'fresh',
        indexrelname: 'fresh',
        impact: { reclaimableBytes: 999 * MiB },
      }),
      ...findings.slice(30, 49),
      ...findings.slice(50),
    ];
    const second = titlesIn((await get(linkIn(first, 'next'), html)).text);
    expect(second[0]).toBe('finding 50');
  });

  test('refuses a place in the list that is not of this list', async () => {
    const generations = [aGeneration({ findings: many(120) })];
    const { get } = await start({ generations: () => generations });
    const next = linkIn((await get('/findings', html)).text, 'next');
    for (const path of [`${next}&severity=warning`, `${next}x`, '/findings?cursor=abc'])
      expect((await get(path, html)).status, path).toBe(400);
  });

  test('never says "nothing" alone while something could not be looked at', async () => {
    const { get } = await start({ generations: () => [aGeneration({ inconclusive: [anInconclusive()] })] });
    const { text } = await get('/findings', html);
    expect(text).toContain('Nothing is open among what could be judged.');
    expect(text).toContain('column statistics are not visible');
    const overview = (await get('/', html)).text;
    expect(overview).toContain('Nothing is open among what could be judged.');
    const whole = await start({ generations: () => [aGeneration()] });
    expect((await whole.get('/findings', html)).text).toContain('everything that is watched was judged');
    expect((await (await start()).get('/findings', html)).text).toContain('Nothing has been collected yet');
  });

  test('has a first page below 100 kB with 10,000 findings of long names', async () => {
    const findings = many(10_000).map((finding) => ({
      ...finding,
      title: `${finding.title} ${'x'.repeat(2_000)}`,
    }));
    const generations = [aGeneration({ findings })];
    const { get } = await start({ generations: () => generations });
    for (const path of ['/findings', '/findings?group=table', '/'])
      expect((await get(path, html)).body.length, path).toBeLessThan(100_000);
  });
});

describe('taking findings away', () => {
  test('gives those that are asked for, all of them, as JSON and CSV', async () => {
    const generations = [aGeneration({ findings: many(450) })];
    const { get } = await start({ generations: () => generations });
    const json = await get('/findings.json?text=finding+1');
    expect(json.headers['content-disposition']).toBe(
      'attachment; filename="indexwarden-findings-2026-03-01.json"',
    );
    expect(json.json()).toHaveLength(111);
    expect((await get('/findings.json')).json()).toHaveLength(450);
    const csv = await get('/findings.csv?sort=size');
    expect(csv.headers['content-type']).toBe('text/csv; charset=utf-8');
    const lines = csv.text.trimEnd().split('\r\n');
    expect(lines).toHaveLength(451);
    expect(lines[0]).toMatch(/^"id","kind","severity"/);
    expect((await get('/findings.csv?severity=loud')).status).toBe(400);
  });

  test.each([
    ['=1+1', `"'=1+1"`],
    ['+1', `"'+1"`],
    ['-1', `"'-1"`],
    ['@sum(a)', `"'@sum(a)"`],
    [' =1', `"' =1"`],
    ['\uff1d1', `"'\uff1d1"`],
    ['\t=1', `"\\t=1"`],
    ['a "quoted" name', '"a ""quoted"" name"'],
    ['two\nlines', '"two\nlines"'],
    [-5, '-5'],
    [null, ''],
  ])('a cell of %j is %j', (value, cell) => {
    expect(csvCell(value)).toBe(cell);
  });
});

describe('/findings/{id}', () => {
  test('says what it is, how sure, what it rests on, and what mends it', async () => {
    const { get } = await start({ generations: () => [shop()] });
    const { text } = await get('/findings/00000000000000d1', html);
    expect(text).toContain('<h1><bdi>public.orders_a_idx1 duplicates orders_a_idx</bdi></h1>');
    expect(text).toContain('it follows from the structure of the database');
    expect(text).toContain('10 MiB (10,485,760 B)');
    expect(text).toContain('DROP INDEX CONCURRENTLY public.orders_a_idx1;');
    expect(text).toContain('CREATE INDEX CONCURRENTLY orders_a_idx1');
    expect(text).toContain('Changes over HTTP are off here');
    expect((await get('/findings/ffffffffffffffff', html)).status).toBe(404);
  });

  test('puts related indexes side by side, and marks what differs', async () => {
    const tables: readonly DescribedTable[] = [
      {
        name: 'orders',
        columns: ['a', 'b'],
        indexes: [
          { name: 'orders_a_idx1', keys: ['a'] },
          { name: 'orders_a_idx', keys: ['a', 'b'], where: '(a > 0)' },
        ],
      },
    ];
    const { get } = await start({
      generations: () => [aGeneration({ facts: factsOf(tables), findings: [aFinding()] })],
    });
    const { text } = await get(`/findings/${aFinding().id}`, html);
    const rows = text.slice(text.indexOf('class="compared"'));
    expect(rows).toMatch(/Keys<\/th><td><bdi>a<\/bdi><\/td><td><bdi>a<\/bdi>, <mark><bdi>b<\/bdi>/);
    expect(rows).toMatch(/WHERE<\/th><td><bdi>–<\/bdi><\/td><td><mark>/);
    expect(rows).toMatch(/Uniqueness<\/th><td><bdi>not unique<\/bdi><\/td><td><bdi>not unique/);
  });

  test('hides the constants of conditions where they are private', async () => {
    const tables: readonly DescribedTable[] = [
      {
        name: 'orders',
        columns: ['a'],
        indexes: [{ name: 'orders_a_idx1', keys: ['a'], where: `(a > 4711)` }],
      },
    ];
    const generation = aGeneration({ facts: factsOf(tables), findings: [aFinding()] });
    const { get } = await start({ generations: () => [generation], options: { redactLiterals: true } });
    const { text } = await get(`/findings/${aFinding().id}`, html);
    expect(text).toMatch(/WHERE<\/th><td><bdi>[^<]*\?/);
    expect(text).not.toContain('4711');
  });

  test('says when it is resolved, muted, or its database is not reached', async () => {
    const { get } = await start({ generations: () => [shop()] });
    expect((await get('/findings/00000000000000e1', html)).text).toContain('Resolved: a look at');
    const down = aGeneration({ isUp: false, error: 'connection refused', findings: [aFinding()] });
    const other = await start({ generations: () => [down] });
    expect((await other.get(`/findings/${aFinding().id}`, html)).text).toContain('could not be reached');
  });

  test('tells what happened to it', async () => {
    const diary = await hostileDiary('main');
    const { get } = await start({
      diary,
      generations: () => [aGeneration({ findings: [aFinding({ server: 'main', datname: 'main' })] })],
    });
    expect((await get(`/findings/${aFinding().id}`, html)).text).toContain('finding-opened');
  });
});

describe('forms', () => {
  const form = { 'Content-Type': 'application/x-www-form-urlencoded', ...administrator };
  const path = `/findings/${aFinding().id}`;
  const filled = 'reason=known&author=dba&until=2027-01-01';

  test('mute a finding and lift the mute again', async () => {
    const diary = memoryStore();
    const { get, send } = await start({
      diary,
      rules,
      generations: () => [aGeneration({ findings: [aFinding()] })],
    });
    expect((await get(path, html)).text).toContain('href="/login?next=%2Ffindings%2F');
    expect((await get(path, administrator)).text).toContain(`action="${path}/mute"`);
    const set = await send('POST', `${path}/mute`, form, filled);
    expect([set.status, set.headers.location]).toEqual([303, `${path}#mute`]);
    expect(await diary.mutes()).toMatchObject([{ findingId: aFinding().id, reason: 'known', author: 'dba' }]);
    expect((await get(path, administrator)).text).toContain('Lift the mute');
    expect((await send('POST', `${path}/lift`, form, '')).status).toBe(303);
    expect(await diary.mutes()).toEqual([]);
    expect((await send('POST', `${path}/mute`, form, 'reason=&author=dba')).status).toBe(400);
    expect((await send('POST', `${path}/mute`, form, filled.replace('2027', '2020'))).status).toBe(400);
    expect((await send('POST', '/findings/ffffffffffffffff/mute', form, filled)).status).toBe(404);
  });

  test('are refused to everybody else, and to other sites', async () => {
    const diary = memoryStore();
    const { send, get } = await start({
      diary,
      rules,
      generations: () => [aGeneration({ findings: [aFinding()] })],
    });
    const anybody = { ...form, Authorization: '' };
    expect((await send('POST', `${path}/mute`, anybody, filled)).status).toBe(401);
    expect(
      (await send('POST', `${path}/mute`, { ...form, 'Sec-Fetch-Site': 'cross-site' }, filled)).status,
    ).toBe(403);
    expect(
      (await send('POST', `${path}/mute`, { ...form, 'Content-Type': 'text/plain' }, filled)).status,
    ).toBe(415);
    expect((await get(`${path}/mute`, administrator)).status).toBe(405);
    expect(await diary.mutes()).toEqual([]);
  });

  test('carry the token of the session that they are shown to, and nothing without it', async () => {
    const diary = memoryStore();
    const { get, send } = await start({
      diary,
      rules,
      generations: () => [aGeneration({ findings: [aFinding()] })],
    });
    const signedIn = await send('POST', '/login', form, `token=${token}`);
    const cookie = String(signedIn.headers['set-cookie']).split(';')[0] ?? '';
    const browser = { ...html, Cookie: cookie, 'Content-Type': 'application/x-www-form-urlencoded' };
    const csrf = /name="csrf" value="([^"]+)"/.exec((await get(path, browser)).text)?.[1] ?? '';
    expect((await send('POST', `${path}/mute`, browser, filled)).status).toBe(403);
    expect((await send('POST', `${path}/mute`, browser, `${filled}&csrf=${csrf}`)).status).toBe(303);
  });
});
