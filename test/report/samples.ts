import { type Finding, findingKinds } from '../../src/model/finding.ts';
import { GiB, MiB } from '../../src/model/units.ts';
import type { CheckedTarget, CheckResult } from '../../src/report/check/result.ts';
import type { KindInfo, ToolInfo } from '../../src/report/kinds.ts';
import { aFinding } from '../support/builders.ts';

const docsOf = (kind: string): string => `https://docs.example/detectors/${kind}`;

export const kinds: readonly KindInfo[] = findingKinds.map((id) => ({
  id,
  title: `Title of ${id}`,
  docs: docsOf(id),
}));

export const tool: ToolInfo = { version: '0.1.0', informationUri: 'https://indexwarden.example' };

export const aCheckedTarget = (overrides: Partial<CheckedTarget> = {}): CheckedTarget => ({
  server: 'main',
  datname: 'shop',
  isUp: true,
  error: null,
  versionNum: 170_002,
  statisticsSince: '2025-12-31T12:00:00.000Z',
  failures: [],
  missingPermissions: [],
  skippedRelations: 0,
  catalogueReadMs: 180,
  ...overrides,
});

export const aResult = (overrides: Partial<CheckResult> = {}): CheckResult => ({
  findings: [],
  inconclusive: [],
  targets: [aCheckedTarget()],
  judged: kinds,
  suppressedByBaseline: 0,
  ...overrides,
});

const noFix = {
  sql: null,
  rollbackSql: null,
  lock: null,
  rebuildSeconds: null,
  preflightSql: null,
  verifySql: null,
};

const dropOf = (index: string, rebuildSeconds: number): Finding['fix'] => ({
  sql: `DROP INDEX CONCURRENTLY public.${index};`,
  rollbackSql: `CREATE INDEX CONCURRENTLY ${index} ON public.assignments USING btree (person_id);`,
  lock: 'SHARE UPDATE EXCLUSIVE on public.assignments; waits for running transactions, blocks nobody',
  rebuildSeconds,
  notes: '',
  preflightSql:
    "SELECT pid, xact_start FROM pg_catalog.pg_stat_activity WHERE xact_start < now() - interval '1 min';",
  verifySql: `SELECT to_regclass('public.${index}') IS NULL;`,
});

/** A night with a bit of everything: two servers, one of them away, findings of every severity, unknowns and grants. */
export const busyNight: CheckResult = aResult({
  findings: [
    aFinding({
      id: '1a2b3c4d5e6f7081',
      kind: 'invalid-index',
      severity: 'critical',
      datname: 'residency',
      relname: 'people',
      indexrelname: 'people_email_key',
      columns: ['email'],
      related: [],
      title: 'Unique index public.people_email_key is invalid: it no longer keeps duplicate values out',
      evidence: { class: 'failed build', sizeBytes: 3 * MiB },
      caveats: [],
      impact: { reclaimableBytes: 3 * MiB },
      fix: {
        ...dropOf('people_email_key', 2),
        sql: [
          'DROP INDEX CONCURRENTLY public.people_email_key;',
          'CREATE UNIQUE INDEX CONCURRENTLY people_email_key ON public.people USING btree (email);',
        ].join('\n'),
      },
      docs: docsOf('invalid-index'),
    }),
    aFinding({
      id: 'aa02030405060708',
      kind: 'unused-index',
      confidence: 'likely',
      datname: 'residency',
      relname: 'assignments',
      indexrelname: 'idx_assignment_rotation_template_id_and_the_activity_override_of_i',
      columns: ['rotation_template_id', 'activity_override'],
      related: [],
      title:
        'public.idx_assignment_rotation_template_id_and_the_activity_override_of_i (rotation_template_id, activity_override) has not been used for 60 d',
      evidence: {
        sizeBytes: 810 * MiB,
        scansTotal: 0,
        statisticsAgeSeconds: 60 * 86_400,
        writesTotal: 1_234_567,
      },
      caveats: ['A standby that nobody configured may use it; topology is not declared complete.'],
      impact: { reclaimableBytes: 810 * MiB, writesSavedPerSecond: 3.25 },
      fix: dropOf('idx_assignment_rotation_template_id_and_the_activity_override_of_i', 2400),
      docs: docsOf('unused-index'),
    }),
    aFinding({
      id: 'bb02030405060708',
      datname: 'residency',
      relname: 'assignments',
      indexrelname: 'idx_assignment_person_id',
      title: 'public.idx_assignment_person_id (person_id) is a copy of ix_assignments_person_id',
      impact: { reclaimableBytes: 212 * MiB },
      fix: dropOf('idx_assignment_person_id', 9),
      docs: docsOf('duplicate-index'),
    }),
    aFinding({
      id: 'cc02030405060708',
      kind: 'unindexed-foreign-key',
      datname: 'residency',
      relname: 'swaps',
      indexrelname: null,
      columns: ['approved_by'],
      related: [],
      title: 'No index supports the foreign key swaps_approved_by_fkey (approved_by) of public.swaps',
      evidence: { tableRows: 240_000, tableBytes: 1.5 * GiB, onDelete: 'CASCADE', parentDeletesTotal: 512 },
      impact: { reclaimableBytes: 0 },
      fix: {
        ...noFix,
        sql: 'CREATE INDEX CONCURRENTLY ON public.swaps (approved_by);',
        notes: 'Takes about 6 MiB.',
      },
      docs: docsOf('unindexed-foreign-key'),
    }),
    aFinding({
      id: 'dd02030405060708',
      kind: 'low-selectivity-index',
      severity: 'info',
      confidence: 'possible',
      datname: 'residency',
      relname: 'notifications',
      indexrelname: 'ix_notifications_is_read',
      columns: ['is_read'],
      related: [],
      title: 'public.ix_notifications_is_read (is_read) holds 2 distinct values',
      evidence: { sizeBytes: 40 * MiB, distinctValues: 2 },
      impact: { reclaimableBytes: 40 * MiB },
      fix: { ...noFix, notes: 'A partial index on the rarer value may serve the same queries.' },
      docs: docsOf('low-selectivity-index'),
    }),
    aFinding({
      id: 'ee02030405060708',
      kind: 'duplicate-index',
      severity: 'info',
      datname: 'residency',
      relname: 'rota',
      indexrelname: 'kept_on_purpose',
      title: 'public.kept_on_purpose (day) is a copy of rota_day_idx',
      state: 'muted',
      muted: { reason: 'needed for the audit', until: '2027-06-30', by: 'COMMENT ON INDEX' },
      docs: docsOf('duplicate-index'),
    }),
  ],
  inconclusive: [
    {
      kind: 'null-heavy-index',
      server: 'main',
      datname: 'residency',
      reason: 'planner statistics of 118 of 412 user columns are not visible to role monitor',
      relations: ['public.people', 'public.blocks', 'public.swaps', 'public.rota', 'public.audit'],
    },
    {
      kind: 'unused-index',
      server: 'main',
      datname: 'shop',
      reason: 'statistics are 2 h old; the window is 30 d',
    },
    {
      kind: 'rarely-used-index',
      server: 'main',
      datname: 'shop',
      reason: 'statistics are 2 h old; the window is 30 d',
    },
  ],
  targets: [
    aCheckedTarget({
      datname: 'residency',
      skippedRelations: 1,
      missingPermissions: [
        {
          permission: 'SELECT on user tables',
          isOptional: false,
          facts: 'null fractions and distinct values of their columns',
          grant: 'GRANT pg_read_all_data TO monitor;',
        },
      ],
    }),
    aCheckedTarget({ datname: 'shop', statisticsSince: '2026-03-01T10:00:00.000Z' }),
    aCheckedTarget({
      server: 'backup',
      datname: 'backtest',
      isUp: false,
      error: 'connection refused at 10.0.0.7:5432',
      versionNum: null,
      statisticsSince: null,
    }),
  ],
});
