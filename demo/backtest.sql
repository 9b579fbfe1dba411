-- Backtest metadata: runs of trading strategies and what came of them.
-- Two tables and ten indexes beside the two primary keys: eight essential and performance indexes, and the covering
-- and the failed-only index of the last migration phase.

create table backtest_runs (
  id uuid primary key default gen_random_uuid(),
  created_at timestamptz not null default current_timestamp,
  completed_at timestamptz,
  duration_seconds integer,
  status varchar(20) not null check (status in ('success', 'failed', 'interrupted')),
  strategy_name varchar(100) not null,
  strategy_type varchar(50) not null,
  instrument_symbol varchar(20) not null,
  date_range_start date not null,
  date_range_end date not null,
  initial_capital numeric(20, 2) not null,
  data_source varchar(50) not null,
  config_snapshot jsonb not null,
  error_message text,
  original_run_id uuid references backtest_runs (id) on delete set null
);

create table performance_metrics (
  id uuid primary key default gen_random_uuid(),
  backtest_run_id uuid not null references backtest_runs (id) on delete cascade,
  total_return numeric(10, 4),
  cagr numeric(10, 4),
  sharpe_ratio numeric(8, 4),
  sortino_ratio numeric(8, 4),
  max_drawdown numeric(10, 4),
  volatility numeric(10, 4),
  total_trades integer,
  winning_trades integer,
  losing_trades integer,
  win_rate numeric(5, 4),
  profit_factor numeric(10, 4),
  avg_win_amount numeric(20, 2),
  avg_loss_amount numeric(20, 2)
);

-- Phase 1: essential
create index idx_performance_metrics_run_id on performance_metrics (backtest_run_id);
create index idx_backtest_runs_created_id on backtest_runs (created_at desc, id desc);
create index idx_backtest_runs_strategy_created_id on backtest_runs (strategy_name, created_at desc, id desc);

-- Phase 2: performance
create index idx_backtest_runs_symbol_created_id on backtest_runs (instrument_symbol, created_at desc, id desc);
create index idx_backtest_runs_config_gin on backtest_runs using gin (config_snapshot jsonb_path_ops);
create index idx_performance_metrics_sharpe on performance_metrics (sharpe_ratio desc, backtest_run_id);
create index idx_performance_metrics_return on performance_metrics (total_return desc, backtest_run_id);
create index idx_performance_metrics_drawdown on performance_metrics (max_drawdown asc, backtest_run_id);

-- Phase 3: optional
create index idx_backtest_runs_list_covering on backtest_runs (created_at desc, id desc)
  include (strategy_name, instrument_symbol, status, duration_seconds);
create index idx_backtest_runs_failed on backtest_runs (created_at desc, id desc) where status = 'failed';
