import { compare, figure, type Measure, type Question, workload } from './measure.ts';

/*
 * What is measured of the residency scheduler. "Before" has the 26 indexes that the report lists, "after" the 28 that it recommends as
 * well. Each index is given the query that it is made for.
 */

const day = (draw: { readonly now: Date }, back: number): Date =>
  new Date(draw.now.getTime() - back * 86_400_000);

/** The seven query types of the report's table, as the demo's workload runs them. */
const queryTypes: Readonly<Record<string, Question>> = {
  'schedule view': workload('schedule view, 30 days'),
  'person history': workload('person assignment history'),
  'pending swaps': workload('pending swaps'),
  'health timeline': workload('resilience health timeline'),
  'faculty role': workload('faculty role filter'),
  'rotation lookup': workload('rotation template lookup'),
  unread: workload('unread notifications'),
};

/** Queries that join by a foreign key, each for one of the nine indexes of priority 1. */
const joins: Readonly<Record<string, Question>> = {
  'join rotation template': {
    label: 'assignments of a template',
    sql: `select a.person_id, a.block_id, a.role from rotation_templates rt
      join assignments a on a.rotation_template_id = rt.id where rt.name = $1`,
    parameters: ({ one }) => [one(['Clinic A', 'Inpatient B', 'Elective C', 'Fmit D'])],
  },
  'join swap': {
    label: 'approvals of a swap',
    sql: `select s.status, a.role, a.approved from swap_records s join swap_approvals a on a.swap_id = s.id
      where s.id = md5('swap ' || $1::int)::uuid`,
    parameters: ({ below }) => [1 + below(300)],
  },
  'join approver': {
    label: 'approvals of one of the faculty',
    sql: `select p.name, a.swap_id, a.approved from people p join swap_approvals a on a.faculty_id = p.id where p.id = $1`,
    parameters: ({ keys, one }) => [one(keys.people)],
  },
  'join health check events': {
    label: 'events of a health check',
    sql: `select c.overall_status, e.event_type, e.severity from resilience_health_checks c
      join resilience_events e on e.related_health_check_id = c.id where c.id = md5('check ' || $1::int)::uuid`,
    parameters: ({ below }) => [1 + below(500)],
  },
  'join sacrifices': {
    label: 'decisions of an event',
    sql: `select e.timestamp, s.reason from resilience_events e join sacrifice_decisions s on s.related_event_id = e.id
      where e.id = md5('event ' || $1::int)::uuid`,
    parameters: ({ below }) => [1 + below(1000)],
  },
  'join fallbacks': {
    label: 'fallbacks of an event',
    sql: `select e.timestamp, f.scenario from resilience_events e join fallback_activations f on f.related_event_id = e.id
      where e.id = md5('event ' || $1::int)::uuid`,
    parameters: ({ below }) => [1 + below(1000)],
  },
  'join vulnerability': {
    label: 'analyses of a health check',
    sql: `select c.timestamp, v.n1_vulnerable from resilience_health_checks c
      join vulnerability_records v on v.related_health_check_id = c.id where c.id = md5('check ' || $1::int)::uuid`,
    parameters: ({ below }) => [1 + below(500)],
  },
  'join zone': {
    label: 'faculty of a zone',
    sql: `select z.name, a.faculty_id, a.role from scheduling_zones z join zone_faculty_assignments a on a.zone_id = z.id
      where z.name = $1`,
    parameters: ({ one }) => [one(['Inpatient', 'Outpatient', 'Education', 'Research'])],
  },
  'join zone faculty': {
    label: 'zones of one of the faculty',
    sql: `select p.name, a.zone_id, a.role from people p join zone_faculty_assignments a on a.faculty_id = p.id where p.id = $1`,
    parameters: ({ keys, one }) => [one(keys.people)],
  },
};

/** Queries that filter on one column, each for one of the eleven indexes of priority 2. */
const filters: Readonly<Record<string, Question>> = {
  'filter pgy level': {
    label: 'residents of a year',
    sql: 'select id, name, email from people where pgy_level = $1',
    parameters: ({ below }) => [1 + below(3)],
  },
  'filter faculty role': queryTypes['faculty role'] ?? workload('faculty role filter'),
  'filter rotation type': queryTypes['rotation lookup'] ?? workload('rotation template lookup'),
  'filter run status': {
    label: 'schedule runs by status',
    sql: 'select id, algorithm, runtime_seconds from schedule_runs where status = $1',
    parameters: ({ one }) => [one(['partial', 'failed'])],
  },
  'filter swap status': {
    label: 'swaps by status',
    sql: 'select id, source_week, target_week from swap_records where status = $1',
    parameters: ({ one }) => [one(['pending', 'rejected', 'cancelled'])],
  },
  'filter overall status': {
    label: 'health checks by outcome',
    sql: 'select id, timestamp, utilization_rate from resilience_health_checks where overall_status = $1',
    parameters: ({ one }) => [one(['degraded', 'critical'])],
  },
  'filter defense level': {
    label: 'health checks by level of defence',
    sql: 'select id, timestamp, utilization_rate from resilience_health_checks where defense_level = $1',
    parameters: () => ['containment'],
  },
  'filter event type': {
    label: 'events by type',
    sql: 'select id, timestamp, severity from resilience_events where event_type = $1',
    parameters: ({ one }) => [one(['crisis_started', 'load_shedding', 'recovery'])],
  },
  'filter severity': {
    label: 'events by severity',
    sql: 'select id, timestamp, event_type from resilience_events where severity = $1',
    parameters: ({ one }) => [one(['moderate', 'severe'])],
  },
  'filter entity': {
    label: 'load of one person',
    sql: 'select calculated_at, total_allostatic_load from allostasis_records where entity_id = $1 order by calculated_at',
    parameters: ({ keys, one }) => [one(keys.people)],
  },
  'filter allostasis state': {
    label: 'records by state',
    sql: 'select entity_id, calculated_at from allostasis_records where allostasis_state = $1',
    parameters: () => ['allostatic_load'],
  },
};

/** Ranges of time, and the one foreign key that stands among them: the five indexes of priority 3. */
const ranges: Readonly<Record<string, Question>> = {
  'range checks': {
    label: 'health checks of a week',
    sql: 'select timestamp, utilization_rate from resilience_health_checks where timestamp between $1 and $2 order by timestamp',
    parameters: (draw) => {
      const back = 7 + draw.below(1000);
      return [day(draw, back), day(draw, back - 7)];
    },
  },
  'range events': {
    label: 'events of a week',
    sql: 'select timestamp, event_type from resilience_events where timestamp between $1 and $2 order by timestamp',
    parameters: (draw) => {
      const back = 7 + draw.below(1000);
      return [day(draw, back), day(draw, back - 7)];
    },
  },
  'range source week': {
    label: 'swaps of four weeks given',
    sql: 'select id, status from swap_records where source_week between $1::date and $1::date + 27',
    parameters: (draw) => [day(draw, draw.below(900))],
  },
  'range target week': {
    label: 'swaps of four weeks taken',
    sql: 'select id, status from swap_records where target_week between $1::date and $1::date + 27',
    parameters: (draw) => [day(draw, draw.below(900))],
  },
  'sessions of a user': {
    label: 'cognitive sessions of a user',
    sql: 'select started_at, final_state from cognitive_sessions where user_id = $1 order by started_at',
    parameters: ({ keys, one }) => [one(keys.users)],
  },
};

/** Several columns: the three indexes of priority 4. */
const composites: Readonly<Record<string, Question>> = {
  'person and blocks': {
    label: 'four weeks of one person',
    sql: `select b.date, b.time_of_day, a.role from blocks b
      join assignments a on a.block_id = b.id and a.person_id = $1
      where b.date between $2::date and $2::date + 27`,
    parameters: (draw) => [draw.one(draw.keys.people), day(draw, draw.below(900))],
  },
  'pending by week': {
    label: 'pending swaps of four weeks',
    sql: `select id, source_faculty_id, source_week from swap_records
      where status = 'pending' and source_week between $1::date and $1::date + 27 order by source_week`,
    parameters: (draw) => [day(draw, draw.below(40) - 14)],
  },
  'number unread': workload('number of unread notifications'),
};

/** Writes of many rows at once, on tables that the report adds indexes to. */
const bulkWrites: Readonly<Record<string, Question>> = {
  'insert assignments': {
    label: 'insert assignments',
    isWrite: true,
    sql: `insert into assignments (block_id, person_id, rotation_template_id, schedule_run_id, role)
      select block_id, person_id, rotation_template_id, schedule_run_id, role from assignments order by id limit 1000`,
  },
  'update assignments': {
    label: 'update assignments',
    isWrite: true,
    sql: `update assignments set person_id = $1, updated_at = now()
      where id in (select id from assignments order by id limit 1000)`,
    parameters: ({ keys, one }) => [one(keys.people)],
  },
  'delete assignments': {
    label: 'delete assignments',
    isWrite: true,
    sql: 'delete from assignments where id in (select id from assignments order by id limit 1000)',
  },
  'insert swaps': {
    label: 'insert swaps',
    isWrite: true,
    sql: `insert into swap_records (source_faculty_id, source_week, target_faculty_id, target_week, swap_type, status)
      select source_faculty_id, source_week, target_faculty_id, target_week, swap_type, 'pending'
      from swap_records order by id limit 1000`,
  },
  'insert events': {
    label: 'insert events',
    isWrite: true,
    sql: `insert into resilience_events (timestamp, event_type, severity, related_health_check_id)
      select now(), event_type, severity, related_health_check_id from resilience_events order by id limit 1000`,
  },
  'insert notifications': {
    label: 'insert notifications',
    isWrite: true,
    sql: `insert into notifications (recipient_id, notification_type, subject, body, created_at)
      select recipient_id, notification_type, subject, body, now() from notifications order by id limit 1000`,
  },
};

/** Deletes of rows that others refer to: the foreign keys' indexes are what finds those. */
const parentDeletes: Readonly<Record<string, Question>> = {
  'delete health checks': {
    label: 'delete health checks',
    isWrite: true,
    sql: 'delete from resilience_health_checks where id in (select id from resilience_health_checks order by id limit 10)',
  },
  'delete swaps': {
    label: 'delete swaps',
    isWrite: true,
    sql: 'delete from swap_records where id in (select id from swap_records order by id limit 10)',
  },
};

/** Writes of one row, as the demo's workload makes them: some look rows up before, by an index or without. */
const singleWrites: Readonly<Record<string, Question>> = {
  'write notification': workload('notify one, forget the oldest'),
  'write read mark': workload('read a notification'),
  'write swap': workload('request a swap, forget the oldest'),
  'write decision': workload('decide on a swap'),
  'write health': workload('check health, forget the oldest check'),
  'write move': workload('move an assignment'),
};

const userTables = `c.relnamespace = 'public'::regnamespace and c.relkind = 'r'`;
const indexBytes = (condition: string): string =>
  `select coalesce(sum(pg_relation_size(i.indexrelid)), 0) / 1e6 as value
   from pg_index i join pg_class c on c.oid = i.indrelid where ${userTables} and ${condition}`;
const indexCount = (condition: string): string =>
  `select count(*) as value from pg_index i join pg_class c on c.oid = i.indrelid
   join pg_class x on x.oid = i.indexrelid where ${userTables} and ${condition}`;

/** Names that the report's text gives its three kinds of existing indexes. */
const byModels = `x.relname like 'ix\\_%'`;
const bySecondMigration = `x.relname in ('idx_block_date', 'idx_assignment_person_id', 'idx_assignment_block_id',
  'idx_swap_source_faculty', 'idx_swap_target_faculty')`;

const figures: Readonly<Record<string, Measure>> = {
  tables: figure('residency_before', {
    label: 'tables',
    unit: 'tables',
    sql: `select count(*) as value from pg_class c where ${userTables}`,
  }),
  'existing indexes': figure('residency_before', {
    label: 'indexes beside primary keys',
    unit: 'indexes',
    sql: indexCount('not i.indisprimary'),
  }),
  'existing in the first migration': figure('residency_before', {
    label: 'of the first migration',
    unit: 'indexes',
    sql: indexCount(`not i.indisprimary and not (${byModels}) and not (${bySecondMigration})`),
  }),
  copies: figure('residency_before', {
    label: 'exact copies of an older index',
    unit: 'indexes',
    sql: indexCount(`exists (select from pg_index o where o.indrelid = i.indrelid and o.indexrelid < i.indexrelid
      and (o.indkey, o.indclass, o.indcollation, o.indoption)::text = (i.indkey, i.indclass, i.indcollation, i.indoption)::text
      and o.indpred is null and i.indpred is null)`),
  }),
  'added indexes': {
    needs: ['residency_before', 'residency_after'],
    run: async (lab) => {
      const count = async (name: 'residency_before' | 'residency_after'): Promise<number> => {
        const { rows } = await lab
          .connection(name)
          .query<{ value: string }>(indexCount('not i.indisprimary'));
        return Number(rows[0]?.value);
      };
      const value = (await count('residency_after')) - (await count('residency_before'));
      return { kind: 'figure', label: 'indexes built from the manifest', unit: 'indexes', value };
    },
  },
  'blocks of a year': figure('residency_before', {
    label: 'half-days in 365 days',
    unit: 'rows',
    sql: 'select count(*) as value from blocks where date >= current_date - 400 and date < current_date - 35',
  }),
  'size before': figure('residency_before', {
    label: 'indexes beside primary keys',
    unit: 'MB',
    sql: indexBytes('not i.indisprimary'),
  }),
  'size after': figure('residency_after', {
    label: 'all beside primary keys',
    unit: 'MB',
    sql: indexBytes('not i.indisprimary'),
  }),
  'size added': {
    needs: ['residency_before', 'residency_after'],
    run: async (lab) => {
      const size = async (name: 'residency_before' | 'residency_after'): Promise<number> => {
        const { rows } = await lab.connection(name).query<{ value: string }>(indexBytes('true'));
        return Number(rows[0]?.value);
      };
      const value = (await size('residency_after')) - (await size('residency_before'));
      return { kind: 'figure', label: 'the 28 new ones', unit: 'MB', value };
    },
  },
};

/** The index, told to be used, against reading the whole of a small table. */
const small = (label: string, question: Question): Measure =>
  compare(
    'residency_after',
    'residency_before',
    { ...question, label, setting: 'enable_seqscan = off' },
    { ...question, label },
  );

const compared = (questions: Readonly<Record<string, Question>>): Readonly<Record<string, Measure>> =>
  Object.fromEntries(
    Object.entries(questions).map(([name, question]) => [
      name,
      compare('residency_before', 'residency_after', question),
    ]),
  );

/** By name; writes come last. */
export const residencyMeasures: Readonly<Record<string, Measure>> = {
  ...figures,
  ...compared({ ...queryTypes, ...joins, ...filters, ...ranges, ...composites }),
  'small people': small('80 people', filters['filter pgy level'] as Question),
  'small templates': small('40 templates', filters['filter rotation type'] as Question),
  'small runs': small('400 runs', filters['filter run status'] as Question),
  ...compared({ ...singleWrites, ...parentDeletes, ...bulkWrites }),
};

/** Groups that claims speak of as a whole. */
export const residencyGroups = {
  queryTypes: Object.keys(queryTypes),
  joins: Object.keys(joins),
  filters: Object.keys(filters),
  ranges: Object.keys(ranges),
  composites: Object.keys(composites),
  writes: [...Object.keys(bulkWrites), ...Object.keys(parentDeletes), ...Object.keys(singleWrites)],
  insertsAndUpdates: Object.keys(bulkWrites).filter((name) => !name.startsWith('delete')),
} as const;
