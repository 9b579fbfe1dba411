import { describe, expect, it } from 'vitest';
import type { IndexView, TableView } from '../../src/analysis/catalogue.ts';
import type { DefinitionFact } from '../../src/collectors/definitions.ts';
import type { Remedy } from '../../src/detectors/draft.ts';
import { GiB, MiB } from '../../src/model/units.ts';
import type { FixContext } from '../../src/plan/context.ts';
import { indexesToDefine, renderFix } from '../../src/plan/fix.ts';
import { newNames } from '../../src/plan/names.ts';
import {
  aCatalogue,
  aColumnFact,
  aDefinition,
  anIndex,
  aTable,
  aTableFact,
  constraintOid,
  ordersOid,
  tableOid,
} from '../support/builders.ts';

const defined = (index: IndexView, more: Partial<DefinitionFact> = {}): ReadonlyMap<number, DefinitionFact> =>
  new Map([
    [
      index.oid,
      aDefinition({
        indexOid: index.oid,
        definition: `CREATE ${index.fact.isUnique ? 'UNIQUE ' : ''}INDEX ${index.name} ON public.orders USING btree (id)`,
        ...more,
      }),
    ],
  ]);
const context = (overrides: Partial<FixContext> = {}): FixContext => ({
  versionNum: 170_010,
  rebuildBytesPerSecond: 10 * MiB,
  definitions: new Map(),
  names: newNames(new Map()),
  ...overrides,
});
/** Two builds of an access method, each a MiB a second. */
const watched = (accessMethod: string): NonNullable<FixContext['buildRates']> => {
  const build = { atMs: 0, bytes: 60 * MiB, leastMs: 60_000, mostMs: 60_000, isConcurrent: true };
  return new Map([[accessMethod, [build, build]]]);
};
const drop = (index: IndexView, more: Partial<Extract<Remedy, { kind: 'drop-index' }>> = {}) =>
  ({ kind: 'drop-index', index, ...more }) as const;

describe('dropping an index', () => {
  const index = anIndex();

  it('is concurrent; its way back is the server’s own definition, concurrent too', () => {
    expect(renderFix(drop(index), context({ definitions: defined(index) }))).toMatchObject({
      sql: 'DROP INDEX CONCURRENTLY public.orders_id_idx;',
      rollbackSql: 'CREATE INDEX CONCURRENTLY orders_id_idx ON public.orders USING btree (id);',
      lock: expect.stringMatching(/^SHARE UPDATE EXCLUSIVE/),
      rebuildSeconds: 1,
      verifySql: "SELECT pg_catalog.to_regclass('public.orders_id_idx') IS NULL AS done;",
    });
  });

  it('says what the time of a rebuild goes by, where builds were watched', () => {
    const of = (buildRates: FixContext['buildRates']) =>
      renderFix(drop(index), context({ definitions: defined(index), ...(buildRates && { buildRates }) }));
    expect(of(undefined).notes).toBe('Rebuilding it would take about 1 s.');
    expect(of(watched('gin')).notes).toBe('Rebuilding it would take about 1 s.');
    expect(of(watched('btree'))).toMatchObject({
      rebuildSeconds: 10,
      notes: 'Rebuilding it would take about 10 s, going by 2 btree builds watched here (1 MiB/s).',
    });
  });

  it('is not printed without a way back', () => {
    for (const definitions of [new Map(), defined(index, { definition: null })]) {
      const fix = renderFix(drop(index), context({ definitions }));
      expect(fix).toMatchObject({ sql: null, rollbackSql: null, preflightSql: null, verifySql: null });
      expect(fix.notes).toMatch(/no drop is printed without the way back/);
    }
  });

  it('says how long a rebuild takes, and to rehearse one of more than half an hour', () => {
    const large = anIndex({}, { sizeBytes: 20 * GiB });
    const fix = renderFix(drop(large), context({ definitions: defined(large) }));
    expect(fix.rebuildSeconds).toBe(2_048);
    expect(fix.notes).toMatch(/would take about 34.1 min\. Rehearse first\./);
    const unknown = anIndex({}, { sizeBytes: null });
    expect(renderFix(drop(unknown), context({ definitions: defined(unknown) })).rebuildSeconds).toBeNull();
  });

  it('restores what a definition does not say: comment and clustering', () => {
    const marked = anIndex({ comment: "the owner's", isClustered: true });
    expect(renderFix(drop(marked), context({ definitions: defined(marked) })).rollbackSql).toBe(
      [
        'CREATE INDEX CONCURRENTLY orders_id_idx ON public.orders USING btree (id);',
        "COMMENT ON INDEX public.orders_id_idx IS 'the owner''s';",
        'ALTER TABLE public.orders CLUSTER ON orders_id_idx;',
      ].join('\n'),
    );
  });

  it('warns from 17 on of functions whose names a safe search_path does not find', () => {
    const calling = anIndex({ searchPathFunctions: ['app.f'] });
    const notes = (versionNum: number) =>
      renderFix(drop(calling), context({ versionNum, definitions: defined(calling) })).notes;
    expect(notes(170_000)).toMatch(/It calls app\.f: from 17 on/);
    expect(notes(160_000)).not.toMatch(/app\.f/);
  });

  it('keeps the statistics of expressions where the server can (14), under a name that is free', () => {
    const remedy = drop(index, { keepStatisticsOf: ['lower(s)'] });
    const definitions = defined(index);
    const names = newNames(new Map([['public', new Set(['stats_orders_id_idx_1'])]]));
    expect(renderFix(remedy, context({ definitions, names })).sql?.split('\n')).toEqual([
      'CREATE STATISTICS IF NOT EXISTS public.stats_orders_id_idx_1_2 ON (lower(s)) FROM public.orders;',
      'ANALYZE public.orders;',
      'DROP INDEX CONCURRENTLY public.orders_id_idx;',
    ]);
    expect(renderFix(remedy, context({ definitions, versionNum: 130_020 })).sql).toBe(
      'DROP INDEX CONCURRENTLY public.orders_id_idx;',
    );
  });
});

describe('dropping what a constraint owns', () => {
  const index = anIndex({
    isUnique: true,
    constraintOid: constraintOid(9),
    constraintName: 'once',
    constraintType: 'u',
  });
  const fixOf = (owner: IndexView, constraintDefinition: string, more: Partial<DefinitionFact> = {}) =>
    renderFix(
      drop(owner),
      context({ definitions: defined(owner, { constraintName: 'once', constraintDefinition, ...more }) }),
    );

  it('drops the constraint and gives the index back to it, without building under a lock', () => {
    const fix = fixOf(index, 'UNIQUE (id) DEFERRABLE INITIALLY DEFERRED');
    expect(fix.sql).toBe('ALTER TABLE public.orders DROP CONSTRAINT once;');
    expect(fix.rollbackSql?.split('\n')).toEqual([
      'SET lock_timeout = 0;',
      'CREATE UNIQUE INDEX CONCURRENTLY orders_id_idx ON public.orders USING btree (id);',
      'ALTER TABLE public.orders ADD CONSTRAINT once UNIQUE USING INDEX orders_id_idx DEFERRABLE INITIALLY DEFERRED;',
    ]);
    expect(fix.lock).toMatch(/^ACCESS EXCLUSIVE/);
    expect(fix.preflightSql).toContain("SET lock_timeout = '2s'");
  });

  it('lets a constraint that cannot take over an index build its own', () => {
    const overlapping = anIndex({ ...index.fact, accessMethod: 'gist' });
    expect(fixOf(overlapping, 'UNIQUE (id, during WITHOUT OVERLAPS)').rollbackSql).toContain(
      'ADD CONSTRAINT once UNIQUE (id, during WITHOUT OVERLAPS);',
    );
  });

  it('leaves the tablespace out where the condition was read under another name', () => {
    const partial = anIndex({ hasPredicate: true, predicate: '(id > 10)' });
    const definition = 'CREATE INDEX orders_id_idx ON public.orders USING btree (id) WHERE (number > 10)';
    const definitions = defined(partial, { definition, tablespaceName: 'slow' });
    expect(renderFix(drop(partial), context({ definitions })).rollbackSql).toBe(
      'CREATE INDEX CONCURRENTLY orders_id_idx ON public.orders USING btree (id) WHERE (number > 10);',
    );
  });

  it('names the tablespace before the condition, and brings the comment back', () => {
    const apart = anIndex({
      ...index.fact,
      accessMethod: 'gist',
      constraintType: 'x',
      hasPredicate: true,
      predicate: '(id > 10)',
    });
    const definition = 'EXCLUDE USING gist (during WITH &&) WHERE ((id > 10)) DEFERRABLE';
    const more = { tablespaceName: 'Slow', constraintComment: 'not twice' };
    expect(fixOf(apart, definition, more).rollbackSql?.split('\n').slice(1)).toEqual([
      'ALTER TABLE public.orders ADD CONSTRAINT once EXCLUDE USING gist (during WITH &&) USING INDEX TABLESPACE "Slow" WHERE ((id > 10)) DEFERRABLE;',
      "COMMENT ON CONSTRAINT once ON public.orders IS 'not twice';",
    ]);
  });
});

describe('building an index', () => {
  it('is concurrent, estimated and can be undone', () => {
    const table = aTable();
    const fix = renderFix({ kind: 'create-index', table, columns: ['a', 'b'] }, context());
    expect(fix).toMatchObject({
      sql: 'CREATE INDEX CONCURRENTLY ix_orders_a_b ON public.orders (a, b);',
      rollbackSql: 'DROP INDEX CONCURRENTLY public.ix_orders_a_b;',
      rebuildSeconds: 1,
      notes: expect.stringMatching(/about 2.1 MiB\. If the build fails it leaves an invalid index/),
    });
  });

  it('is not printed for 14.0 to 14.3, where it may corrupt', () => {
    const build = (versionNum: number) =>
      renderFix({ kind: 'create-index', table: aTable(), columns: ['a'] }, context({ versionNum }));
    for (const versionNum of [140_000, 140_003]) {
      expect(build(versionNum).sql).toBeNull();
      expect(build(versionNum).notes).toMatch(/14\.0 to 14\.3 can corrupt/);
      expect(renderFix({ kind: 'rebuild-index', index: anIndex() }, context({ versionNum })).sql).toBeNull();
    }
    for (const versionNum of [130_020, 140_004]) expect(build(versionNum).sql).not.toBeNull();
  });

  it('goes down a partition tree and attaches from the bottom up', () => {
    const part = (oid: number, relname: string, parent: number, relkind: 'r' | 'p' = 'r') =>
      aTableFact({
        tableOid: tableOid(oid),
        relname,
        relkind,
        isPartition: true,
        parentOid: tableOid(parent),
      });
    const catalogue = aCatalogue({
      tables: [
        aTableFact({ relkind: 'p', hasChildren: true }),
        part(2, 'h1', ordersOid, 'p'),
        part(3, 'h11', 2),
        part(4, 'h2', ordersOid),
      ],
      columns: [aColumnFact({ columnName: 'a' })],
    });
    const top = catalogue.tables.find(({ relname }) => relname === 'orders') as TableView;
    const fix = renderFix({ kind: 'create-index', table: top, columns: ['a'] }, context());
    expect(fix.sql?.split('\n')).toEqual([
      'CREATE INDEX ix_orders_a ON ONLY public.orders (a);',
      'CREATE INDEX ix_h1_a ON ONLY public.h1 (a);',
      'CREATE INDEX CONCURRENTLY ix_h11_a ON public.h11 (a);',
      'ALTER INDEX public.ix_h1_a ATTACH PARTITION public.ix_h11_a;',
      'ALTER INDEX public.ix_orders_a ATTACH PARTITION public.ix_h1_a;',
      'CREATE INDEX CONCURRENTLY ix_h2_a ON public.h2 (a);',
      'ALTER INDEX public.ix_orders_a ATTACH PARTITION public.ix_h2_a;',
    ]);
    expect(fix.rollbackSql?.split('\n').every((line) => line.startsWith('-- '))).toBe(true);
  });
});

describe('other remedies', () => {
  it('rebuild concurrently, and say what ON CONFLICT may meet on a unique index below 19', () => {
    const notes = (isUnique: boolean, versionNum: number) =>
      renderFix({ kind: 'rebuild-index', index: anIndex({ isUnique }) }, context({ versionNum })).notes;
    expect(notes(true, 180_000)).toMatch(/ON CONFLICT can fail/);
    expect(notes(true, 190_000)).not.toMatch(/ON CONFLICT/);
    expect(notes(false, 180_000)).not.toMatch(/ON CONFLICT/);
    expect(renderFix({ kind: 'rebuild-index', index: anIndex() }, context())).toMatchObject({
      sql: 'REINDEX INDEX CONCURRENTLY public.orders_id_idx;',
      rollbackSql: null,
    });
  });

  it('say how long they take, by builds that were watched, else by the policy', () => {
    const rebuild = (more: Partial<FixContext>) =>
      renderFix({ kind: 'rebuild-index', index: anIndex(), expectedBytes: 5 * MiB }, context(more));
    expect(rebuild({})).toMatchObject({
      rebuildSeconds: 1,
      notes: expect.stringContaining(
        'The time goes by policy.rebuildBytesPerSecond (10 MiB/s), since no build of a btree index was watched here yet.',
      ),
    });
    expect(rebuild({ buildRates: watched('btree') })).toMatchObject({
      rebuildSeconds: 5,
      notes: expect.stringContaining('The time goes by 2 btree builds watched here (1 MiB/s).'),
    });
    const unknown = anIndex({}, { sizeBytes: null });
    expect(renderFix({ kind: 'rebuild-index', index: unknown }, context())).toMatchObject({
      rebuildSeconds: null,
      notes: expect.not.stringContaining('The time goes by'),
    });
  });

  it('rebuild only the parts that are named, and need room for what is written anew', () => {
    const [one, two] = [anIndex({ indexrelname: 'one' }), anIndex({ indexrelname: 'Two' })];
    const fix = renderFix(
      { kind: 'rebuild-index', index: anIndex(), parts: [two, one], expectedBytes: 50 * MiB },
      context({ rebuildBytesPerSecond: 10 * MiB }),
    );
    expect(fix.sql).toBe('REINDEX INDEX CONCURRENTLY public."Two";\nREINDEX INDEX CONCURRENTLY public.one;');
    expect(fix.rebuildSeconds).toBe(5);
    expect(fix.preflightSql).toContain('50 MiB of free disk');
    expect(fix.verifySql).toContain("to_regclass('public.one')");
  });

  it('say that an index on a function may not rebuild with a safe search_path (17)', () => {
    const index = anIndex({ expressions: 'f(a)', searchPathFunctions: ['public.f'] });
    const notes = (versionNum: number) =>
      renderFix({ kind: 'rebuild-index', index }, context({ versionNum })).notes;
    expect(notes(170_000)).toContain('It calls public.f');
    expect(notes(160_000)).not.toContain('public.f');
  });

  it('do not rebuild the index of an exclusion constraint concurrently, which cannot be done', () => {
    const fix = renderFix({ kind: 'rebuild-index', index: anIndex({ isExclusion: true }) }, context());
    expect(fix.sql?.split('\n').every((line) => line.startsWith('-- '))).toBe(true);
    expect(fix.sql).toContain('REINDEX INDEX public.orders_id_idx;');
    expect(fix.notes).toContain('exclusion constraint');
  });

  it('analyse a parent of inheritance alone where the server can (18)', () => {
    const table = aTable({ fact: { hasChildren: true } });
    const sql = (versionNum: number) =>
      renderFix({ kind: 'analyze-table', table }, context({ versionNum })).sql;
    expect(sql(180_000)).toBe('ANALYZE ONLY public.orders;');
    expect(sql(170_000)).toBe('ANALYZE public.orders;');
    expect(renderFix({ kind: 'analyze-table', table: aTable() }, context({ versionNum: 180_000 })).sql).toBe(
      'ANALYZE public.orders;',
    );
  });

  it('need no definitions but those of indexes that go or are rebuilt', () => {
    const index = anIndex();
    expect(indexesToDefine(drop(index))).toEqual([index]);
    expect(indexesToDefine({ kind: 'replace-index', index })).toEqual([index]);
    expect(indexesToDefine({ kind: 'create-index', table: aTable(), columns: ['a'] })).toEqual([]);
    expect(indexesToDefine({ kind: 'review', notes: 'look' })).toEqual([]);
  });

  it('print no SQL for a review', () => {
    expect(renderFix({ kind: 'review', notes: 'look at it' }, context())).toEqual({
      sql: null,
      rollbackSql: null,
      lock: null,
      rebuildSeconds: null,
      notes: 'look at it',
      preflightSql: null,
      verifySql: null,
    });
  });
});
