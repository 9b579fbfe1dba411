-- What the probes of this database need beside pg_monitor: to read the tables that they read (probes/backtest.yaml).
grant select on backtest_runs, performance_metrics to indexwarden;
