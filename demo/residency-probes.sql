-- What the probes of this database need beside pg_monitor: to read the tables that they read (probes/residency.yaml).
grant select on assignments, blocks, people, rotation_templates, swap_records, swap_approvals,
  resilience_health_checks, resilience_events, notifications to indexwarden;
