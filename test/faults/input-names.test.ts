import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import markdownIt from 'markdown-it';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { safeBlock, safeLine } from '../../src/report/text.ts';
import { answerOf, findingsOf, listed, samplesOf } from '../e2e/daemon-client.ts';
import { programs, until } from '../e2e/program.ts';
import {
  createDatabase,
  startPostgres,
  type TestDatabase,
  type TestServer,
  withConnection,
} from '../support/postgres.ts';
import { isMissing } from '../support/tools.ts';
import { anyName, knownNames } from './input-colliding-names.ts';
import { noteFault, times } from './rows.ts';

/*
 * Every identifier that PostgreSQL accepts arrives, as it is or in a spelling that shows what it hides, wherever the program tells of
 * it; read there by parsers that are not ours.
 */

const { start, run, endAll } = programs();
let server: TestServer;
let shop: TestDatabase;
let names: readonly string[];
let address: string;

beforeAll(async () => {
  server = await startPostgres();
  shop = await createDatabase(server, 'shop');
  names = [...new Set([...knownNames, ...fc.sample(anyName, times(60, 400))])].filter(
    (name) => !name.startsWith('pg_'),
  );
  await withConnection(shop.url, async (client) => {
    // A copy for each name, so that each is in a finding; the table bears it too, in a schema of its own.
    for (const [place, name] of names.entries()) {
      const [schema, q] = [pg.escapeIdentifier(`s${place}`), pg.escapeIdentifier(name)];
      await client.query(
        `create schema ${schema}; create table ${schema}.the_table (the_key int, ${q} int); create index a_first on ${schema}.the_table (the_key)`,
      );
      await client.query(`create index ${q} on ${schema}.the_table (the_key)`);
    }
  });
  const daemon = start(['serve', '--http.listen', '127.0.0.1:0', '--metrics.maxIndexSeries', '10000'], {
    env: { DATABASE_URL: shop.url },
  });
  const [, found = ''] = await daemon.printed(/"address":"([^"]+)"/, 'stderr');
  address = found;
  await until('findings', async () => (await findingsOf(address)).length >= names.length);
  await until(
    'sizes',
    async () => (await samplesOf(address, 'pgindex_size_bytes')).length >= 2 * names.length,
  );
});
afterAll(async () => {
  await endAll();
  await shop?.drop();
  await server?.close();
});

const note = (where: string, said: string, told = names.length): void =>
  noteFault({
    area: 'input',
    fault: `${where}: any name that PostgreSQL takes`,
    did: `${told} of ${names.length} names were looked for, and found`,
    said,
    recoveryMs: null,
  });
const sorted = (all: Iterable<string>): readonly string[] => [...new Set(all)].toSorted();
/** What Python makes of a text, as JSON. */
function python<T>(program: string, input: string): T {
  const { stdout, stderr, status } = spawnSync('python3', ['-c', program], {
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as T;
}
const noPython = isMissing('python3', 'apt-get install python3');

test('metrics, lists and details have each name as it is', async () => {
  const series = await samplesOf(address, 'pgindex_size_bytes');
  expect(sorted(series.map(({ labels }) => labels.get('indexrelname') ?? ''))).toEqual(
    sorted([...names, 'a_first']),
  );
  const indexes = await listed<{ readonly id: string; readonly indexrelname: string }>(address, 'indexes');
  expect(sorted(indexes.map(({ indexrelname }) => indexrelname))).toEqual(sorted([...names, 'a_first']));
  for (const { id, indexrelname } of indexes.filter((_, place) => place % 5 === 0)) {
    const { status, body } = await answerOf(address, `/api/v1/indexes/${id}`);
    expect([indexrelname, status]).toEqual([indexrelname, 200]);
    expect(JSON.stringify(JSON.parse(body))).toContain(JSON.stringify(indexrelname));
  }
  note('Metrics and API', 'read back byte for byte');
});

/** Of each finding about a copy: the name that is dropped. */
const dropped = async () => (await findingsOf(address)).filter(({ kind }) => kind === 'duplicate-index');

test('pages show each name, and none is markup', async () => {
  const findings = (await dropped()).filter((_, place) => place % times(6, 2) === 0);
  for (const { id, indexrelname } of findings) {
    const { status, body } = await answerOf(address, `/findings/${id}`, { headers: { Accept: 'text/html' } });
    expect(status).toBe(200);
    const tags = [...body.matchAll(/<([a-z!/][^\s>]*)/gi)].map(([, tag]) => tag?.toLowerCase());
    expect(tags.filter((tag) => /^(?:b|img|iframe|!--)$/.test(tag ?? ''))).toEqual([]);
    const title = /<h1[^>]*>([\s\S]*?)<\/h1>/.exec(body)?.[1] ?? body;
    expect(unescaped(title)).toContain(
      safeLine(indexrelname ?? '')
        .replace(/ +/g, ' ')
        .trim()
        .slice(0, 20),
    );
  }
  note('Pages', 'no tag but our own', findings.length);
});
const unescaped = (html: string): string =>
  html
    .replace(/<[^>]*>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&#x27;', "'")
    .replaceAll('&#x60;', '`')
    .replaceAll('&amp;', '&')
    .replace(/ +/g, ' ');

test.skipIf(noPython)('CSV is read by a parser, holds each name, and no cell is a formula', async () => {
  const { body } = await answerOf(address, '/findings.csv');
  const rows = python<readonly (readonly string[])[]>(
    'import csv, io, json, sys; text = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8", newline=""); print(json.dumps(list(csv.reader(text, strict=True))))',
    body,
  );
  const [head = [], ...cells] = rows;
  expect(cells.every((row) => row.length === head.length)).toBe(true);
  for (const cell of cells.flat()) expect(cell).not.toMatch(/^\s*[=+\-@\t\r|%]/);
  const column = head.indexOf('indexrelname');
  const shown = new Set(cells.map((row) => row[column]));
  for (const { indexrelname } of await dropped()) {
    const cell = safeBlock(indexrelname ?? '');
    expect([indexrelname, shown.has(cell) || shown.has(`'${cell}`)]).toEqual([indexrelname, true]);
  }
  note('CSV', 'read by Python’s parser; no cell begins a formula');
});

test.skipIf(noPython)('SARIF, JUnit and Markdown are read by parsers', async () => {
  const check = async (format: string): Promise<string> =>
    (await run(['check', '--url', shop.url, '--format', format, '--unused-after', '0d'])).stdout;
  const wanted = (await dropped()).map(({ indexrelname }) => indexrelname ?? '');

  const sarif = JSON.parse(await check('sarif')) as {
    runs: { results: { locations: { logicalLocations: { name: string }[] }[] }[] }[];
  };
  const logical = new Set(
    sarif.runs.flatMap(({ results }) =>
      results.flatMap(({ locations }) =>
        locations.flatMap((one) => one.logicalLocations.map(({ name }) => name)),
      ),
    ),
  );
  expect(wanted.filter((name) => !logical.has(name) && !logical.has(safeLine(name)))).toEqual([]);

  const cases = python<readonly string[]>(
    'import json, sys, xml.etree.ElementTree as e; print(json.dumps([c.get("name") for c in e.fromstring(sys.stdin.buffer.read()).iter("testcase")]))',
    await check('junit'),
  );
  const named = cases.join('\n');
  const missing = wanted.filter(
    (name) => !named.includes(safeLine(name).replaceAll(/[\ufffe\uffff]/g, '\ufffd')),
  );
  expect(missing).toEqual([]);

  const tokens = markdownIt({ html: true, linkify: true }).parse(await check('markdown'), {});
  const inline = tokens.flatMap((token) => token.children ?? []);
  const html = [...tokens, ...inline].filter(
    ({ type, content }) =>
      type.startsWith('html_') &&
      !/^(?:<!-- -->|<\/?(?:details|summary|br)[^>]*>[^<]*(?:<\/summary>)?)\s*$/.test(content),
  );
  expect(html.map(({ content }) => content)).toEqual([]);
  expect(inline.filter(({ type }) => /^(?:em_|s_|image)/.test(type))).toEqual([]);
  for (const link of inline.filter(({ type }) => type === 'link_open'))
    expect(link.attrGet('href')).not.toMatch(/a\.b/);
  note('SARIF, JUnit, Markdown', 'read by JSON.parse, Python’s expat and markdown-it; no markup from names');
});
