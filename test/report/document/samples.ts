import { collectorNames } from '../../../src/collectors/index.ts';
import type { Generation } from '../../../src/findings/generation.ts';
import { findingKinds } from '../../../src/model/finding.ts';
import { dayMs, MiB } from '../../../src/model/units.ts';
import { buildReport, type ReportDocument } from '../../../src/report/document/document.ts';
import type { ReportInput } from '../../../src/report/document/section.ts';
import {
  aBloat,
  aFinding,
  aGeneration,
  aMissingPermission,
  anInconclusive,
  factsOf,
  failed,
  takenAtMs,
} from '../../support/builders.ts';

export const aReportInput = (
  generations: readonly Generation[] = [aGeneration()],
  overrides: Partial<ReportInput> = {},
): ReportInput => ({
  generations,
  nowMs: takenAtMs,
  toolVersion: '0.1.0',
  windowMs: 30 * dayMs,
  history: {
    kind: 'none',
    reason: 'no history is kept (storage.path is not set), and one look knows nothing of before',
  },
  needed: new Set(collectorNames),
  judging: new Set(findingKinds),
  redactLiterals: false,
  ...overrides,
});

export const aReport = (
  generations?: readonly Generation[],
  overrides?: Partial<ReportInput>,
): ReportDocument => buildReport(aReportInput(generations, overrides));

/** A small shop with one of everything. */
export const shop = (): Generation => {
  const generation = aGeneration({
    target: { server: 'main', datname: 'shop' },
    facts: factsOf([
      {
        name: 'orders',
        columns: ['id', 'person_id', { name: 'note', type: 'text' }],
        rows: 120_000,
        sizeBytes: 40 * MiB,
        indexes: [
          {
            name: 'orders_pkey',
            keys: ['id'],
            scans: 900,
            sizeBytes: 4 * MiB,
            fact: { isPrimary: true, isUnique: true },
          },
          { name: 'idx_orders_person', keys: ['person_id'], scans: 70, sizeBytes: 3 * MiB },
          { name: 'idx_order_person_id', keys: ['person_id'], scans: 0, sizeBytes: 2 * MiB },
          { name: 'idx_orders_open', keys: ['id'], where: "status = 'open'", scans: 12, sizeBytes: MiB },
        ],
      },
      { name: 'people', columns: ['id'], rows: 80, sizeBytes: 64 * 1024 },
    ]),
    bloat: {
      idx_orders_person: aBloat({
        sizeBytes: 3 * MiB,
        expectedSizeBytes: 2 * MiB,
        wastedBytes: MiB,
        ratio: 1 / 3,
        low: 1 / 3,
        high: 1 / 3,
      }),
    },
    findings: [
      aFinding({
        id: 'aa01020304050607',
        server: 'main',
        datname: 'shop',
        relname: 'orders',
        indexrelname: 'idx_order_person_id',
        title: 'idx_order_person_id on public.orders (person_id) is an exact duplicate of idx_orders_person',
        related: [
          {
            schemaname: 'public',
            indexrelname: 'idx_orders_person',
            role: 'keep',
            why: 'it is the one that is used',
          },
        ],
        impact: { reclaimableBytes: 2 * MiB },
        caveats: [],
      }),
      aFinding({
        id: 'bb01020304050607',
        kind: 'unused-index',
        confidence: 'possible',
        server: 'main',
        datname: 'shop',
        relname: 'orders',
        indexrelname: 'idx_orders_open',
        title: 'idx_orders_open on public.orders (id) was not scanned once in 60 d',
        related: [],
        evidence: {
          sizeBytes: MiB,
          scansTotal: 0,
          windowSeconds: 60 * 86_400,
          nodes: ['primary'],
          nodesNotSeen: ['standby'],
        },
        impact: { reclaimableBytes: MiB },
        caveats: ['Usage on standby was not looked at; every node counts its own scans.'],
      }),
      aFinding({
        id: 'cc01020304050607',
        kind: 'missing-expected-index',
        server: 'main',
        datname: 'shop',
        relname: 'orders',
        indexrelname: null,
        related: [],
        title: 'Expected index idx_orders_note on public.orders (note) is missing',
        evidence: {
          expectedIndex: 'idx_orders_note',
          shape: '(note)',
          priority: 1,
          phase: 2,
          tableRows: 120_000,
          reason: 'Search by note.',
        },
        impact: { reclaimableBytes: 0 },
        caveats: [],
        fix: {
          ...aFinding().fix,
          sql: 'CREATE INDEX CONCURRENTLY idx_orders_note ON public.orders USING btree (note);',
        },
      }),
    ],
    inconclusive: [
      anInconclusive({
        kind: 'null-heavy-index',
        server: 'main',
        datname: 'shop',
        reason: 'planner statistics are not visible',
      }),
    ],
    missingPermissions: [aMissingPermission()],
  });
  return {
    ...generation,
    expectations: [
      {
        schemaname: 'public',
        relname: 'orders',
        expectedIndex: 'idx_orders_note',
        manifest: 'shop.yaml',
        priority: 1,
        phase: 2,
        state: 'missing',
        satisfiedBy: [],
        reason: null,
      },
      {
        schemaname: 'public',
        relname: 'orders',
        expectedIndex: 'ix_person',
        manifest: 'shop.yaml',
        priority: 1,
        phase: 1,
        state: 'satisfied',
        satisfiedBy: ['idx_orders_person'],
        reason: null,
      },
    ],
  };
};

/** A database that nobody answers for. */
export const away = (): Generation => {
  const outcome = failed('connection refused', 'TargetUnavailable');
  return aGeneration({
    target: { server: 'backup', datname: 'archive' },
    isUp: false,
    error: 'connection refused',
    facts: { outcomes: Object.fromEntries(collectorNames.map((name) => [name, outcome])) },
  });
};
