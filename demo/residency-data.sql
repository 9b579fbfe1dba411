-- Three years of a residency programme. Each "step" is one transaction; functions: data-functions.sql.
-- Rows are numbered, and a row's key is made of its table's name and its number, so that any row can name any other.

-- step: users and people
create function pg_temp.people() returns integer language sql stable as $$ select pg_temp.scaled(80) $$;
create function pg_temp.faculty() returns integer language sql stable as $$ select pg_temp.scaled(25) $$;
create function pg_temp.users() returns integer language sql stable as $$ select pg_temp.people() + 10 $$;
-- People come in this order: faculty first, then residents.
create function pg_temp.person(n bigint) returns uuid language sql immutable as $$ select pg_temp.id_of('person', n) $$;
create function pg_temp.user_key(n bigint) returns uuid language sql immutable as $$ select pg_temp.id_of('user', n) $$;
create function pg_temp.any_person(what text, n bigint) returns uuid language sql stable as $$
  select pg_temp.person(pg_temp.roll(what, n, pg_temp.people()))
$$;
create function pg_temp.any_faculty(what text, n bigint) returns uuid language sql stable as $$
  select pg_temp.person(pg_temp.roll(what, n, pg_temp.faculty()))
$$;
create function pg_temp.any_user(what text, n bigint) returns uuid language sql stable as $$
  select pg_temp.user_key(pg_temp.roll(what, n, pg_temp.users()))
$$;
create function pg_temp.full_name(n bigint) returns text language sql immutable as $$
  select pg_temp.pick('given name', n, 'Amara', 'Ben', 'Carla', 'Daniel', 'Elif', 'Farid', 'Grace', 'Hanna', 'Ivan',
      'Jun', 'Keisha', 'Liam', 'Maya', 'Noor', 'Olivia', 'Priya', 'Quentin', 'Rosa', 'Sven', 'Tomás')
    || ' ' || pg_temp.pick('family name', n, 'Abbott', 'Baker', 'Chen', 'Diaz', 'Evans', 'Fischer', 'Garcia', 'Haddad',
      'Ito', 'Jensen', 'Kowalski', 'Lopez', 'Murphy', 'Nguyen', 'Okafor', 'Patel', 'Quinn', 'Rossi', 'Silva', 'Tanaka')
$$;

insert into users (id, username, email, hashed_password, role, last_login, created_at)
select pg_temp.user_key(n), lower(replace(pg_temp.full_name(n), ' ', '.')) || n, 'user' || n || '@example.org',
  '$2b$12$' || md5('password ' || n), case when n > pg_temp.people() then 'coordinator' when n <= pg_temp.faculty()
  then 'faculty' else 'resident' end, pg_temp.moment(n, pg_temp.users(), 14), now() - interval '3 years'
from generate_series(1, pg_temp.users()) n;

-- The last one came back after a break, and the address was entered a second time: no unique index on it can be built.
insert into people (id, name, type, email, pgy_level, faculty_role, performs_procedures, specialties, primary_duty,
  target_clinical_blocks, created_at)
select pg_temp.person(n), pg_temp.full_name(n), case when resident then 'resident' else 'faculty' end,
  'person' || case when n = pg_temp.people() then 1 else n end || '@example.org',
  case when resident then 1 + n % 3 end,
  case when not resident then pg_temp.pick('faculty role', n, 'core', 'core', 'core', 'pd', 'apd', 'oic', 'sports_med') end,
  pg_temp.dice('procedures', n) < 0.3, array[pg_temp.pick('specialty', n, 'family', 'sports', 'obstetrics')],
  pg_temp.pick('duty', n, 'clinic', 'inpatient', 'teaching'), 20 + pg_temp.roll('target', n, 28),
  now() - interval '3 years'
from generate_series(1, pg_temp.people()) n, lateral (select n > pg_temp.faculty()) r (resident);

-- step: templates, blocks and schedule runs
insert into rotation_templates (id, name, rotation_type, abbreviation, clinic_location, max_residents, created_at)
select pg_temp.id_of('template', n), initcap(kind) || ' ' || chr(64 + 1 + n / 8), kind, upper(left(kind, 3)) || n,
  case when kind = 'clinic' then 'Building ' || n % 4 end, 2 + n % 6, now() - interval '3 years'
from generate_series(1, 40) n,
  lateral (select (array['clinic', 'inpatient', 'procedures', 'conference', 'elective', 'night float', 'fmit', 'admin'])[1 + n % 8]) k (kind);

-- Two half-days a day, 730 a year, from two years and nine months ago to three months ahead; 28-day numbered blocks.
insert into blocks (id, date, time_of_day, block_number, is_weekend, is_holiday, holiday_name)
select pg_temp.id_of('block', n), day, case when n % 2 = 1 then 'AM' else 'PM' end, 1 + ((n - 1) / 56) % 13,
  extract(isodow from day) > 5, to_char(day, 'MM-DD') in ('01-01', '07-04', '12-25'),
  case to_char(day, 'MM-DD') when '01-01' then 'New Year' when '07-04' then 'Independence Day' when '12-25' then 'Christmas' end
from generate_series(1, 2190) n, lateral (select current_date - 1004 + (n - 1) / 2) d (day);

insert into schedule_runs (id, start_date, end_date, algorithm, status, total_blocks_assigned, acgme_violations,
  runtime_seconds, config, requested_by_id, created_at)
select pg_temp.id_of('run', n), current_date - 1004 + (n - 1) * 1095 / pg_temp.scaled(400), current_date - 977 + (n - 1) * 1095 / pg_temp.scaled(400),
  pg_temp.pick('algorithm', n, 'greedy', 'cp_sat', 'cp_sat', 'hybrid'),
  pg_temp.pick('run status', n, 'success', 'success', 'success', 'success', 'partial', 'failed'),
  1000 + pg_temp.roll('assigned', n, 800), floor(4 * pg_temp.dice('violations', n) ^ 3)::integer,
  round((5 + 300 * pg_temp.dice('runtime', n))::numeric, 2), jsonb_build_object('seed', n, 'time_limit', 300),
  pg_temp.any_user('run by', n), pg_temp.moment(n, pg_temp.scaled(400), 1040)
from generate_series(1, pg_temp.scaled(400)) n;

-- step: assignments
-- Fifty people in each half-day, the others off; a person keeps a rotation for a 28-day block.
insert into assignments (id, block_id, person_id, rotation_template_id, schedule_run_id, role, confidence, notes,
  created_by, created_at, updated_at)
select pg_temp.id_of('assignment', block::bigint * 100000 + slot), pg_temp.id_of('block', block), pg_temp.person(person),
  case when pg_temp.dice('no template', block * 1000 + slot) >= 0.02
    then pg_temp.id_of('template', pg_temp.roll('rotation ' || person, block / 56, 40)) end,
  pg_temp.id_of('run', 1 + (block - 1)::bigint * pg_temp.scaled(400) / 2190),
  case when person > pg_temp.faculty() then 'primary' when slot % 9 = 0 then 'backup' else 'supervising' end,
  round((0.7 + 0.3 * pg_temp.dice('confidence', block * 1000 + slot))::numeric, 3),
  case when slot % 40 = 0 then 'Moved by hand after the schedule was published' end, 'scheduler', planned, planned
from generate_series(1, 2190) block, generate_series(1, pg_temp.scaled(50)) slot,
  lateral (select 1 + (block * 7 + slot) % pg_temp.people(), now() - make_interval(days => 1049 - block / 2)) p (person, planned);

-- step: absences and call
insert into absences (id, person_id, start_date, end_date, absence_type, deployment_orders, is_blocking, created_at)
select pg_temp.id_of('absence', n), pg_temp.any_person('absent', n), day, day + pg_temp.roll('length', n, 14),
  kind, kind = 'deployment', kind <> 'conference', day - interval '60 days'
from generate_series(1, pg_temp.scaled(1500)) n,
  lateral (select current_date - 1004 + pg_temp.roll('absence day', n, 1090),
    pg_temp.pick('absence', n, 'vacation', 'vacation', 'vacation', 'sick', 'conference', 'tdy', 'deployment')) a (day, kind);

insert into call_assignments (id, date, person_id, call_type, is_weekend, is_holiday, created_at)
select pg_temp.id_of('call', n), day, pg_temp.any_person('on call', n), case n % 2 when 0 then 'overnight' else 'backup' end,
  extract(isodow from day) > 5, to_char(day, 'MM-DD') = '12-25', day - interval '45 days'
from generate_series(1, pg_temp.scaled(2190)) n,
  lateral (select current_date - 1004 + n * 1095 / pg_temp.scaled(2190)) d (day);

-- step: swaps and approvals
insert into swap_records (id, source_faculty_id, source_week, target_faculty_id, target_week, swap_type, status, reason,
  requested_by_id, requested_at, executed_at)
select pg_temp.id_of('swap', n), pg_temp.any_faculty('source', n), week, pg_temp.any_faculty('target', n),
  case when n % 4 > 0 then week + 7 * pg_temp.roll('weeks apart', n, 8) end,
  case when n % 4 > 0 then 'one_to_one' else 'absorb' end, status,
  pg_temp.pick('reason', n, 'family', 'conference', 'deployment', 'coverage'), pg_temp.any_user('swap by', n), asked,
  case when status = 'executed' then asked + interval '3 days' end
from generate_series(1, pg_temp.scaled(8000)) n,
  lateral (select pg_temp.moment(n, pg_temp.scaled(8000), 1000)) m (asked),
  lateral (select date_trunc('week', asked)::date + 28,
    case when n > pg_temp.scaled(8000) * 0.96 then 'pending'
      else pg_temp.pick('swap status', n, 'executed', 'executed', 'executed', 'approved', 'rejected', 'cancelled') end) s (week, status);

insert into swap_approvals (id, swap_id, faculty_id, role, approved, responded_at, created_at)
select pg_temp.id_of('approval', s.n * 2 + side), s.id, case side when 0 then s.source_faculty_id else s.target_faculty_id end,
  case side when 0 then 'source' else 'target' end,
  case when s.status = 'pending' then null else s.status <> 'rejected' end,
  case when s.status <> 'pending' then s.requested_at + interval '1 day' end, s.requested_at
from (select *, row_number() over (order by requested_at, id) as n from swap_records) s, generate_series(0, 1) side;

insert into faculty_preferences (id, faculty_id, preferred_weeks, blocked_weeks, max_weeks_per_month)
select pg_temp.id_of('preference', n), pg_temp.person(n), array[current_date + n::integer], array[current_date + 30 + n::integer], 1 + n % 2
from generate_series(1, pg_temp.faculty()) n;

-- step: health checks
-- A check each 75 minutes.
insert into resilience_health_checks (id, timestamp, overall_status, utilization_rate, utilization_level, buffer_remaining,
  defense_level, load_shedding_level, n1_pass, n2_pass, crisis_mode, metrics_snapshot)
select pg_temp.id_of('check', n), pg_temp.moment(n, pg_temp.scaled(20000), 1040),
  case when load < 0.8 then 'healthy' when load < 0.9 then 'warning' when load < 0.97 then 'degraded' else 'critical' end,
  round(load::numeric, 4), case when load < 0.8 then 'green' when load < 0.9 then 'yellow' else 'red' end,
  round((1 - load)::numeric, 4), case when load < 0.8 then 'prevention' when load < 0.95 then 'control' else 'containment' end,
  case when load < 0.9 then 'normal' else 'yellow' end, load < 0.9, load < 0.8, load > 0.99,
  jsonb_build_object('utilization', round(load::numeric, 4), 'faculty', pg_temp.faculty(), 'samples', n % 97)
from generate_series(1, pg_temp.scaled(20000)) n,
  lateral (select 0.45 + 0.35 * pg_temp.dice('load', n) + 0.2 * pg_temp.dice('peak', n) ^ 3) l (load);

-- step: resilience events
insert into resilience_events (id, timestamp, event_type, severity, reason, triggered_by, previous_state, new_state,
  related_health_check_id)
select pg_temp.id_of('event', n), pg_temp.moment(n, pg_temp.scaled(40000), 1040),
  pg_temp.pick('event type', n, 'health_check', 'health_check', 'threshold_exceeded', 'defense_activated', 'load_shedding',
    'fallback_activated', 'recovery', 'crisis_started', 'crisis_ended'),
  pg_temp.pick('severity', n, 'minor', 'minor', 'minor', 'moderate', 'severe'), 'Utilization passed a threshold',
  pg_temp.pick('trigger', n, 'system', 'system', 'coordinator'), jsonb_build_object('level', n % 4),
  jsonb_build_object('level', (n + 1) % 4),
  case when n % 3 > 0 then pg_temp.id_of('check', 1 + (n - 1)::bigint * pg_temp.scaled(20000) / pg_temp.scaled(40000)) end
from generate_series(1, pg_temp.scaled(40000)) n;

-- step: resilience records
insert into sacrifice_decisions (id, timestamp, from_level, to_level, reason, activities_suspended, approved_by_id, related_event_id)
select pg_temp.id_of('sacrifice', n), pg_temp.moment(n, pg_temp.scaled(2000), 1000), 'normal', 'yellow', 'Too few faculty',
  array['conference', 'admin'], pg_temp.any_user('approved by', n), pg_temp.id_of('event', pg_temp.roll('sacrifice of', n, pg_temp.scaled(40000)))
from generate_series(1, pg_temp.scaled(2000)) n;

insert into fallback_activations (id, activated_at, deactivated_at, scenario, assignments_count, coverage_rate,
  services_reduced, activated_by_id, related_event_id)
select pg_temp.id_of('fallback', n), at, at + interval '2 days', pg_temp.pick('scenario', n, 'pandemic', 'mass_absence', 'pcs_season'),
  200 + pg_temp.roll('covered', n, 300), round((0.7 + 0.3 * pg_temp.dice('coverage', n))::numeric, 4), array['elective'],
  pg_temp.any_user('activated by', n), pg_temp.id_of('event', pg_temp.roll('fallback of', n, pg_temp.scaled(40000)))
from generate_series(1, pg_temp.scaled(1200)) n, lateral (select pg_temp.moment(n, pg_temp.scaled(1200), 1000)) m (at);

insert into vulnerability_records (id, analyzed_at, period_start, period_end, faculty_count, n1_vulnerable, n2_vulnerable,
  most_critical_faculty_id, fatal_pairs, related_health_check_id)
select pg_temp.id_of('vulnerability', n), at, at::date, at::date + 30, pg_temp.faculty(), n % 9 = 0, n % 4 = 0,
  pg_temp.any_faculty('critical', n), jsonb_build_array(n % 7, n % 11),
  pg_temp.id_of('check', pg_temp.roll('vulnerability of', n, pg_temp.scaled(20000)))
from generate_series(1, pg_temp.scaled(6000)) n, lateral (select pg_temp.moment(n, pg_temp.scaled(6000), 1000)) m (at);

insert into feedback_loop_states (id, timestamp, loop_name, setpoint_name, target_value, current_value, deviation,
  deviation_severity, consecutive_deviations, correction_triggered)
select pg_temp.id_of('loop', n), pg_temp.moment(n, pg_temp.scaled(3000), 700), pg_temp.pick('loop', n, 'coverage', 'workload', 'utilization'),
  'target', 0.8, round((0.7 + 0.2 * pg_temp.dice('value', n))::numeric, 4), 0.05, 'minor', n % 4, n % 4 = 3
from generate_series(1, pg_temp.scaled(3000)) n;

insert into allostasis_records (id, entity_id, entity_type, calculated_at, consecutive_weekend_calls, nights_past_month,
  acute_stress_score, chronic_stress_score, total_allostatic_load, allostasis_state, risk_level)
select pg_temp.id_of('allostasis', n), pg_temp.person(1 + n % pg_temp.people()), 'person', pg_temp.moment(n, pg_temp.scaled(12000), 1000),
  n % 4, n % 9, round((60 * load)::numeric, 3), round((40 * load)::numeric, 3), round((100 * load)::numeric, 3),
  case when load < 0.5 then 'homeostasis' when load < 0.8 then 'allostasis' else 'allostatic_load' end,
  case when load < 0.6 then 'low' when load < 0.85 then 'moderate' else 'high' end
from generate_series(1, pg_temp.scaled(12000)) n, lateral (select pg_temp.dice('allostasis', n)) l (load);

insert into positive_feedback_alerts (id, detected_at, loop_name, description, trigger, confidence, severity, resolved_at)
select pg_temp.id_of('alert', n), at, 'burnout cascade', 'Absences cause overtime, which causes absences', 'absence', 0.8,
  pg_temp.pick('alert', n, 'minor', 'moderate'), at + interval '9 days'
from generate_series(1, pg_temp.scaled(300)) n, lateral (select pg_temp.moment(n, pg_temp.scaled(300), 900)) m (at);

-- step: zones, equilibrium and stress
insert into scheduling_zones (id, name, zone_type, minimum_coverage, optimal_coverage, status)
select pg_temp.id_of('zone', n), (array['Inpatient', 'Outpatient', 'Education', 'Research', 'Admin', 'Procedures'])[n],
  'service', 1 + n % 3, 2 + n % 4, case when n = 3 then 'yellow' else 'green' end
from generate_series(1, 6) n;

insert into zone_faculty_assignments (id, zone_id, faculty_id, role, assigned_at)
select pg_temp.id_of('zone faculty', n), pg_temp.id_of('zone', 1 + n % 6), pg_temp.person(1 + n % pg_temp.faculty()),
  pg_temp.pick('zone role', n, 'primary', 'secondary', 'backup'), pg_temp.moment(n, pg_temp.scaled(1500), 900)
from generate_series(1, pg_temp.scaled(1500)) n;

insert into zone_borrowing_records (id, requesting_zone_id, lending_zone_id, faculty_id, priority, status, reason, requested_at)
select pg_temp.id_of('borrowing', n), pg_temp.id_of('zone', 1 + n % 6), pg_temp.id_of('zone', 1 + (n + 1) % 6),
  pg_temp.any_faculty('borrowed', n), pg_temp.pick('priority', n, 'low', 'high'), 'completed', 'coverage', pg_temp.moment(n, pg_temp.scaled(400), 900)
from generate_series(1, pg_temp.scaled(400)) n;

insert into zone_incidents (id, zone_id, incident_type, severity, description, faculty_affected, started_at)
select pg_temp.id_of('incident', n), pg_temp.id_of('zone', 1 + n % 6), pg_temp.pick('incident', n, 'faculty_loss', 'demand_surge'),
  'minor', 'Coverage fell below the minimum', n % 4, pg_temp.moment(n, pg_temp.scaled(250), 900)
from generate_series(1, pg_temp.scaled(250)) n;

insert into equilibrium_shifts (id, calculated_at, original_capacity, original_demand, stress_types, new_capacity,
  new_coverage_rate, equilibrium_state)
select pg_temp.id_of('shift', n), pg_temp.moment(n, pg_temp.scaled(300), 900), 100, 90, array['absence'], 92 + n % 5, 0.95, 'stressed'
from generate_series(1, pg_temp.scaled(300)) n;

insert into system_stress_records (id, stress_type, description, magnitude, duration_days, capacity_impact, applied_at)
select pg_temp.id_of('stress', n), pg_temp.pick('stress', n, 'faculty_loss', 'demand_surge', 'quality_pressure'),
  'Seen in the daily review', 0.3, 1 + n % 30, -0.1, pg_temp.moment(n, pg_temp.scaled(500), 900)
from generate_series(1, pg_temp.scaled(500)) n;

insert into compensation_records (id, stress_id, compensation_type, compensation_magnitude, effectiveness, immediate_cost, initiated_at)
select pg_temp.id_of('compensation', n), pg_temp.id_of('stress', pg_temp.roll('compensates', n, pg_temp.scaled(500))),
  pg_temp.pick('compensation', n, 'overtime', 'cross_coverage', 'deferred_leave'), 0.2, 0.6, 100 + n % 900, pg_temp.moment(n, pg_temp.scaled(1500), 900)
from generate_series(1, pg_temp.scaled(1500)) n;

-- step: cognitive load and preference trails
insert into cognitive_sessions (id, user_id, started_at, ended_at, total_cognitive_cost, decisions_count, final_state)
select pg_temp.id_of('session', n), pg_temp.any_user('session of', n), at, at + interval '2 hours', 3 + n % 5, n % 9,
  pg_temp.pick('cognitive state', n, 'fresh', 'engaged', 'fatigued')
from generate_series(1, pg_temp.scaled(5000)) n, lateral (select pg_temp.moment(n, pg_temp.scaled(5000), 700)) m (at);

insert into cognitive_decisions (id, session_id, category, complexity, description, options, outcome,
  estimated_cognitive_cost, created_at, decided_at)
select pg_temp.id_of('decision', n), pg_temp.id_of('session', pg_temp.roll('decided in', n, pg_temp.scaled(5000))),
  pg_temp.pick('category', n, 'assignment', 'swap', 'absence', 'override'), pg_temp.pick('complexity', n, 'simple', 'moderate', 'complex'),
  'Which of two people covers the clinic?', jsonb_build_array('first', 'second'), 'decided', 0.5 + n % 3, at, at + interval '4 minutes'
from generate_series(1, pg_temp.scaled(15000)) n, lateral (select pg_temp.moment(n, pg_temp.scaled(15000), 700)) m (at);

insert into preference_trails (id, faculty_id, trail_type, slot_type, block_type, strength, peak_strength, evaporation_rate,
  reinforcement_count, created_at)
select pg_temp.id_of('trail', n), pg_temp.any_faculty('trail of', n), pg_temp.pick('trail', n, 'preference', 'avoidance', 'swap_affinity'),
  pg_temp.pick('slot', n, 'monday_am', 'friday_pm', 'weekend'), 'clinic', 0.5, 0.9, 0.1, n % 12, pg_temp.moment(n, pg_temp.scaled(2500), 900)
from generate_series(1, pg_temp.scaled(2500)) n;

insert into trail_signals (id, trail_id, signal_type, strength_change, strength_before, strength_after, recorded_at)
select pg_temp.id_of('signal', n), pg_temp.id_of('trail', pg_temp.roll('signal of', n, pg_temp.scaled(2500))),
  pg_temp.pick('signal', n, 'explicit', 'accepted_assignment', 'requested_swap'), 0.1, 0.4, 0.5, pg_temp.moment(n, pg_temp.scaled(12000), 900)
from generate_series(1, pg_temp.scaled(12000)) n;

insert into faculty_centrality (id, faculty_id, calculated_at, degree_centrality, betweenness_centrality, pagerank,
  composite_score, unique_services_covered, risk_level, is_hub)
select pg_temp.id_of('centrality', n), pg_temp.person(1 + n % pg_temp.faculty()), pg_temp.moment(n, pg_temp.scaled(1300), 900),
  0.3, 0.2, 0.05, round((0.2 + 0.6 * pg_temp.dice('score', n))::numeric, 4), n % 6, pg_temp.pick('hub risk', n, 'low', 'high'), n % 12 = 0
from generate_series(1, pg_temp.scaled(1300)) n;

insert into hub_protection_plans (id, hub_faculty_id, period_start, period_end, reason, workload_reduction, status, created_by_id)
select pg_temp.id_of('plan', n), pg_temp.any_faculty('hub', n), current_date - 7 * n::integer, current_date - 7 * n::integer + 28,
  'Covers a service alone', 0.2, pg_temp.pick('plan', n, 'active', 'completed'), pg_temp.any_user('plan by', n)
from generate_series(1, pg_temp.scaled(40)) n;

insert into cross_training_recommendations (id, skill, priority, reason, current_holders, recommended_trainee_id,
  estimated_training_hours, status, created_at)
select pg_temp.id_of('training', n), pg_temp.pick('skill', n, 'colposcopy', 'vasectomy', 'ultrasound', 'fmit'), 'medium', 'Held by one person', 1,
  pg_temp.any_faculty('trainee', n), 8 + n % 24, 'pending', pg_temp.moment(n, pg_temp.scaled(120), 600)
from generate_series(1, pg_temp.scaled(120)) n;

-- step: notifications
insert into notifications (id, recipient_id, notification_type, subject, body, data, priority, channels_delivered, is_read,
  read_at, created_at)
select pg_temp.id_of('notification', n), pg_temp.any_user('notified', n), kind, initcap(replace(kind, '_', ' ')),
  'Your schedule for the week of ' || at::date || ' has changed. Open the calendar to see what is new.',
  jsonb_build_object('week', at::date, 'number', n), pg_temp.pick('priority', n, 'normal', 'normal', 'high'), 'in_app,email',
  read, case when read then at + interval '5 hours' end, at
from generate_series(1, pg_temp.scaled(60000)) n, lateral (select pg_temp.moment(n, pg_temp.scaled(60000), 1040),
  pg_temp.pick('notification', n, 'schedule_published', 'swap_requested', 'swap_approved', 'assignment_changed', 'absence_recorded',
    'certification_expiring'), pg_temp.dice('read', n) < 0.62) m (at, kind, read);

insert into notification_preferences (id, user_id, notification_types, quiet_hours_start, quiet_hours_end)
select pg_temp.id_of('notification preference', n), pg_temp.user_key(n), '{"swap_requested": true}', 22, 6
from generate_series(1, pg_temp.users()) n;

-- step: queue and mail
insert into scheduled_notifications (id, recipient_id, notification_type, data, send_at, sent_at, status, created_at)
select pg_temp.id_of('scheduled', n), pg_temp.any_user('scheduled for', n), 'shift_reminder', jsonb_build_object('number', n), at,
  case when sent then at end, case when sent then 'sent' else 'pending' end, at - interval '7 days'
from generate_series(1, pg_temp.scaled(30000)) n,
  lateral (select pg_temp.moment(n, pg_temp.scaled(30000), 1040) + interval '10 days') m (at), lateral (select at < now()) s (sent);

-- Written by an import that switched autovacuum off for its time and never switched it on again.
alter table email_logs set (autovacuum_enabled = false);
insert into email_logs (id, notification_id, recipient_email, subject, status, provider_message_id, created_at, sent_at)
select pg_temp.id_of('mail', n), pg_temp.id_of('notification', n), 'user' || pg_temp.roll('notified', n, pg_temp.users()) || '@example.org',
  'Your schedule has changed', pg_temp.pick('mail status', n, 'sent', 'sent', 'sent', 'sent', 'failed'), md5('mail ' || n), at, at
from generate_series(1, pg_temp.scaled(25000)) n, lateral (select pg_temp.moment(n, pg_temp.scaled(25000), 1040)) m (at);

-- step: administration
insert into idempotency (id, key, body_hash, status, response, created_at, expires_at)
select pg_temp.id_of('idempotency', n), 'request-' || n, md5('body ' || n), 'completed', '{"status": 200}', at, at + interval '1 day'
from generate_series(1, pg_temp.scaled(8000)) n, lateral (select pg_temp.moment(n, pg_temp.scaled(8000), 60)) m (at);

insert into token_blacklist (id, jti, token_type, user_id, blacklisted_at, expires_at, reason)
select pg_temp.id_of('token', n), md5('jti ' || n), pg_temp.pick('token', n, 'access', 'refresh'), pg_temp.any_user('logged out', n), at,
  at + interval '1 day', 'logout'
from generate_series(1, pg_temp.scaled(10000)) n, lateral (select pg_temp.moment(n, pg_temp.scaled(10000), 90)) m (at);

insert into clinic_sessions (id, date, session_type, clinic_type, physician_count, screener_count, staffing_ratio, status)
select pg_temp.id_of('clinic', n), current_date - 1004 + (n / 4)::integer, case n % 2 when 0 then 'AM' else 'PM' end,
  pg_temp.pick('clinic', n, 'family', 'sports', 'procedures'), 2 + n % 5, 1 + n % 3, 1.5, 'completed'
from generate_series(1, least(pg_temp.scaled(4000), 4300)) n;

insert into certifications (id, person_id, name, certification_number, issued_on, expires_on, status, verified_by_id)
select pg_temp.id_of('certification', n), pg_temp.any_person('certified', n), pg_temp.pick('certificate', n, 'BLS', 'ACLS', 'PALS', 'NRP'),
  'C-' || n, day, day + 730, case when day + 730 > current_date then 'current' else 'expired' end, pg_temp.any_user('verified by', n)
from generate_series(1, pg_temp.scaled(500)) n, lateral (select current_date - pg_temp.roll('issued', n, 1000)) d (day);

insert into feature_flags (id, key, description, enabled, rollout_percentage, target_roles, created_by_id)
select pg_temp.id_of('flag', n), 'feature_' || n, 'Shown to some of the coordinators first', n % 3 = 0, 100 / n, array['coordinator'], pg_temp.user_key(n)
from generate_series(1, 12) n;
