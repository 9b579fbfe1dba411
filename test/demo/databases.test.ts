import { readFile } from 'node:fs/promises';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { installBinaries } from '../../src/demo/binaries.ts';
import {
  buildDemoDatabases,
  type DemoDatabase,
  type DemoDatabases,
  demoServerSettings,
} from '../../src/demo/databases.ts';
import { type EmbeddedServer, startEmbeddedServer } from '../../src/demo/embedded-server.ts';
import { startWorkload } from '../../src/demo/workload.ts';
import { withConnection } from '../support/postgres.ts';

const found = await installBinaries(17);

/** Small, but not so small that the planner prefers to read whole tables. */
const scale = 0.1;

describe.skipIf(found.kind === 'missing')('the databases of the demo', () => {
  let server: EmbeddedServer;
  let databases: DemoDatabases;
  const steps: string[] = [];

  beforeAll(async () => {
    if (found.kind === 'missing') return;
    server = await startEmbeddedServer({ binaries: found, settings: demoServerSettings });
    databases = await buildDemoDatabases({
      server,
      scale,
      progress: { step: (done, total, label) => steps.push(`${done}/${total} ${label}`), stop() {} },
    });
  });
  afterAll(async () => {
    await server?.close();
  });

  const on = <T>(database: DemoDatabase, work: (client: pg.Client) => Promise<T>) =>
    withConnection(server.superuserUrl(database), work);
  const column = async (database: DemoDatabase, sql: string): Promise<readonly unknown[]> =>
    on(database, async (client) => {
      const { rows } = await client.query({ text: sql, rowMode: 'array' });
      return rows.map((row: readonly unknown[]) => row[0]);
    });

  test('progress counts every step once', () => {
    expect(databases.created).toBe(true);
    expect(steps.length).toBeGreaterThan(20);
    expect(steps.map((step, index) => step.startsWith(`${index + 1}/${steps.length} `))).not.toContain(false);
  });

  test('residency has 42 tables, each with rows and a primary key', async () => {
    const tables = await column(
      'residency',
      "select relname from pg_catalog.pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1",
    );
    expect(tables).toEqual([...residencyTables].sort());
    for (const table of residencyTables) {
      expect(await column('residency', `select exists (select from ${table})`), table).toEqual([true]);
    }
    expect(await column('residency', keys)).toHaveLength(42);
  });

  test('residency has the 26 indexes of its specification, and the one that failed', async () => {
    const definitions = await column('residency', otherIndexes);
    expect([...definitions].sort()).toEqual([...residencyIndexes, failedIndex].sort());
  });

  test('no constraint of residency but the primary keys is unique', async () => {
    expect(
      await column(
        'residency',
        "select conname from pg_catalog.pg_constraint where contype in ('u', 'x') and connamespace = 'public'::regnamespace",
      ),
    ).toEqual([]);
  });

  test('the 28 recommended indexes can be created, and those that speak of foreign keys are on foreign keys', async () => {
    await on('residency', async (client) => {
      await client.query('begin');
      for (const [index, target] of recommendedIndexes)
        await client.query(`create index ${index} on ${target}`);
      await client.query('rollback');
      const { rows } = await client.query<{ key: string }>(
        `select conrelid::regclass || '(' || a.attname || ')' as key
        from pg_catalog.pg_constraint c
        join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
        where c.contype = 'f'`,
      );
      const foreignKeys = new Set(rows.map((row) => row.key));
      const spokenOf = recommendedIndexes.slice(0, 9).map(([, target]) => target);
      expect(spokenOf.filter((target) => !foreignKeys.has(target))).toEqual([]);
    });
    expect(recommendedIndexes).toHaveLength(28);
  });

  test('the failed unique index is invalid, unique and on people(email)', async () => {
    await on('residency', async (client) => {
      const { rows } = await client.query(
        `select indexrelid::regclass::text as name, indisvalid as valid, indisunique as "unique"
        from pg_catalog.pg_index where not indisvalid`,
      );
      expect(rows).toEqual([{ name: 'uq_people_email', valid: false, unique: true }]);
    });
  });

  test('backtest has two tables and the ten indexes of its specification', async () => {
    const definitions = await column('backtest', otherIndexes);
    expect([...definitions].sort()).toEqual([...backtestIndexes].sort());
    expect(await column('backtest', keys)).toEqual(['backtest_runs_pkey', 'performance_metrics_pkey']);
  });

  test('volumes follow the scale', async () => {
    const counted = {
      blocks: await column('residency', 'select count(*)::int from blocks'),
      people: await column('residency', 'select count(*)::int from people'),
      assignments: await column('residency', 'select count(*)::int from assignments'),
      runs: await column('backtest', 'select count(*)::int from backtest_runs'),
      metrics: await column('backtest', 'select count(*)::int from performance_metrics'),
    };
    expect(counted).toEqual({
      blocks: [2190],
      people: [8],
      assignments: [10_950],
      runs: [1000],
      metrics: [1000],
    });
    const [smallest, largest] = await on('backtest', async (client) => {
      const { rows } = await client.query<{ least: number; most: number }>(
        'select min(length(config_snapshot::text)) as least, max(length(config_snapshot::text)) as most from backtest_runs',
      );
      return [rows[0]?.least ?? 0, rows[0]?.most ?? 0];
    });
    expect(smallest).toBeGreaterThan(900);
    expect(largest).toBeLessThan(5_200);
  });

  test('blocks cover three years of half-days around today', async () => {
    expect(
      await column(
        'residency',
        `select min(date) < current_date - 1000 and max(date) > current_date + 80
          and count(*) = 2 * count(distinct date) from blocks`,
      ),
    ).toEqual([true]);
  });

  test('everything was analysed but the table that autovacuum was told to leave alone', async () => {
    expect(
      await column(
        'residency',
        "select relname from pg_catalog.pg_stat_user_tables where schemaname = 'public' and last_analyze is null",
      ),
    ).toEqual(['email_logs']);
  });

  test('some indexes are bloated', async () => {
    const [density] = await column(
      'residency',
      "select avg_leaf_density from pgstatindex('idx_assignment_person_id')",
    );
    expect(density).toBeLessThan(65);
  });

  test('the role indexwarden is a member of pg_monitor, may read what the probes read, and nothing else', async () => {
    await on('residency', async (client) => {
      const { rows } = await client.query(
        `select array(select m.roleid::regrole::text from pg_catalog.pg_auth_members m where m.member = r.oid) as member_of,
          r.rolsuper or r.rolcreatedb or r.rolcreaterole or r.rolreplication or r.rolbypassrls as privileged
        from pg_catalog.pg_roles r where r.rolname = 'indexwarden'`,
      );
      expect(rows).toEqual([{ member_of: ['pg_monitor'], privileged: false }]);
    });
    await withConnection(databases.monitorUrl('residency'), async (client) => {
      await client.query('select from people limit 1');
      await expect(client.query('select from users')).rejects.toThrow('permission denied for table users');
      await expect(client.query('select from pg_catalog.pg_statistic')).rejects.toThrow('permission denied');
    });
  });

  test.each(['residency', 'backtest'] as const)(
    'the view in %s shows numbers and no data values',
    async (database) => {
      await withConnection(databases.monitorUrl(database), async (client) => {
        const columns = await client.query<{ name: string; type: string }>(
          `select attname as name, format_type(atttypid, atttypmod) as type from pg_catalog.pg_attribute
        where attrelid = (select c.oid from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
          where n.nspname = 'indexwarden' and c.relname = 'column_statistics')
        order by attnum`,
        );
        expect(columns.rows.map(({ name, type }) => `${name} ${type}`)).toEqual([
          'starelid oid',
          'staattnum smallint',
          'stanullfrac real',
          'stawidth integer',
          'stadistinct real',
          'most_common_freqs real[]',
        ]);
        const { rows } = await client.query<{ rows: number; columns: number; listed: number }>(
          `select count(*)::int as rows, count(distinct (starelid, staattnum))::int as columns,
          count(most_common_freqs)::int as listed from indexwarden.column_statistics`,
        );
        expect(rows[0]?.rows).toBe(rows[0]?.columns);
        expect(rows[0]?.listed).toBeGreaterThan(10);
      });
    },
  );

  test('a second build finds everything there and changes only the password', async () => {
    const again = await buildDemoDatabases({ server, scale });
    expect(again.created).toBe(false);
    expect(again.monitorUrl('residency')).not.toBe(databases.monitorUrl('residency'));
    databases = again;
  });

  test('a build that is cancelled can be done again', async () => {
    await withConnection(server.superuserUrl(), (client) =>
      client.query('drop database backtest with (force)'),
    );
    const controller = new AbortController();
    const building = buildDemoDatabases({
      server,
      scale,
      signal: controller.signal,
      progress: { step: () => controller.abort(new Error('changed my mind')), stop() {} },
    });
    await expect(building).rejects.toThrow('changed my mind');
    databases = await buildDemoDatabases({ server, scale });
    expect(databases.created).toBe(true);
    expect(await column('backtest', 'select count(*)::int from backtest_runs')).toEqual([1000]);
  });

  test('the workload uses some indexes, leaves others unused, fails at nothing and ends when told', async () => {
    const controller = new AbortController();
    const failures: string[] = [];
    const workload = await startWorkload({
      server,
      signal: controller.signal,
      log: (message) => failures.push(message),
      pauseMs: 1,
    });
    const used = async (database: DemoDatabase) =>
      column(
        database,
        "select indexrelname from pg_catalog.pg_stat_user_indexes where schemaname = 'public' and idx_scan > 0",
      );
    const residency = await used('residency');
    expect(residency).toEqual(
      expect.arrayContaining(['ix_notifications_created_at', 'ix_assignments_schedule_run_id']),
    );
    for (const unused of [
      'idx_people_type',
      'idx_blocks_block_number',
      'idx_absences_dates',
      'ix_clinic_sessions_date',
    ]) {
      expect(residency).not.toContain(unused);
    }
    expect(await used('backtest')).toEqual(
      expect.arrayContaining([
        'idx_backtest_runs_strategy_created_id',
        'idx_backtest_runs_config_gin',
        'idx_performance_metrics_run_id',
      ]),
    );
    controller.abort();
    await workload.finished;
    expect(failures).toEqual([]);
    expect(
      await column(
        'residency',
        "select application_name from pg_catalog.pg_stat_activity where application_name like 'indexwarden demo: b%'",
      ),
    ).toEqual([]);
  });
});

test('the scripts open with what they are, and are lower case', async () => {
  const scripts = [
    'residency',
    'residency-data',
    'residency-ageing',
    'backtest',
    'backtest-data',
    'data-functions',
    'role',
  ];
  for (const script of scripts) {
    const text = await readFile(new URL(`../../demo/${script}.sql`, import.meta.url), 'utf8');
    expect(text.startsWith('-- '), `${script} opens with what it is`).toBe(true);
    expect(text, `${script} is lower case`).not.toMatch(/\b(SELECT|CREATE TABLE|INSERT INTO)\b/);
  }
});

const keys = `select ic.relname from pg_catalog.pg_index i
  join pg_catalog.pg_class ic on ic.oid = i.indexrelid
  where i.indisprimary and ic.relnamespace = 'public'::regnamespace order by 1`;

/** Definitions of what is no primary key, without the parts that are the same everywhere. */
const otherIndexes = `select replace(replace(pg_get_indexdef(i.indexrelid), ' ON public.', ' on '), ' USING btree', '')
  from pg_catalog.pg_index i
  join pg_catalog.pg_class ic on ic.oid = i.indexrelid
  where not i.indisprimary and ic.relnamespace = 'public'::regnamespace`;

const failedIndex = 'CREATE UNIQUE INDEX uq_people_email on people (email)';

const residencyTables = [
  ...['blocks', 'assignments', 'people', 'rotation_templates', 'absences', 'call_assignments'],
  ...['swap_records', 'swap_approvals', 'faculty_preferences'],
  ...['resilience_health_checks', 'resilience_events', 'sacrifice_decisions', 'fallback_activations'],
  ...['vulnerability_records', 'feedback_loop_states', 'allostasis_records', 'positive_feedback_alerts'],
  ...['scheduling_zones', 'zone_faculty_assignments', 'zone_borrowing_records', 'zone_incidents'],
  ...['equilibrium_shifts', 'system_stress_records', 'compensation_records'],
  ...['cognitive_sessions', 'cognitive_decisions', 'preference_trails'],
  ...['trail_signals', 'faculty_centrality', 'hub_protection_plans', 'cross_training_recommendations'],
  ...['notifications', 'scheduled_notifications', 'notification_preferences', 'email_logs'],
  ...[
    'users',
    'schedule_runs',
    'idempotency',
    'token_blacklist',
    'clinic_sessions',
    'certifications',
    'feature_flags',
  ],
];

const residencyIndexes = [
  'CREATE INDEX idx_people_type on people (type)',
  'CREATE INDEX idx_blocks_date on blocks (date)',
  'CREATE INDEX idx_blocks_block_number on blocks (block_number)',
  'CREATE INDEX idx_assignments_block on assignments (block_id)',
  'CREATE INDEX idx_assignments_person on assignments (person_id)',
  'CREATE INDEX idx_absences_person on absences (person_id)',
  'CREATE INDEX idx_absences_dates on absences (start_date, end_date)',
  'CREATE INDEX idx_call_date on call_assignments (date)',
  'CREATE INDEX idx_call_person on call_assignments (person_id)',
  'CREATE INDEX idx_schedule_runs_date on schedule_runs (created_at)',
  'CREATE INDEX idx_block_date on blocks (date)',
  'CREATE INDEX idx_assignment_person_id on assignments (person_id)',
  'CREATE INDEX idx_assignment_block_id on assignments (block_id)',
  'CREATE INDEX idx_swap_source_faculty on swap_records (source_faculty_id)',
  'CREATE INDEX idx_swap_target_faculty on swap_records (target_faculty_id)',
  'CREATE UNIQUE INDEX ix_users_username on users (username)',
  'CREATE INDEX ix_assignments_schedule_run_id on assignments (schedule_run_id)',
  'CREATE INDEX ix_notifications_recipient_id on notifications (recipient_id)',
  'CREATE INDEX ix_notifications_notification_type on notifications (notification_type)',
  'CREATE INDEX ix_notifications_is_read on notifications (is_read)',
  'CREATE INDEX ix_notifications_created_at on notifications (created_at)',
  'CREATE INDEX ix_scheduled_notifications_recipient_id on scheduled_notifications (recipient_id)',
  'CREATE INDEX ix_scheduled_notifications_send_at on scheduled_notifications (send_at)',
  'CREATE INDEX ix_scheduled_notifications_status on scheduled_notifications (status)',
  'CREATE UNIQUE INDEX ix_notification_preferences_user_id on notification_preferences (user_id)',
  'CREATE INDEX ix_clinic_sessions_date on clinic_sessions (date)',
];

const backtestIndexes = [
  'CREATE INDEX idx_performance_metrics_run_id on performance_metrics (backtest_run_id)',
  'CREATE INDEX idx_backtest_runs_created_id on backtest_runs (created_at DESC, id DESC)',
  'CREATE INDEX idx_backtest_runs_strategy_created_id on backtest_runs (strategy_name, created_at DESC, id DESC)',
  'CREATE INDEX idx_backtest_runs_symbol_created_id on backtest_runs (instrument_symbol, created_at DESC, id DESC)',
  'CREATE INDEX idx_backtest_runs_config_gin on backtest_runs USING gin (config_snapshot jsonb_path_ops)',
  'CREATE INDEX idx_performance_metrics_sharpe on performance_metrics (sharpe_ratio DESC, backtest_run_id)',
  'CREATE INDEX idx_performance_metrics_return on performance_metrics (total_return DESC, backtest_run_id)',
  'CREATE INDEX idx_performance_metrics_drawdown on performance_metrics (max_drawdown, backtest_run_id)',
  'CREATE INDEX idx_backtest_runs_list_covering on backtest_runs (created_at DESC, id DESC) INCLUDE (strategy_name, instrument_symbol, status, duration_seconds)',
  "CREATE INDEX idx_backtest_runs_failed on backtest_runs (created_at DESC, id DESC) WHERE ((status)::text = 'failed'::text)",
];

/** The report's recommendations; the first nine are its "high-impact foreign keys". */
const recommendedIndexes: readonly (readonly [string, string])[] = [
  ['idx_assignments_rotation_template', 'assignments(rotation_template_id)'],
  ['idx_swap_approvals_swap_id', 'swap_approvals(swap_id)'],
  ['idx_swap_approvals_faculty_id', 'swap_approvals(faculty_id)'],
  ['idx_resilience_events_health_check_id', 'resilience_events(related_health_check_id)'],
  ['idx_sacrifice_decisions_event_id', 'sacrifice_decisions(related_event_id)'],
  ['idx_fallback_activations_event_id', 'fallback_activations(related_event_id)'],
  ['idx_vulnerability_records_health_check_id', 'vulnerability_records(related_health_check_id)'],
  ['idx_zone_faculty_assignments_zone_id', 'zone_faculty_assignments(zone_id)'],
  ['idx_zone_faculty_assignments_faculty_id', 'zone_faculty_assignments(faculty_id)'],
  ['idx_people_pgy_level', 'people(pgy_level)'],
  ['idx_people_faculty_role', 'people(faculty_role)'],
  ['idx_rotation_templates_rotation_type', 'rotation_templates(rotation_type)'],
  ['idx_schedule_runs_status', 'schedule_runs(status)'],
  ['idx_swap_records_status', 'swap_records(status)'],
  ['idx_resilience_health_checks_overall_status', 'resilience_health_checks(overall_status)'],
  ['idx_resilience_health_checks_defense_level', 'resilience_health_checks(defense_level)'],
  ['idx_resilience_events_event_type', 'resilience_events(event_type)'],
  ['idx_resilience_events_severity', 'resilience_events(severity)'],
  ['idx_allostasis_records_entity_id', 'allostasis_records(entity_id)'],
  ['idx_allostasis_records_allostasis_state', 'allostasis_records(allostasis_state)'],
  ['idx_resilience_health_checks_timestamp', 'resilience_health_checks(timestamp)'],
  ['idx_resilience_events_timestamp', 'resilience_events(timestamp)'],
  ['idx_swap_records_source_week', 'swap_records(source_week)'],
  ['idx_swap_records_target_week', 'swap_records(target_week)'],
  ['idx_cognitive_sessions_user_id', 'cognitive_sessions(user_id)'],
  ['idx_assignments_person_block', 'assignments(person_id, block_id)'],
  ['idx_swap_records_status_source_week', 'swap_records(status, source_week)'],
  ['idx_notifications_recipient_read', 'notifications(recipient_id, is_read)'],
];
