import fc from 'fast-check';
import markdownIt from 'markdown-it';
import { describe, expect, test } from 'vitest';
import { type FindingKind, findingKinds } from '../../../src/model/finding.ts';
import { MiB } from '../../../src/model/units.ts';
import { reportData, reportSchema } from '../../../src/report/document/document.ts';
import { reportHtml } from '../../../src/report/document/html.ts';
import { reportJson } from '../../../src/report/document/json.ts';
import { reportMarkdown } from '../../../src/report/document/markdown.ts';
import {
  aFinding,
  aGeneration,
  aMissingPermission,
  anInconclusive,
  factsOf,
} from '../../support/builders.ts';
import { aHostileFinding, dangerous, hostileName, hostileNames } from '../hostile.ts';
import { cellsOf, markupProblem, textOf } from './markup.ts';
import { aReport, away, shop } from './samples.ts';

/** As the documentation pages read it, but with HTML, as GitHub allows it. */
const asGitHub = (markdown: string): string => markdownIt({ html: true }).render(markdown);

const withoutHint = (cell: string): string => cell.replaceAll('<!-- -->', '');

describe('a report', () => {
  test('in Markdown reads so', async () => {
    await expect(reportMarkdown(aReport([shop(), away()]))).toMatchFileSnapshot(
      '../../golden/report/report.md',
    );
  });

  test('of an empty database reads sensibly', async () => {
    const markdown = reportMarkdown(aReport([aGeneration()]));
    await expect(markdown).toMatchFileSnapshot('../../golden/report/report-empty.md');
    for (const text of [markdown, textOf(reportHtml(aReport([aGeneration()])))]) {
      expect(text).toContain('There are no tables in the schemas that are watched.');
      expect(text).not.toMatch(/undefined|NaN|Infinity|\[object/);
    }
  });

  test('says the same in every format', () => {
    const report = aReport([shop(), away()]);
    const inHtml = cellsOf(reportHtml(report));
    const inMarkdown = cellsOf(asGitHub(reportMarkdown(report))).map(withoutHint);
    expect(inHtml.length).toBeGreaterThan(100);
    expect(inMarkdown).toEqual(inHtml);
    const data = JSON.parse(reportJson(report)) as {
      readonly actions: { readonly fewBytes: number; readonly totalBytes: number };
      readonly summary: { readonly reclaimableByKind: readonly { readonly bytes: number }[] };
      readonly databases: readonly {
        readonly indexes: { readonly total: number; readonly totalBytes: number };
      }[];
    };
    expect(data.actions).toMatchObject({ fewBytes: 3 * MiB, totalBytes: 3 * MiB });
    expect(data.summary.reclaimableByKind.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(
      data.actions.totalBytes,
    );
    expect(data.databases[0]?.indexes).toMatchObject({ total: 4, totalBytes: 10 * MiB });
    for (const text of [reportMarkdown(report), textOf(reportHtml(report))])
      expect(text).toContain('Counted in the catalogue: 4 indexes, 10 MiB together.');
  });

  test('fits the schema that is published', () => {
    for (const report of [aReport([shop(), away()]), aReport([aGeneration()]), aReport([])])
      expect(reportSchema.parse(JSON.parse(reportJson(report)))).toEqual(reportData(report));
  });

  test('shows every kind of finding somewhere, those that nobody has thought of too', () => {
    const kinds = [...findingKinds, 'missing-index-of-tomorrow' as FindingKind];
    for (const [place, kind] of kinds.entries()) {
      const id = `abcdef00000000${String(place + 10)}`;
      const report = aReport(
        [aGeneration({ findings: [aFinding({ id, kind, impact: { reclaimableBytes: 0 } })] })],
        {
          judging: new Set(kinds),
        },
      );
      const [database] = report.databases;
      const shown = database?.sections.filter(({ facts }) => JSON.stringify(facts).includes(id)) ?? [];
      expect([kind, shown.length]).not.toEqual([kind, 0]);
      expect(shown.some(({ blocks }) => JSON.stringify(blocks).includes(id))).toBe(true);
      if (kind.startsWith('missing-')) expect(shown.map((section) => section.id)).toContain('missing');
    }
  });

  test('never says that there is nothing where nobody could look', () => {
    const undecided = aGeneration({
      inconclusive: [anInconclusive({ kind: 'duplicate-index', reason: 'the inventory could not be read' })],
    });
    const report = aReport([undecided, away()], {
      judging: new Set(findingKinds.filter((kind) => kind !== 'unindexed-foreign-key')),
    });
    const markdown = reportMarkdown(report);
    expect(markdown).toContain('No duplicate or redundant indexes among what could be judged.');
    expect(markdown).toContain('duplicate-index: the inventory could not be read');
    expect(markdown).toContain('unindexed-foreign-key: switched off in the configuration');
    const [, archive = ''] = markdown.split('## Database `backup/archive`');
    expect(archive.split('\n## ')[0]).toBe(
      '\n\nNothing of this database could be read: connection refused. That says nothing about its indexes.\n',
    );
    expect(markdown).toContain('| `backup/archive` | connection refused |');
    const row = markdown.split('\n').find((line) => line.startsWith('| `backup/archive` | unknown'));
    expect(row).not.toMatch(/\d/);
  });

  test('withholds constants where they are private', () => {
    const texts = (redactLiterals: boolean): string => reportJson(aReport([shop()], { redactLiterals }));
    expect(texts(false)).toContain("'open' = status");
    expect(texts(true)).not.toContain("'open'");
  });

  test('tells a person the first hundred of many and a program all', () => {
    const indexes = Array.from({ length: 250 }, (_, place) => ({ name: `index_${place}`, keys: ['id'] }));
    const report = aReport([aGeneration({ facts: factsOf([{ name: 'wide', columns: ['id'], indexes }]) })]);
    expect(reportMarkdown(report)).toContain('And 150 more indexes: `--format json` has them all.');
    expect(reportJson(report).match(/"indexrelname": "index_\d+",\n\s+"shape"/g)).toHaveLength(250);
  });
});

describe('names from strangers', () => {
  const hostileReport = (name: string) =>
    aReport([
      {
        ...aGeneration({
          target: { server: 'main', datname: name },
          facts: factsOf([
            { name, schema: name, columns: [name], indexes: [{ name, keys: [name], where: name }] },
          ]),
          findings: findingKinds.map((kind, place) => ({
            ...aHostileFinding(name),
            id: `abcdef00000000${place + 10}`,
            kind,
          })),
          inconclusive: [anInconclusive({ reason: name, relations: [name] })],
          missingPermissions: [aMissingPermission({ grant: name, facts: name })],
          unknownReplicas: [name],
        }),
        expectations: [
          {
            schemaname: name,
            relname: name,
            expectedIndex: name,
            manifest: name,
            priority: 1,
            phase: 1,
            state: 'satisfied' as const,
            satisfiedBy: [`${name}2`],
            reason: null,
          },
        ],
      },
      shop(),
    ]);

  const check = (name: string): void => {
    const report = hostileReport(name);
    const html = reportHtml(report);
    expect(markupProblem(html)).toBeUndefined();
    expect(html.replaceAll('\n', '')).not.toMatch(dangerous);
    const markdown = reportMarkdown(report);
    expect(markdown.replaceAll('\n', '')).not.toMatch(dangerous);
    const rendered = asGitHub(markdown);
    // Nothing but our own headings, and every row as wide as its head.
    expect(rendered).not.toMatch(/<(?:script|img|iframe|em|s)\b|<a /);
    expect(rendered.match(/<h2>/g)).toHaveLength(
      report.front.length + report.databases.length + report.back.length,
    );
    expect(cellsOf(rendered).length).toBe(cellsOf(html).length);
    expect(rendered.match(/<details>/g)?.length).toBe(rendered.match(/<\/details>/g)?.length);
    expect(() => reportSchema.parse(JSON.parse(reportJson(report)))).not.toThrow();
  };

  test.each(hostileNames.map((name) => [JSON.stringify(name), name]))('%s does no harm', (_, name) =>
    check(name),
  );

  test('nor does any other', () => {
    fc.assert(fc.property(hostileName, check), { numRuns: 25 });
  });
});

describe('the page', () => {
  test('is well formed, loads nothing, and its policy allows its one style', () => {
    const html = reportHtml(aReport([shop(), away()]));
    expect(markupProblem(html)).toBeUndefined();
    expect(html).toMatch(/content="default-src &#39;none&#39;; [^"]*style-src &#39;sha256-[\w+/=]+&#39;"/);
    expect(html).not.toMatch(/https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
    const ids = [...html.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, anchor] of html.matchAll(/href="#([^"]*)"/g)) expect(ids).toContain(anchor);
    for (const [, labels = ''] of html.matchAll(/aria-labelledby="([^"]*)"/g))
      for (const label of labels.split(' ')) expect(ids).toContain(label);
    expect(html.match(/<svg [^>]*role="img"/g)?.length).toBe(html.match(/<svg /g)?.length);
    expect(html.match(/<svg /g)?.length).toBeGreaterThan(2);
  });
});

test('of thousands of actions a person reads a few', () => {
  const findings = Array.from({ length: 500 }, (_, place) =>
    aFinding({
      id: `${place}`.padStart(16, '0'),
      indexrelname: `index_${place}`,
      impact: { reclaimableBytes: MiB },
    }),
  );
  const report = aReport([aGeneration({ findings })]);
  const [chapter = ''] = reportMarkdown(report).split('\n## Summary');
  expect(chapter).toContain('**400 actions give 80 % of what statements can free (400 MiB of 500 MiB):**');
  expect(chapter).toContain('And 390 more: `--format json` has them all.');
  expect(chapter.match(/```sql/g)).toHaveLength(10);
  expect(
    (reportData(report) as { readonly actions: { readonly few: readonly unknown[] } }).actions.few,
  ).toHaveLength(400);
});
