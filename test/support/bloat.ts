import { performance } from 'node:perf_hooks';
import type pg from 'pg';
import type { BloatKnowledge, FreeSpace, HashPages, IndexScan } from '../../src/analysis/bloat/bloat.ts';
import { liveCounts, liveEntries } from '../../src/analysis/bloat/estimate.ts';
import type { IndexView } from '../../src/analysis/catalogue.ts';
import type { Collector } from '../../src/collectors/define.ts';
import { type CollectorName, collectors } from '../../src/collectors/index.ts';
import type { Snapshot } from '../../src/collectors/snapshot.ts';
import { nodeName } from '../../src/model/ids.ts';
import { runCollector } from '../../src/postgres/run-collector.ts';
import type { Session } from '../../src/postgres/session.ts';

/*
 * What an estimate of bloat is made of, read from a real server: for tests and for the bench, which measure without a daemon.
 */

/** Collectors whose facts an estimate is made of. */
const needed: readonly CollectorName[] = [
  'tables',
  'columns',
  'indexes',
  'operator-classes',
  'collations',
  'table-usage',
  'relation-sizes',
  'column-statistics',
];

/** The facts as the daemon's own collectors read them. */
export async function snapshotOf(session: Session): Promise<Snapshot> {
  const options = {
    roleName: undefined,
    statementTimeoutMs: 60_000,
    bisectionBudgetMs: 10_000,
    rowsMax: 1_000_000,
    rowsPerSlice: 10_000,
    now: Date.now,
    signal: new AbortController().signal,
  };
  const server = await runCollector(session, collectors.server, { ...options, versionNum: 130_000 });
  const fact = server.kind === 'collected' ? server.facts[0] : undefined;
  if (fact === undefined) throw new Error('the server did not say what it is');
  const outcomes: Record<string, unknown> = { server };
  for (const name of needed) {
    // Each collector's facts stay under its own name; nobody looks into them here.
    const collector = collectors[name] as unknown as Collector<string, unknown>;
    const outcome = await runCollector(session, collector, { ...options, versionNum: fact.versionNum });
    if (outcome.kind !== 'collected') throw new Error(`${name}: ${JSON.stringify(outcome)}`);
    outcomes[name] = outcome;
  }
  return {
    target: { server: 'main', datname: fact.datname },
    node: nodeName('primary'),
    takenAtMs: Date.now(),
    outcomes: outcomes as Snapshot['outcomes'],
  };
}

/** What the daemon would have measured: one scan, or the free-space map where pgstattuple has no answer. */
export async function measure(
  index: IndexView,
  reader: pg.Client,
  spend: (functionName: string, index: IndexView, ms: number) => void = () => {},
): Promise<BloatKnowledge> {
  const atMs = Date.now();
  const ask = async <Row extends pg.QueryResultRow>(name: string, sql: string): Promise<Row | undefined> => {
    const began = performance.now();
    const { rows } = await reader.query<Row>(sql, [index.oid]);
    spend(name, index, performance.now() - began);
    return rows[0];
  };
  switch (index.fact.accessMethod) {
    case 'btree':
    case 'gist': {
      const row = await ask<Record<'size' | 'count' | 'bytes' | 'free', number>>(
        'pgstattuple',
        `select table_len::float8 as size, tuple_count::float8 as count, tuple_len::float8 as bytes, free_space::float8 as free
         from pgstattuple($1::oid::regclass)`,
      );
      if (row === undefined) return {};
      const scan: IndexScan = {
        atMs,
        sizeBytes: row.size,
        tupleCount: row.count,
        tupleBytes: row.bytes,
        freeBytes: row.free,
        liveEntries: liveEntries(index) ?? null,
        counts: liveCounts(index),
      };
      return { scan };
    }
    case 'hash': {
      const row = await ask<HashPages & { readonly tupleCount: number }>(
        'pgstathashindex',
        `select live_items::float8 as "tupleCount", bucket_pages::float8 as "bucketPages", overflow_pages::float8 as "overflowPages",
           bitmap_pages::float8 as "bitmapPages", unused_pages::float8 as "unusedPages"
         from pgstathashindex($1::oid::regclass)`,
      );
      if (row === undefined) return {};
      const { tupleCount, ...hash } = row;
      const pages = 1 + hash.bucketPages + hash.overflowPages + hash.bitmapPages + hash.unusedPages;
      const sizeBytes = pages * 8_192;
      const counted = { liveEntries: liveEntries(index) ?? null, counts: liveCounts(index) };
      return { scan: { atMs, sizeBytes, tupleCount, tupleBytes: 0, freeBytes: 0, ...counted, hash } };
    }
    case 'gin':
    case 'spgist': {
      const row = await ask<{ free: number }>(
        'pg_freespace',
        'select coalesce(sum(avail), 0)::float8 as free from pg_freespace($1::oid::regclass)',
      );
      const pending =
        index.fact.accessMethod === 'gin'
          ? await ask<{ pages: number }>(
              'pgstatginindex',
              'select pending_pages::float8 as pages from pgstatginindex($1::oid::regclass)',
            )
          : undefined;
      const freeSpace: FreeSpace = {
        atMs,
        freeBytes: row?.free ?? 0,
        pendingPages: pending?.pages ?? null,
      };
      return { freeSpace };
    }
    default:
      return {};
  }
}
