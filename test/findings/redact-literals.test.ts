import { describe, expect, it, test } from 'vitest';
import type { IndexView } from '../../src/analysis/catalogue.ts';
import { detectors } from '../../src/detectors/index.ts';
import { shapeOf } from '../../src/detectors/words.ts';
import {
  redactLiterals,
  statementWithoutLiterals,
  withoutLiterals,
} from '../../src/findings/redact-literals.ts';
import { type JudgeOptions, judge, toFindings } from '../../src/watch/judge.ts';
import { aPolicy } from '../detectors/judge.ts';
import {
  aDefinition,
  aFinding,
  anIndex,
  aSnapshot,
  type DescribedIndex,
  type DescribedTable,
  factsOf,
} from '../support/builders.ts';

test.each([
  ["(a) WHERE status = 'fired'::text", '(a) WHERE status = ?::text'],
  ["(a) WHERE name = 'O''Brien'::text", '(a) WHERE name = ?::text'],
  ['(a) WHERE salary > 100000', '(a) WHERE salary > ?'],
  ['(a1, c10) WHERE "col 5" > 1.5', '(a1, c10) WHERE "col 5" > ?'],
  [`("it's" = 'fired'::text)`, `("it's" = ?::text)`],
  [`("say ""it's""" = 'fired'::text)`, `("say ""it's""" = ?::text)`],
  [`(note = 'say "fired"'::text)`, '(note = ?::text)'],
  [`(COALESCE(note, E'tab\\t'::text))`, '(COALESCE(note, ?::text))'],
])('%s', (text, expected) => {
  expect(withoutLiterals(text)).toBe(expected);
});

test.each([
  ['select * from t where a = $1 and c10 = $2', 'select * from t where a = $1 and c10 = $2'],
  ["select * from t where a = 'O''Brien' and b > 10.5", 'select * from t where a = ? and b > ?'],
  [
    "select E'it\\'s' || U&'\\0041' || B'1' || x'ff' || $$se'cret$$ || $a$se$$cret$a$",
    'select ? || ? || ? || ? || ? || ?',
  ],
  [`select "it's", 'private' from "42"`, `select "it's", ? from "42"`],
  [
    "/* user='ann' */ select a -- bob's\nfrom t where b = 0x2A or c = 1_000 or d = 1e5",
    'select a \nfrom t where b = ? or c = ? or d = ?',
  ],
  ["select a from t where b = 'cut off…", 'select a from t where b = ?'],
  ['select a from t where b = $$cut off…', 'select a from t where b = ?'],
  ['select a /* user=ann…', 'select a'],
])('of a statement: %s', (text, expected) => {
  expect(statementWithoutLiterals(text)).toBe(expected);
});

test('the texts of statements in the evidence lose their literals, whatever the indexes are', () => {
  const statements = [
    { queryId: '42', callsTotal: 7, text: "select a from t where b = 'fired' limit 5" },
    { queryId: '43' },
  ];
  const redacted = redactLiterals(aFinding({ evidence: { statements, note: 'a 5' } }), {
    named: [],
    defined: [],
  });
  expect(redacted.evidence).toEqual({
    statements: [
      { queryId: '42', callsTotal: 7, text: 'select a from t where b = ? limit ?' },
      { queryId: '43' },
    ],
    note: 'a 5',
  });
});

const people: Partial<DescribedTable> = {
  columns: ['a', 'b', { name: 'status', type: 'text' }, { name: "it's", type: 'text' }],
};
const indexOf = (described: Partial<DescribedIndex>): IndexView => anIndex({}, described, people);

describe('a finding whose definition holds what is private', () => {
  const drop = indexOf({
    name: 'i',
    keys: ["COALESCE(status, 'fired'::text)"],
    where: "(status <> 'ill'::text)",
  });
  const keep = indexOf({
    name: 'j',
    keys: ["COALESCE(status, 'fired'::text)", 'b'],
    where: "(status <> 'ill'::text)",
  });
  const shape = shapeOf(drop);
  const found = aFinding({
    title: `i on public.orders ${shape} is covered by j ${shapeOf(keep)}: dropping it frees 5.2 MiB`,
    columns: ["COALESCE(status, 'fired'::text)"],
    related: [{ ...aFinding().related[0]!, why: `it is ${shapeOf(keep)}` }],
    caveats: [`It holds what is ${drop.predicate}, 3 rows of 10.`],
    evidence: {
      shape,
      keptShape: shapeOf(keep),
      sizeBytes: 5_452_595,
      statisticsSince: '2026-01-01T00:00:00.000Z',
      nodes: ['primary', '10.0.0.7'],
      details: { conditions: [drop.fact.predicate] },
    },
    fix: {
      ...aFinding().fix,
      rollbackSql:
        "CREATE INDEX CONCURRENTLY i ON public.orders USING btree (COALESCE(status, 'fired'::text)) WHERE (status <> 'ill'::text);",
      notes: `Rebuild ${shape} in 4 s.`,
    },
  });
  const redacted = redactLiterals(found, { named: [drop, keep], defined: [drop] });

  it('says it nowhere', () => {
    expect(JSON.stringify(found)).toMatch(/fired.*ill'/);
    expect(JSON.stringify(redacted)).not.toMatch(/fired|ill'/);
  });

  it('keeps names, numbers and times', () => {
    expect(redacted.title).toBe(
      'i on public.orders (COALESCE (status, ?::text)) WHERE ?::text <> status is covered by j (COALESCE (status, ?::text), b) WHERE ?::text <> status: dropping it frees 5.2 MiB',
    );
    expect(redacted.caveats).toEqual(['It holds what is ?::text <> status, 3 rows of 10.']);
    expect(redacted.evidence).toMatchObject({
      sizeBytes: 5_452_595,
      statisticsSince: '2026-01-01T00:00:00.000Z',
      nodes: ['primary', '10.0.0.7'],
    });
  });

  it('withholds the SQL that would need it, and says so', () => {
    expect(redacted.fix.sql).toBe('DROP INDEX CONCURRENTLY public.orders_a_idx1;');
    expect(redacted.fix.rollbackSql).toBeNull();
    expect(redacted.fix.notes).toMatch(/^Rebuild .* in 4 s\. Literals are redacted .*pg_get_indexdef/);
    const sql = "CREATE STATISTICS s ON (COALESCE(a, 'fired')) FROM t;\nDROP INDEX i;";
    const kept = redactLiterals(aFinding({ fix: { ...aFinding().fix, sql } }), {
      named: [drop],
      defined: [drop],
    });
    expect(kept.fix.sql).toBeNull();
  });
});

it('leaves the SQL of a plain index alone, whatever it is covered by', () => {
  const keep = indexOf({ name: 'j', keys: ['a', "COALESCE(status, 'fired'::text)"] });
  const found = aFinding({ evidence: { keptShape: shapeOf(keep) } });
  const redacted = redactLiterals(found, { named: [indexOf({ keys: ['a'] }), keep], defined: [] });
  expect(redacted.evidence.keptShape).toBe('(a, COALESCE (status, ?::text))');
  expect(redacted.fix).toEqual(found.fix);
});

it('is not led astray by quotes in names of columns', () => {
  const index = indexOf({ keys: ["it's"], where: "(status = 'fired'::text)" });
  const found = aFinding({ title: `i ${shapeOf(index)}`, columns: ["it's"] });
  expect(redactLiterals(found, { named: [index], defined: [] })).toMatchObject({
    title: "i (it's) WHERE ?::text = status",
    columns: ["it's"],
  });
});

it('does not take every number of a finding for an index on a constant', () => {
  const index = indexOf({ keys: ['5'] });
  const found = aFinding({ title: `i ${shapeOf(index)} takes 5.5 MiB`, columns: ['5'] });
  expect(redactLiterals(found, { named: [index], defined: [] })).toMatchObject({
    title: 'i (?) takes 5.5 MiB',
    columns: ['?'],
  });
});

it('leaves findings about plain indexes as they are', () => {
  const plain = indexOf({ keys: ['a'] });
  const found = aFinding({ title: 'public.orders_a_idx1 (a), 5 MiB' });
  expect(redactLiterals(found, { named: [plain], defined: [plain] })).toBe(found);
});

describe('a report with privacy.redactLiterals', () => {
  const options: JudgeOptions = {
    detectors,
    settings: {},
    policyFor: () => aPolicy(),
    isWatched: () => true,
    redactLiterals: true,
    docsBaseUrl: '/docs',
  };
  const secret = "COALESCE(status, 'fired'::text)";
  const tables = (indexes: readonly DescribedIndex[]): readonly DescribedTable[] => [
    { name: 'people', columns: [], ...people, indexes },
  ];
  const report = (indexes: readonly DescribedIndex[], redacts = true) => {
    const judgement = judge(aSnapshot(factsOf(tables(indexes))), { ...options, redactLiterals: redacts });
    const definitions = new Map(
      judgement.catalogue.indexes.map((index) => [
        index.oid,
        aDefinition({
          indexOid: index.oid,
          definition: `CREATE INDEX ${index.name} ON public.people USING btree ${shapeOf(index)}`,
        }),
      ]),
    );
    return toFindings(judgement, definitions, { ...options, redactLiterals: redacts });
  };

  it.each<[string, readonly DescribedIndex[]]>([
    [
      'a plain index covered by one with an expression',
      [
        { name: 'narrow', keys: ['a'], sizeBytes: 1_000 },
        { name: 'wide', keys: ['a', secret], sizeBytes: 1_100 },
      ],
    ],
    [
      'copies of a partial index',
      [
        { name: 'one', keys: ['a'], where: "(status = 'fired'::text)" },
        { name: 'two', keys: ['a'], where: "(status = 'fired'::text)" },
      ],
    ],
    ['an unused index on an expression', [{ name: 'unused', keys: [secret], scans: 0 }]],
    [
      'a large index on an expression',
      [{ name: 'large', keys: [secret], sizeBytes: 900_000_000, scans: 9_000 }],
    ],
  ])('holds no literal of %s', (_, indexes) => {
    expect(JSON.stringify(report(indexes, false))).toContain('fired');
    expect(JSON.stringify(report(indexes))).not.toContain('fired');
  });

  it('still prints how to drop the plain one and how to get it back', () => {
    const [found] = report([
      { name: 'narrow', keys: ['a'], sizeBytes: 1_000 },
      { name: 'wide', keys: ['a', secret], sizeBytes: 1_100 },
    ]).filter(({ kind }) => kind === 'redundant-index');
    expect(found?.title).toContain('is covered by wide (a, COALESCE (status, ?::text))');
    expect(found?.fix).toMatchObject({
      sql: 'DROP INDEX CONCURRENTLY public.narrow;',
      rollbackSql: 'CREATE INDEX CONCURRENTLY narrow ON public.people USING btree (a);',
    });
  });
});
