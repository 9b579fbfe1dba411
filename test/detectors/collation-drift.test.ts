import { describe, expect, it } from 'vitest';
import type { CollationFact, IndexFact } from '../../src/collectors/inventory.ts';
import { collationDrift, judgeOnNodes } from '../../src/detectors/collation-drift/detector.ts';
import { driftOf } from '../../src/detectors/collation-drift/drift.ts';
import { nodeName } from '../../src/model/ids.ts';
import { hourMs } from '../../src/model/units.ts';
import {
  aCatalogueOf,
  anOperatorClassFact,
  aServerFact,
  collationOid,
  collected,
  commonOperatorClasses,
  type DescribedIndex,
  type DescribedTable,
  defaultCollation,
  failed,
  hashTextOps,
  indexNamed,
  operatorClassOid,
  tableOid,
  takenAtMs,
  textPatternOps,
} from '../support/builders.ts';
import { aPolicy, judge, onlyDraft, reasonsOf } from './judge.ts';

const german = collationOid(20_001);
/** `"de-x-icu"`, recorded as 153.80; the server now provides 153.112. */
const aCollation = (overrides: Partial<CollationFact> = {}): CollationFact => ({
  collationOid: german,
  schemaname: 'pg_catalog',
  collationName: 'de-x-icu',
  isDatabaseDefault: false,
  provider: 'i',
  isDeterministic: true,
  recordedVersion: '153.80',
  actualVersion: '153.112',
  ...overrides,
});
const inOrder = aCollation({ actualVersion: '153.80' });
/** The database's default collation, of a C library that knows no versions. */
const theDefault = aCollation({
  collationOid: defaultCollation,
  collationName: 'default',
  isDatabaseDefault: true,
  provider: 'c',
  recordedVersion: null,
  actualVersion: null,
});

const people = (
  index: Partial<DescribedIndex> = {},
  table: Partial<DescribedTable> = {},
): DescribedTable => ({
  name: 'people',
  columns: ['id', { name: 'name', type: 'text' }, { name: 'town', type: 'text' }],
  indexes: [
    { name: 'people_name_idx', keys: ['name'], ...index, fact: { collations: [german], ...index.fact } },
  ],
  ...table,
});
const look = (
  table: DescribedTable,
  collations: readonly CollationFact[] = [aCollation(), theDefault],
  circumstances: Parameters<typeof judge>[2] = {},
) => judge(collationDrift, [table], { ...circumstances, facts: { collations, ...circumstances.facts } });

describe('collation-drift', () => {
  it('is said of a unique index however small the policy lets others be', () => {
    const policy = { minSizeBytes: 1024 ** 4, minRows: 1_000_000_000 };
    expect(look(people(), undefined, { policy }).drafts).toEqual([]);
    const unique = people({ name: 'people_name_key', fact: { isUnique: true } });
    expect(look(unique, undefined, { policy }).drafts).toMatchObject([{ severity: 'critical' }]);
  });

  it('opens for an index in the order of a collation that has changed, with the order of the steps', () => {
    const draft = onlyDraft(look(people()));
    expect(draft).toMatchObject({
      severity: 'warning',
      confidence: 'likely',
      subject: 'people_name_idx',
      columns: ['name'],
      title:
        'Index people_name_idx on public.people may miss rows: collation de-x-icu is recorded as version 153.80, and primary provides 153.112',
      impact: { reclaimableBytes: 0 },
      remedy: {
        kind: 'rebuild-index',
        notes:
          'In this order. 1. Rebuild the index with the SQL given here. 2. When every index that is reported for it is rebuilt, record the new version (which looks at no index: recorded before, it hides those that are still in the old order): ALTER COLLATION "pg_catalog"."de-x-icu" REFRESH VERSION;',
      },
    });
    expect(draft.evidence).toMatchObject({
      shape: '(name)',
      nodes: ['primary'],
      nodesInOrder: [],
      collations: [
        {
          node: 'primary',
          collation: 'pg_catalog.de-x-icu',
          provider: 'icu',
          recordedVersion: '153.80',
          actualVersion: '153.112',
        },
      ],
    });
  });

  it('is critical for a unique index of any size, and looks for duplicates before all else', () => {
    const draft = onlyDraft(
      look(
        people(
          { keys: ['id', 'name'], fact: { isUnique: true, collations: [collationOid(0), german] } },
          { rows: 3 },
        ),
      ),
    );
    expect(draft.severity).toBe('critical');
    expect(draft.title).toMatch(/^Unique index people_name_idx .* may miss rows and hold duplicates/);
    expect(draft.remedy.notes).toContain(
      '1. Find duplicates, with every index left aside, and settle them: BEGIN; SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = off; SELECT "id", "name" COLLATE "pg_catalog"."de-x-icu", count(*) FROM ONLY "public"."people" WHERE "id" IS NOT NULL AND "name" COLLATE "pg_catalog"."de-x-icu" IS NOT NULL GROUP BY "id", "name" COLLATE "pg_catalog"."de-x-icu" HAVING count(*) > 1; ROLLBACK; 2. Rebuild',
    );
  });

  it('is info on a tiny table where nothing is enforced', () => {
    expect(onlyDraft(look(people({}, { rows: 3 }))).severity).toBe('info');
  });

  it('takes nulls for equal where the index does, and sees only the rows that a partial index holds', () => {
    const { remedy } = onlyDraft(
      look(
        people({
          keys: ['lower(name)'],
          where: "(town = 'Bonn'::text)",
          fact: { isUnique: true, nullsNotDistinct: true },
        }),
      ),
    );
    expect(remedy.notes).toMatch(
      /FROM ONLY "public"\."people" WHERE \(\(town = 'Bonn'::text\)\) GROUP BY \(lower\(name\)\) COLLATE/,
    );
  });

  it('refreshes the database’s version where its default collation has drifted', () => {
    const drifted = { ...theDefault, recordedVersion: '2.28', actualVersion: '2.39' };
    const draft = onlyDraft(look(people({ fact: { collations: [defaultCollation] } }), [drifted]));
    expect(draft.title).toContain('the database’s default collation is recorded as version 2.28');
    expect(draft.remedy.notes).toContain('ALTER DATABASE "shop" REFRESH COLLATION VERSION;');
  });

  it('sees a collation that only the predicate names', () => {
    const where = `(town > ('x COLLATE "other"'::text COLLATE "de-x-icu"))`;
    expect(look(people({ where, fact: { collations: [defaultCollation] } })).drafts).toHaveLength(1);
    const quotedOnly = `(town > 'x COLLATE "de-x-icu"'::text)`;
    expect(look(people({ where: quotedOnly, fact: { collations: [defaultCollation] } })).drafts).toEqual([]);
  });

  const trigrams = anOperatorClassFact({
    operatorClassOid: operatorClassOid(30_001),
    operatorClassName: 'gin_trgm_ops',
    accessMethod: 'gin',
  });
  const radix = anOperatorClassFact({
    operatorClassOid: operatorClassOid(30_002),
    operatorClassName: 'text_ops',
    accessMethod: 'spgist',
  });
  const bloom = anOperatorClassFact({
    operatorClassOid: operatorClassOid(30_003),
    operatorClassName: 'text_bloom_ops',
    accessMethod: 'brin',
  });
  const minmax = anOperatorClassFact({
    operatorClassOid: operatorClassOid(30_004),
    operatorClassName: 'text_minmax_ops',
    accessMethod: 'brin',
  });
  const words = anOperatorClassFact({
    operatorClassOid: operatorClassOid(30_005),
    operatorClassName: 'array_ops',
    accessMethod: 'gin',
  });
  const classes = {
    facts: { operatorClasses: [...commonOperatorClasses, trigrams, radix, bloom, minmax, words] },
  };
  const of = (
    accessMethod: string,
    { operatorClassOid: oid }: { operatorClassOid: IndexFact['operatorClasses'][number] },
  ) => people({ fact: { accessMethod, operatorClasses: [oid] } });

  it.each([
    ['text_pattern_ops', of('btree', textPatternOps)],
    ['a hash of texts that only equal bytes make equal', of('hash', hashTextOps)],
    ['SP-GiST’s radix tree', of('spgist', radix)],
    ['trigrams', of('gin', trigrams)],
    ['a bloom filter', of('brin', bloom)],
    ['keys without a collation', people({ keys: ['id'], fact: { collations: [collationOid(0)] } })],
    [
      'a column that is only carried along',
      people({ keys: ['id'], include: ['name'], fact: { collations: [collationOid(0)] } }),
    ],
    ['a default collation without versions', people({ fact: { collations: [defaultCollation] } })],
    ['an invalid index', people({ fact: { isValid: false } })],
    ['a table without a page', people({}, { sizeBytes: 0, rows: 0 })],
  ])('is silent on %s', (_, table) => {
    expect(look(table, undefined, classes)).toMatchObject({ drafts: [], undecided: [] });
  });

  it.each([
    ['the same version', inOrder],
    [
      'a collation of PostgreSQL’s own',
      aCollation({ provider: 'b', recordedVersion: '1', actualVersion: '2' }),
    ],
    [
      'a collation without versions, as "C" is',
      aCollation({ provider: 'c', recordedVersion: null, actualVersion: null }),
    ],
  ])('is silent on %s', (_, collation) => {
    expect(look(people(), [collation])).toMatchObject({ drafts: [], undecided: [] });
  });

  it.each([
    ['BRIN’s smallest and largest', of('brin', minmax)],
    ['the entries of a GIN over arrays', of('gin', words)],
  ])('sees that %s are in order', (_, table) => {
    expect(look(table, undefined, classes).drafts).toHaveLength(1);
  });

  it('sees that a hash follows a collation to which different bytes are equal', () => {
    const ignoringCase = aCollation({ isDeterministic: false });
    expect(look(of('hash', hashTextOps), [ignoringCase]).drafts).toHaveLength(1);
  });

  it('judges a partitioned index once, at its top', () => {
    const parted: DescribedTable = people(
      { fact: { relkind: 'I' } },
      { fact: { relkind: 'p' }, usage: null },
    );
    const part: DescribedTable = {
      ...people({ name: 'part_name_idx', fact: { parentIndexOid: 10_001 as IndexFact['indexOid'] } }),
      name: 'part',
      fact: { isPartition: true, parentOid: tableOid(10_000) },
    };
    const collations = [aCollation()];
    const draft = onlyDraft(judge(collationDrift, [parted, part], { facts: { collations } }));
    expect(draft).toMatchObject({ subject: 'people_name_idx', remedy: { kind: 'rebuild-index' } });
    expect(draft.caveats.join()).toContain('wrong partition');
    const on13 = onlyDraft(
      judge(collationDrift, [parted, part], {
        facts: { collations, server: aServerFact({ versionNum: 130_023 }) },
      }),
    );
    expect(on13.remedy).toMatchObject({
      kind: 'review',
      notes: expect.stringContaining('1 index of its partitions'),
    });
  });

  it('prints no concurrent rebuild for an exclusion constraint, which allows none', () => {
    const draft = onlyDraft(look(people({ fact: { isExclusion: true, accessMethod: 'gist' } })));
    expect(draft).toMatchObject({ severity: 'critical', remedy: { kind: 'review' } });
  });

  it.each([
    [
      'is recorded nowhere',
      aCollation({ recordedVersion: null }),
      'no version of collation de-x-icu was recorded',
    ],
    ['is provided no more', aCollation({ actualVersion: null }), 'provides no version of collation de-x-icu'],
  ])('is not judged where the version %s', (_, collation, reason) => {
    const evaluation = look(people(), [collation]);
    expect(evaluation.drafts).toEqual([]);
    expect(reasonsOf(evaluation)[0]).toMatch(`public.people_name_idx: `);
    expect(reasonsOf(evaluation)[0]).toContain(reason);
  });

  it('does not judge by a default collation of which 13 and 14 record no version', () => {
    const server = aServerFact({ versionNum: 140_020 });
    const table = people({ fact: { collations: [defaultCollation] } });
    expect(reasonsOf(look(table, [theDefault], { facts: { server } }))).toEqual([
      'public.people_name_idx: no version of the database’s default collation is recorded before 15',
    ]);
    expect(look(people(), [aCollation()], { facts: { server } }).drafts).toHaveLength(1);
  });

  it('does not judge by collations or operator classes that it has not seen', () => {
    expect(reasonsOf(look(people(), []))[0]).toContain('has not been read yet');
    const facts = { operatorClasses: [] };
    expect(reasonsOf(look(people(), undefined, { facts }))[0]).toContain('operator classes');
  });

  it('bears facts that lie an hour apart, and is inconclusive without them', () => {
    const hourAgo = {
      outcomes: { collations: collected([aCollation()], { collectedAtMs: takenAtMs - hourMs }) },
    };
    expect(look(people(), undefined, { facts: hourAgo }).drafts).toHaveLength(1);
    const facts = { outcomes: { collations: failed('the server is gone') } };
    const evaluation = look(people(), undefined, { facts });
    expect(evaluation.drafts).toEqual([]);
    expect(reasonsOf(evaluation)[0]).toContain('the server is gone');
  });
});

describe('on several nodes', () => {
  const catalogue = aCatalogueOf([people({ fact: { isUnique: true } })], { collations: [inOrder] });
  const index = indexNamed(catalogue, 'people_name_idx');
  const node = (name: string, collation: CollationFact) => ({
    node: nodeName(name),
    collations: new Map([[collation.collationOid as number, collation]]),
    recordsDefaultVersion: true,
  });
  const input = {
    catalogue,
    policyFor: () => aPolicy(),
    topology: { isComplete: true, unseenNodes: [] },
  };

  it('each is compared by what its own library provides', () => {
    expect(driftOf(index, node('primary', inOrder))).toMatchObject({ drifted: [], unknown: [] });
    expect(driftOf(index, node('replica', aCollation()))).toMatchObject({
      node: 'replica',
      drifted: [{ actualVersion: '153.112' }],
    });
  });

  it('a standby with another library is a finding that no rebuild on the primary mends', () => {
    const verdict = judgeOnNodes(
      index,
      [node('primary', inOrder), node('replica', aCollation())],
      aServerFact(),
      input,
    );
    expect(verdict).toMatchObject({
      severity: 'critical',
      title: expect.stringContaining('replica provides 153.112'),
      evidence: { nodes: ['replica'], nodesInOrder: ['primary'] },
      remedy: { kind: 'review', notes: expect.stringContaining('replica sorts by other rules') },
    });
  });
});
