import type { DemoDatabase } from './databases.ts';

/** Keys to ask for, read once when the workload starts. A row that has gone since is simply not found. */
export interface Keys {
  readonly people: readonly string[];
  readonly users: readonly string[];
  readonly usernames: readonly string[];
  readonly assignments: readonly string[];
  readonly runs: readonly string[];
  readonly strategies: readonly string[];
}

/** What a statement's parameters are drawn from. */
export interface Draw {
  readonly keys: Keys;
  readonly now: Date;
  one(choices: readonly string[]): string;
  /** A whole number from 0 to below `limit`. */
  below(limit: number): number;
}

/** One query pattern or write of the two applications. */
export interface WorkloadStatement {
  readonly name: string;
  readonly database: DemoDatabase;
  readonly kind: 'read' | 'write';
  readonly sql: string;
  readonly parameters: (draw: Draw) => readonly unknown[];
  /** How often it runs in the first burst. */
  readonly burst: number;
  /** Its share of the background loop, relative to the others'. */
  readonly weight: number;
}

/**
 * The query patterns of the two specifications, and writes that leave every table about as large as it was, so that
 * the demo may run for days. What nobody asks for here stays unused: idx_people_type, idx_blocks_block_number,
 * idx_absences_dates, idx_call_date, idx_schedule_runs_date, ix_notifications_notification_type,
 * ix_clinic_sessions_date; idx_backtest_runs_symbol_created_id, idx_backtest_runs_failed and the indexes on return
 * and drawdown.
 */
export const workloadStatements: readonly WorkloadStatement[] = [
  {
    name: 'schedule view, 30 days',
    database: 'residency',
    kind: 'read',
    sql: `select b.date, b.time_of_day, p.name, rt.name as rotation, a.role
      from blocks b
      join assignments a on a.block_id = b.id
      join people p on p.id = a.person_id
      left join rotation_templates rt on rt.id = a.rotation_template_id
      where b.date between $1::date and $1::date + 29
      order by b.date, b.time_of_day, p.name`,
    parameters: ({ now, below }) => [daysBefore(now, below(900) - 60)],
    burst: 40,
    weight: 2,
  },
  {
    name: 'person assignment history',
    database: 'residency',
    kind: 'read',
    sql: `select b.date, b.time_of_day, a.role, a.rotation_template_id
      from assignments a
      join blocks b on b.id = a.block_id
      where a.person_id = $1
      order by b.date desc, b.time_of_day desc`,
    parameters: ({ keys, one }) => [one(keys.people)],
    burst: 120,
    weight: 4,
  },
  {
    name: 'pending swaps',
    database: 'residency',
    kind: 'read',
    sql: `select s.id, s.source_week, s.target_week, source.name as source, target.name as target, a.role, a.approved
      from swap_records s
      join people source on source.id = s.source_faculty_id
      join people target on target.id = s.target_faculty_id
      left join swap_approvals a on a.swap_id = s.id
      where s.status = 'pending'
      order by s.source_week
      limit 50`,
    parameters: () => [],
    burst: 60,
    weight: 2,
  },
  {
    name: 'swaps of one person',
    database: 'residency',
    kind: 'read',
    sql: `select id, status, source_week, target_week from swap_records where source_faculty_id = $1 or target_faculty_id = $1`,
    parameters: ({ keys, one }) => [one(keys.people)],
    burst: 60,
    weight: 1,
  },
  {
    name: 'resilience health timeline',
    database: 'residency',
    kind: 'read',
    sql: `select c.timestamp, c.overall_status, c.utilization_rate, e.event_type, e.severity
      from resilience_health_checks c
      left join resilience_events e on e.related_health_check_id = c.id
      where c.timestamp >= $1
      order by c.timestamp desc`,
    parameters: ({ now, below }) => [daysBefore(now, 1 + below(14))],
    burst: 60,
    weight: 2,
  },
  {
    name: 'faculty role filter',
    database: 'residency',
    kind: 'read',
    sql: `select id, name, email from people where faculty_role = $1 order by name`,
    parameters: ({ one }) => [one(['core', 'pd', 'apd', 'oic', 'sports_med'])],
    burst: 80,
    weight: 1,
  },
  {
    name: 'rotation template lookup',
    database: 'residency',
    kind: 'read',
    sql: `select id, name, max_residents from rotation_templates where rotation_type = $1 order by name`,
    parameters: ({ one }) => [one(['clinic', 'inpatient', 'procedures', 'elective'])],
    burst: 80,
    weight: 1,
  },
  {
    name: 'unread notifications',
    database: 'residency',
    kind: 'read',
    sql: `select id, subject, created_at from notifications
      where recipient_id = $1 and not is_read
      order by created_at desc
      limit 20`,
    parameters: ({ keys, one }) => [one(keys.users)],
    burst: 200,
    weight: 6,
  },
  {
    name: 'number of unread notifications',
    database: 'residency',
    kind: 'read',
    sql: `select count(*) from notifications where recipient_id = $1 and not is_read`,
    parameters: ({ keys, one }) => [one(keys.users)],
    burst: 150,
    weight: 5,
  },
  {
    name: 'log in',
    database: 'residency',
    kind: 'read',
    sql: `select u.id, u.role, np.enabled_channels from users u
      left join notification_preferences np on np.user_id = u.id
      where u.username = $1`,
    parameters: ({ keys, one }) => [one(keys.usernames)],
    burst: 100,
    weight: 3,
  },
  {
    name: 'notifications that are due',
    database: 'residency',
    kind: 'read',
    sql: `select id, recipient_id, data from scheduled_notifications
      where status = 'pending' and send_at < $1
      order by send_at
      limit 100`,
    parameters: ({ now }) => [now],
    burst: 60,
    weight: 2,
  },
  {
    name: 'call and absences of one person',
    database: 'residency',
    kind: 'read',
    sql: `select c.date, c.call_type, a.absence_type from call_assignments c
      left join absences a on a.person_id = c.person_id and c.date between a.start_date and a.end_date
      where c.person_id = $1`,
    parameters: ({ keys, one }) => [one(keys.people)],
    burst: 60,
    weight: 1,
  },
  {
    name: 'assignments of a schedule run',
    database: 'residency',
    kind: 'read',
    sql: `select count(*) from assignments
      where schedule_run_id = (select schedule_run_id from assignments where id = $1)`,
    parameters: ({ keys, one }) => [one(keys.assignments)],
    burst: 30,
    weight: 1,
  },
  {
    name: 'notify one, forget the oldest',
    database: 'residency',
    kind: 'write',
    sql: `with forgotten as (
        delete from notifications where id = (select id from notifications order by created_at limit 1)
      )
      insert into notifications (recipient_id, notification_type, subject, body, created_at)
      values ($1, 'assignment_changed', 'Assignment changed', 'Your assignment has changed.', now())`,
    parameters: ({ keys, one }) => [one(keys.users)],
    burst: 60,
    weight: 2,
  },
  {
    name: 'read a notification',
    database: 'residency',
    kind: 'write',
    sql: `update notifications set is_read = true, read_at = now()
      where id = (select id from notifications where recipient_id = $1 and not is_read order by created_at limit 1)`,
    parameters: ({ keys, one }) => [one(keys.users)],
    burst: 60,
    weight: 1,
  },
  {
    name: 'request a swap, forget the oldest',
    database: 'residency',
    kind: 'write',
    sql: `with forgotten as (
        delete from swap_records where id = (select id from swap_records order by requested_at limit 1)
      ), requested as (
        insert into swap_records (source_faculty_id, source_week, target_faculty_id, target_week, swap_type, status)
        values ($1, current_date + 28, $2, current_date + 35, 'one_to_one', 'pending')
        returning id, source_faculty_id, target_faculty_id
      )
      insert into swap_approvals (swap_id, faculty_id, role)
      select id, source_faculty_id, 'source' from requested
      union all
      select id, target_faculty_id, 'target' from requested`,
    parameters: ({ keys, one }) => [one(keys.people), one(keys.people)],
    burst: 40,
    weight: 1,
  },
  {
    name: 'decide on a swap',
    database: 'residency',
    kind: 'write',
    sql: `with decided as (
        update swap_records set status = 'approved'
        where id = (select id from swap_records where status = 'pending' order by requested_at limit 1)
        returning id
      )
      update swap_approvals a set approved = true, responded_at = now() from decided d where a.swap_id = d.id`,
    parameters: () => [],
    burst: 30,
    weight: 1,
  },
  {
    name: 'check health, forget the oldest check',
    database: 'residency',
    kind: 'write',
    sql: `with forgotten_event as (
        delete from resilience_events where id = (select id from resilience_events order by timestamp limit 1)
      ), forgotten as (
        delete from resilience_health_checks
        where id = (select id from resilience_health_checks order by timestamp limit 1)
      ), checked as (
        insert into resilience_health_checks
          (timestamp, overall_status, utilization_rate, utilization_level, defense_level)
        values (now(), 'healthy', 0.7, 'green', 'prevention')
        returning id
      )
      insert into resilience_events (timestamp, event_type, severity, related_health_check_id)
      select now(), 'health_check', 'minor', id from checked`,
    parameters: () => [],
    burst: 20,
    weight: 1,
  },
  {
    name: 'move an assignment',
    database: 'residency',
    kind: 'write',
    sql: `update assignments set person_id = $2, updated_at = now() where id = $1`,
    parameters: ({ keys, one }) => [one(keys.assignments), one(keys.people)],
    burst: 60,
    weight: 2,
  },
  {
    name: 'pattern 1: single record by id',
    database: 'backtest',
    kind: 'read',
    sql: `select br.*, pm.* from backtest_runs br
      left join performance_metrics pm on br.id = pm.backtest_run_id
      where br.id = $1`,
    parameters: ({ keys, one }) => [one(keys.runs)],
    burst: 200,
    weight: 4,
  },
  {
    name: 'pattern 2: recent backtests',
    database: 'backtest',
    kind: 'read',
    sql: `select br.id, br.created_at, br.strategy_name, br.instrument_symbol, br.status, br.duration_seconds,
        pm.total_return, pm.sharpe_ratio, pm.max_drawdown
      from backtest_runs br
      left join performance_metrics pm on br.id = pm.backtest_run_id
      order by br.created_at desc
      limit 20`,
    parameters: () => [],
    burst: 150,
    weight: 4,
  },
  {
    name: 'pattern 2, second page: cursor',
    database: 'backtest',
    kind: 'read',
    sql: `select br.* from backtest_runs br
      where (br.created_at, br.id) < ($1, '80000000-0000-0000-0000-000000000000')
      order by br.created_at desc, br.id desc
      limit 20`,
    parameters: ({ now, below }) => [daysBefore(now, below(700))],
    burst: 60,
    weight: 1,
  },
  {
    name: 'pattern 3: filter by strategy',
    database: 'backtest',
    kind: 'read',
    sql: `select br.*, pm.* from backtest_runs br
      left join performance_metrics pm on br.id = pm.backtest_run_id
      where br.strategy_name = $1
      order by br.created_at desc
      limit 20`,
    parameters: ({ keys, one }) => [one(keys.strategies)],
    burst: 120,
    weight: 3,
  },
  {
    name: 'pattern 4: sort by metrics',
    database: 'backtest',
    kind: 'read',
    sql: `select br.*, pm.* from backtest_runs br
      join performance_metrics pm on br.id = pm.backtest_run_id
      where br.strategy_name = $1
      order by pm.sharpe_ratio desc
      limit 10`,
    parameters: ({ keys, one }) => [one(keys.strategies)],
    burst: 60,
    weight: 2,
  },
  {
    name: 'pattern 5: comparison',
    database: 'backtest',
    kind: 'read',
    sql: `select br.*, pm.* from backtest_runs br
      left join performance_metrics pm on br.id = pm.backtest_run_id
      where br.id = any($1::uuid[])
      order by br.created_at desc`,
    parameters: ({ keys, one, below }) => [Array.from({ length: 2 + below(9) }, () => one(keys.runs))],
    burst: 80,
    weight: 2,
  },
  {
    name: 'pattern 6: date range',
    database: 'backtest',
    kind: 'read',
    sql: `select br.id, br.created_at, br.strategy_name, pm.total_return, pm.sharpe_ratio
      from backtest_runs br
      left join performance_metrics pm on br.id = pm.backtest_run_id
      where br.created_at between $1 and $2
      order by br.created_at desc
      limit 100`,
    parameters: ({ now, below }) => {
      const from = 1 + below(690);
      return [daysBefore(now, from), daysBefore(now, from - 1)];
    },
    burst: 80,
    weight: 2,
  },
  {
    name: 'pattern 7: parameter search',
    database: 'backtest',
    kind: 'read',
    sql: `select br.*, pm.* from backtest_runs br
      left join performance_metrics pm on br.id = pm.backtest_run_id
      where br.config_snapshot @> $1::jsonb
      order by br.created_at desc
      limit 20`,
    parameters: ({ below }) => [
      JSON.stringify({ fast_period: 5 * (1 + below(6)), slow_period: 10 * (1 + below(20)) }),
    ],
    burst: 60,
    weight: 2,
  },
  {
    name: 'record a backtest, forget the oldest',
    database: 'backtest',
    kind: 'write',
    sql: `with forgotten as (
        delete from backtest_runs where id = (select id from backtest_runs order by created_at limit 1)
      ), recorded as (
        insert into backtest_runs (completed_at, duration_seconds, status, strategy_name, strategy_type,
          instrument_symbol, date_range_start, date_range_end, initial_capital, data_source, config_snapshot)
        select now(), 12, 'success', $1, 'trend', 'AAPL', current_date - 1500, current_date - 1, 10000, 'yahoo',
          config_snapshot from backtest_runs where id = $2
        returning id
      )
      insert into performance_metrics (backtest_run_id, total_return, sharpe_ratio, max_drawdown, total_trades)
      select id, 0.12, $3::numeric, -0.1, 120 from recorded`,
    parameters: ({ keys, one, below }) => [one(keys.strategies), one(keys.runs), below(20_000) / 10_000],
    burst: 40,
    weight: 1,
  },
];

function daysBefore(now: Date, days: number): Date {
  return new Date(now.getTime() - days * 86_400_000);
}
