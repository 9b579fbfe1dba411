-- Residency Scheduler: who works where in each half-day of a training programme, and how well the schedule holds.
-- 42 tables in the seven groups of the index report, and exactly the 26 indexes that it lists beside the primary keys:
-- ten of the first migration, five of the second (three of them copies), eleven of the models (index=True).
-- Nothing else is unique or indexed; the 28 indexes that the report recommends are missing here on purpose.

-- Admin: what the others refer to --------------------------------------------------------------------------------

create table users (
  id uuid primary key default gen_random_uuid(),
  username varchar(100) not null,
  email varchar(255) not null,
  hashed_password varchar(255) not null,
  role varchar(50) not null,
  is_active boolean not null default true,
  last_login timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

-- Core scheduling ------------------------------------------------------------------------------------------------

create table people (
  id uuid primary key default gen_random_uuid(),
  name varchar(255) not null,
  type varchar(50) not null check (type in ('resident', 'faculty')),
  email varchar(255),
  pgy_level integer check (pgy_level between 1 and 3),
  faculty_role varchar(50),
  performs_procedures boolean not null default false,
  specialties text[],
  primary_duty varchar(255),
  target_clinical_blocks integer,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  check ((type = 'resident') = (pgy_level is not null))
);

create table rotation_templates (
  id uuid primary key default gen_random_uuid(),
  name varchar(255) not null,
  rotation_type varchar(50) not null,
  abbreviation varchar(10),
  clinic_location varchar(255),
  max_residents integer,
  requires_specialty varchar(255),
  requires_procedure_credential boolean not null default false,
  supervision_required boolean not null default true,
  max_supervision_ratio integer not null default 4,
  leave_eligible boolean not null default true,
  created_at timestamptz not null default now()
);

create table blocks (
  id uuid primary key default gen_random_uuid(),
  date date not null,
  time_of_day varchar(2) not null check (time_of_day in ('AM', 'PM')),
  block_number integer not null,
  is_weekend boolean not null default false,
  is_holiday boolean not null default false,
  holiday_name varchar(255)
);

create table schedule_runs (
  id uuid primary key default gen_random_uuid(),
  start_date date not null,
  end_date date not null,
  algorithm varchar(50) not null,
  status varchar(50) not null,
  total_blocks_assigned integer,
  acgme_violations integer not null default 0,
  runtime_seconds numeric(10, 2),
  config jsonb,
  requested_by_id uuid references users (id) on delete set null,
  created_at timestamptz not null default now()
);

create table assignments (
  id uuid primary key default gen_random_uuid(),
  block_id uuid not null references blocks (id) on delete cascade,
  person_id uuid not null references people (id) on delete cascade,
  rotation_template_id uuid references rotation_templates (id) on delete set null,
  schedule_run_id uuid references schedule_runs (id) on delete set null,
  role varchar(50) not null check (role in ('primary', 'supervising', 'backup')),
  activity_override varchar(255),
  confidence numeric(4, 3),
  notes text,
  created_by varchar(255),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table absences (
  id uuid primary key default gen_random_uuid(),
  person_id uuid not null references people (id) on delete cascade,
  start_date date not null,
  end_date date not null,
  absence_type varchar(50) not null,
  deployment_orders boolean not null default false,
  tdy_location varchar(255),
  is_blocking boolean not null default true,
  notes text,
  created_at timestamptz not null default now(),
  check (end_date >= start_date)
);

create table call_assignments (
  id uuid primary key default gen_random_uuid(),
  date date not null,
  person_id uuid not null references people (id) on delete cascade,
  call_type varchar(50) not null,
  is_weekend boolean not null default false,
  is_holiday boolean not null default false,
  created_at timestamptz not null default now()
);

-- Swap management ------------------------------------------------------------------------------------------------

create table swap_records (
  id uuid primary key default gen_random_uuid(),
  source_faculty_id uuid not null references people (id) on delete cascade,
  source_week date not null,
  target_faculty_id uuid not null references people (id) on delete cascade,
  target_week date,
  swap_type varchar(20) not null check (swap_type in ('one_to_one', 'absorb')),
  status varchar(20) not null check (status in ('pending', 'approved', 'executed', 'rejected', 'cancelled')),
  reason text,
  requested_by_id uuid references users (id) on delete set null,
  requested_at timestamptz not null default now(),
  executed_at timestamptz
);

create table swap_approvals (
  id uuid primary key default gen_random_uuid(),
  swap_id uuid not null references swap_records (id) on delete cascade,
  faculty_id uuid not null references people (id) on delete cascade,
  role varchar(20) not null check (role in ('source', 'target', 'coordinator')),
  approved boolean,
  responded_at timestamptz,
  response_notes text,
  created_at timestamptz not null default now()
);

create table faculty_preferences (
  id uuid primary key default gen_random_uuid(),
  faculty_id uuid not null references people (id) on delete cascade,
  preferred_weeks date[],
  blocked_weeks date[],
  max_weeks_per_month integer not null default 1,
  min_gap_between_weeks integer not null default 2,
  notify_swap_requests boolean not null default true,
  notes text,
  updated_at timestamptz not null default now()
);

-- Resilience framework -------------------------------------------------------------------------------------------

create table resilience_health_checks (
  id uuid primary key default gen_random_uuid(),
  timestamp timestamptz not null,
  overall_status varchar(20) not null,
  utilization_rate numeric(5, 4) not null,
  utilization_level varchar(20) not null,
  buffer_remaining numeric(5, 4),
  defense_level varchar(20) not null,
  load_shedding_level varchar(20),
  n1_pass boolean not null default true,
  n2_pass boolean not null default true,
  crisis_mode boolean not null default false,
  metrics_snapshot jsonb
);

create table resilience_events (
  id uuid primary key default gen_random_uuid(),
  timestamp timestamptz not null,
  event_type varchar(50) not null,
  severity varchar(20) not null,
  reason text,
  triggered_by varchar(100),
  previous_state jsonb,
  new_state jsonb,
  related_health_check_id uuid references resilience_health_checks (id) on delete set null
);

create table sacrifice_decisions (
  id uuid primary key default gen_random_uuid(),
  timestamp timestamptz not null,
  from_level varchar(20) not null,
  to_level varchar(20) not null,
  reason text not null,
  activities_suspended text[],
  approved_by_id uuid references users (id) on delete set null,
  related_event_id uuid references resilience_events (id) on delete set null
);

create table fallback_activations (
  id uuid primary key default gen_random_uuid(),
  activated_at timestamptz not null,
  deactivated_at timestamptz,
  scenario varchar(50) not null,
  assignments_count integer not null,
  coverage_rate numeric(5, 4) not null,
  services_reduced text[],
  activated_by_id uuid references users (id) on delete set null,
  related_event_id uuid references resilience_events (id) on delete set null
);

create table vulnerability_records (
  id uuid primary key default gen_random_uuid(),
  analyzed_at timestamptz not null,
  period_start date not null,
  period_end date not null,
  faculty_count integer not null,
  n1_vulnerable boolean not null,
  n2_vulnerable boolean not null,
  most_critical_faculty_id uuid references people (id) on delete set null,
  fatal_pairs jsonb,
  related_health_check_id uuid references resilience_health_checks (id) on delete set null
);

create table feedback_loop_states (
  id uuid primary key default gen_random_uuid(),
  timestamp timestamptz not null,
  loop_name varchar(100) not null,
  setpoint_name varchar(100) not null,
  target_value numeric(10, 4) not null,
  current_value numeric(10, 4) not null,
  deviation numeric(10, 4) not null,
  deviation_severity varchar(20) not null,
  consecutive_deviations integer not null default 0,
  correction_triggered boolean not null default false
);

create table allostasis_records (
  id uuid primary key default gen_random_uuid(),
  entity_id uuid not null,
  entity_type varchar(20) not null,
  calculated_at timestamptz not null,
  consecutive_weekend_calls integer not null default 0,
  nights_past_month integer not null default 0,
  acute_stress_score numeric(6, 3) not null,
  chronic_stress_score numeric(6, 3) not null,
  total_allostatic_load numeric(6, 3) not null,
  allostasis_state varchar(30) not null,
  risk_level varchar(20) not null
);

create table positive_feedback_alerts (
  id uuid primary key default gen_random_uuid(),
  detected_at timestamptz not null,
  loop_name varchar(100) not null,
  description text not null,
  trigger text,
  amplification text,
  confidence numeric(4, 3) not null,
  severity varchar(20) not null,
  resolved_at timestamptz
);

create table scheduling_zones (
  id uuid primary key default gen_random_uuid(),
  name varchar(100) not null,
  zone_type varchar(30) not null,
  minimum_coverage integer not null default 1,
  optimal_coverage integer not null default 2,
  status varchar(20) not null default 'green',
  containment_level varchar(20) not null default 'none',
  is_active boolean not null default true,
  created_at timestamptz not null default now()
);

create table zone_faculty_assignments (
  id uuid primary key default gen_random_uuid(),
  zone_id uuid not null references scheduling_zones (id) on delete cascade,
  faculty_id uuid not null references people (id) on delete cascade,
  role varchar(20) not null,
  is_available boolean not null default true,
  assigned_at timestamptz not null default now()
);

create table zone_borrowing_records (
  id uuid primary key default gen_random_uuid(),
  requesting_zone_id uuid not null references scheduling_zones (id) on delete cascade,
  lending_zone_id uuid not null references scheduling_zones (id) on delete cascade,
  faculty_id uuid references people (id) on delete set null,
  priority varchar(20) not null,
  status varchar(20) not null,
  reason text,
  requested_at timestamptz not null default now(),
  completed_at timestamptz
);

create table zone_incidents (
  id uuid primary key default gen_random_uuid(),
  zone_id uuid not null references scheduling_zones (id) on delete cascade,
  incident_type varchar(50) not null,
  severity varchar(20) not null,
  description text not null,
  faculty_affected integer not null default 0,
  started_at timestamptz not null,
  resolved_at timestamptz
);

create table equilibrium_shifts (
  id uuid primary key default gen_random_uuid(),
  calculated_at timestamptz not null,
  original_capacity numeric(10, 2) not null,
  original_demand numeric(10, 2) not null,
  stress_types text[],
  new_capacity numeric(10, 2) not null,
  new_coverage_rate numeric(5, 4) not null,
  equilibrium_state varchar(20) not null,
  is_sustainable boolean not null default true
);

create table system_stress_records (
  id uuid primary key default gen_random_uuid(),
  stress_type varchar(50) not null,
  description text not null,
  magnitude numeric(5, 4) not null,
  duration_days integer not null,
  capacity_impact numeric(6, 4) not null,
  applied_at timestamptz not null,
  is_active boolean not null default false,
  resolved_at timestamptz
);

create table compensation_records (
  id uuid primary key default gen_random_uuid(),
  stress_id uuid not null references system_stress_records (id) on delete cascade,
  compensation_type varchar(50) not null,
  compensation_magnitude numeric(5, 4) not null,
  effectiveness numeric(5, 4) not null,
  immediate_cost numeric(10, 2),
  hidden_cost numeric(10, 2),
  initiated_at timestamptz not null,
  ended_at timestamptz
);

-- Cognitive load -------------------------------------------------------------------------------------------------

create table cognitive_sessions (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references users (id) on delete cascade,
  started_at timestamptz not null,
  ended_at timestamptz,
  max_decisions_before_break integer not null default 7,
  total_cognitive_cost numeric(8, 3) not null default 0,
  decisions_count integer not null default 0,
  breaks_taken integer not null default 0,
  final_state varchar(20)
);

create table cognitive_decisions (
  id uuid primary key default gen_random_uuid(),
  session_id uuid references cognitive_sessions (id) on delete cascade,
  category varchar(50) not null,
  complexity varchar(20) not null,
  description text not null,
  options jsonb,
  outcome varchar(20),
  estimated_cognitive_cost numeric(6, 3) not null,
  created_at timestamptz not null,
  decided_at timestamptz
);

create table preference_trails (
  id uuid primary key default gen_random_uuid(),
  faculty_id uuid not null references people (id) on delete cascade,
  trail_type varchar(30) not null,
  slot_type varchar(50),
  block_type varchar(50),
  strength numeric(5, 4) not null,
  peak_strength numeric(5, 4) not null,
  evaporation_rate numeric(5, 4) not null,
  reinforcement_count integer not null default 0,
  created_at timestamptz not null default now()
);

-- Hub analysis ---------------------------------------------------------------------------------------------------

create table trail_signals (
  id uuid primary key default gen_random_uuid(),
  trail_id uuid not null references preference_trails (id) on delete cascade,
  signal_type varchar(30) not null,
  strength_change numeric(6, 4) not null,
  strength_before numeric(5, 4) not null,
  strength_after numeric(5, 4) not null,
  recorded_at timestamptz not null
);

create table faculty_centrality (
  id uuid primary key default gen_random_uuid(),
  faculty_id uuid not null references people (id) on delete cascade,
  calculated_at timestamptz not null,
  degree_centrality numeric(6, 4) not null,
  betweenness_centrality numeric(6, 4) not null,
  pagerank numeric(6, 4) not null,
  composite_score numeric(6, 4) not null,
  unique_services_covered integer not null,
  risk_level varchar(20) not null,
  is_hub boolean not null default false
);

create table hub_protection_plans (
  id uuid primary key default gen_random_uuid(),
  hub_faculty_id uuid not null references people (id) on delete cascade,
  period_start date not null,
  period_end date not null,
  reason text not null,
  workload_reduction numeric(5, 4) not null,
  backup_assigned boolean not null default false,
  status varchar(20) not null,
  created_by_id uuid references users (id) on delete set null
);

create table cross_training_recommendations (
  id uuid primary key default gen_random_uuid(),
  skill varchar(100) not null,
  priority varchar(20) not null,
  reason text not null,
  current_holders integer not null,
  recommended_trainee_id uuid references people (id) on delete set null,
  estimated_training_hours integer not null,
  status varchar(20) not null,
  created_at timestamptz not null
);

-- Notifications --------------------------------------------------------------------------------------------------

create table notifications (
  id uuid primary key default gen_random_uuid(),
  recipient_id uuid not null references users (id) on delete cascade,
  notification_type varchar(50) not null,
  subject varchar(500) not null,
  body text not null,
  data jsonb,
  priority varchar(20) not null default 'normal',
  channels_delivered varchar(200),
  is_read boolean not null default false,
  read_at timestamptz,
  created_at timestamptz not null
);

create table scheduled_notifications (
  id uuid primary key default gen_random_uuid(),
  recipient_id uuid not null references users (id) on delete cascade,
  notification_type varchar(50) not null,
  data jsonb,
  send_at timestamptz not null,
  sent_at timestamptz,
  status varchar(20) not null,
  retry_count integer not null default 0,
  error_message text,
  created_at timestamptz not null
);

create table notification_preferences (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references users (id) on delete cascade,
  enabled_channels varchar(200) not null default 'in_app,email',
  notification_types jsonb,
  quiet_hours_start integer,
  quiet_hours_end integer,
  email_digest_enabled boolean not null default false,
  updated_at timestamptz not null default now()
);

create table email_logs (
  id uuid primary key default gen_random_uuid(),
  notification_id uuid references notifications (id) on delete set null,
  recipient_email varchar(255) not null,
  subject varchar(500) not null,
  status varchar(20) not null,
  provider_message_id varchar(100),
  error_message text,
  retry_count integer not null default 0,
  created_at timestamptz not null,
  sent_at timestamptz
);

-- Admin and audit ------------------------------------------------------------------------------------------------

create table idempotency (
  id uuid primary key default gen_random_uuid(),
  key varchar(255) not null,
  body_hash varchar(64) not null,
  status varchar(20) not null,
  response jsonb,
  created_at timestamptz not null,
  expires_at timestamptz not null
);

create table token_blacklist (
  id uuid primary key default gen_random_uuid(),
  jti varchar(64) not null,
  token_type varchar(20) not null,
  user_id uuid references users (id) on delete cascade,
  blacklisted_at timestamptz not null,
  expires_at timestamptz not null,
  reason varchar(100)
);

create table clinic_sessions (
  id uuid primary key default gen_random_uuid(),
  date date not null,
  session_type varchar(2) not null check (session_type in ('AM', 'PM')),
  clinic_type varchar(50) not null,
  physician_count integer not null,
  screener_count integer not null,
  staffing_ratio numeric(4, 2) not null,
  status varchar(20) not null,
  rn_fallback_used boolean not null default false
);

create table certifications (
  id uuid primary key default gen_random_uuid(),
  person_id uuid not null references people (id) on delete cascade,
  name varchar(100) not null,
  certification_number varchar(50),
  issued_on date not null,
  expires_on date not null,
  status varchar(20) not null,
  verified_by_id uuid references users (id) on delete set null
);

create table feature_flags (
  id uuid primary key default gen_random_uuid(),
  key varchar(100) not null,
  description text,
  enabled boolean not null default false,
  rollout_percentage numeric(5, 2),
  target_roles text[],
  created_by_id uuid references users (id) on delete set null,
  created_at timestamptz not null default now()
);

-- Migration 001_initial_schema -----------------------------------------------------------------------------------

create index idx_people_type on people (type);
create index idx_blocks_date on blocks (date);
create index idx_blocks_block_number on blocks (block_number);
create index idx_assignments_block on assignments (block_id);
create index idx_assignments_person on assignments (person_id);
create index idx_absences_person on absences (person_id);
create index idx_absences_dates on absences (start_date, end_date);
create index idx_call_date on call_assignments (date);
create index idx_call_person on call_assignments (person_id);
create index idx_schedule_runs_date on schedule_runs (created_at);

-- Migration 12b3fa4f11ec_add_performance_indexes: the first three are copies of indexes above ----------------------

create index idx_block_date on blocks (date);
create index idx_assignment_person_id on assignments (person_id);
create index idx_assignment_block_id on assignments (block_id);
create index idx_swap_source_faculty on swap_records (source_faculty_id);
create index idx_swap_target_faculty on swap_records (target_faculty_id);

-- Models (index=True), named as SQLAlchemy names them -------------------------------------------------------------

create unique index ix_users_username on users (username);
create index ix_assignments_schedule_run_id on assignments (schedule_run_id);
create index ix_notifications_recipient_id on notifications (recipient_id);
create index ix_notifications_notification_type on notifications (notification_type);
create index ix_notifications_is_read on notifications (is_read);
create index ix_notifications_created_at on notifications (created_at);
create index ix_scheduled_notifications_recipient_id on scheduled_notifications (recipient_id);
create index ix_scheduled_notifications_send_at on scheduled_notifications (send_at);
create index ix_scheduled_notifications_status on scheduled_notifications (status);
create unique index ix_notification_preferences_user_id on notification_preferences (user_id);
create index ix_clinic_sessions_date on clinic_sessions (date);
