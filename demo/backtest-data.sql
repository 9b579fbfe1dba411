-- Two years of backtests, 10,000 runs with their metrics at scale 1. Functions: data-functions.sql.

-- step: backtest runs
-- A configuration is 1 to 5 KB: parameters, a grid that was searched, and the notes of whoever ran it.
insert into backtest_runs (id, created_at, completed_at, duration_seconds, status, strategy_name, strategy_type,
  instrument_symbol, date_range_start, date_range_end, initial_capital, data_source, config_snapshot, error_message)
select pg_temp.id_of('backtest', n), at, at + make_interval(secs => seconds), seconds, status, strategy,
  case strategy when 'RSI Reversal' then 'mean_reversion' when 'Bollinger Bands' then 'mean_reversion' else 'trend' end,
  symbol, at::date - 1500, at::date - 5, 10000 * pg_temp.roll('capital', n, 10),
  pg_temp.pick('source', n, 'yahoo', 'yahoo', 'polygon', 'csv'),
  jsonb_build_object(
    'fast_period', 5 * pg_temp.roll('fast', n, 6),
    'slow_period', 10 * pg_temp.roll('slow', n, 20),
    'instruments', jsonb_build_array(symbol, pg_temp.pick('benchmark', n, 'SPY', 'QQQ', 'IWM')),
    'risk_management', jsonb_build_object('stop_loss', 0.01 * pg_temp.roll('stop', n, 5),
      'max_position_size', 500 * pg_temp.roll('position', n, 8)),
    'execution', jsonb_build_object('commission', 0.001, 'slippage_ticks', n % 3, 'run', n),
    'grid', (select jsonb_agg(round((100 * pg_temp.dice('grid ' || n, g))::numeric, 2)) from generate_series(1, 5 + pg_temp.roll('grid', n, 25)) g),
    'notes', (select string_agg(md5('note ' || n || ' ' || g), ' ') from generate_series(1, 20 + pg_temp.roll('notes', n, 110)) g)),
  case when status = 'failed' then 'Not enough bars for the slow period' end
from generate_series(1, pg_temp.scaled(10000)) n,
  lateral (select pg_temp.moment(n, pg_temp.scaled(10000), 730), 3 + floor(600 * pg_temp.dice('seconds', n) ^ 4)::integer,
    case when pg_temp.dice('outcome', n) < 0.95 then 'success' when pg_temp.dice('outcome', n) < 0.985 then 'failed' else 'interrupted' end,
    pg_temp.pick('strategy', n, 'SMA Crossover', 'EMA Crossover', 'RSI Reversal', 'Bollinger Bands', 'Momentum'),
    pg_temp.pick('symbol', n, 'AAPL', 'MSFT', 'GOOG', 'AMZN', 'NVDA', 'TSLA', 'SPY', 'QQQ', 'GLD', 'TLT', 'BTCUSD', 'EURUSD'))
    r (at, seconds, status, strategy, symbol);

-- step: runs that were repeated
update backtest_runs b set original_run_id = o.id
from generate_series(1, pg_temp.scaled(10000)) n join backtest_runs o on o.id = pg_temp.id_of('backtest', greatest(1, n - 40))
where n % 25 = 0 and b.id = pg_temp.id_of('backtest', n);

-- step: performance metrics
insert into performance_metrics (id, backtest_run_id, total_return, cagr, sharpe_ratio, sortino_ratio, max_drawdown, volatility,
  total_trades, winning_trades, losing_trades, win_rate, profit_factor, avg_win_amount, avg_loss_amount)
select pg_temp.id_of('metrics', n), pg_temp.id_of('backtest', n), round(gain::numeric, 4), round((gain / 4)::numeric, 4),
  round((2 * gain + pg_temp.dice('noise', n) - 0.5)::numeric, 4), round((2.6 * gain)::numeric, 4),
  round((-0.4 * pg_temp.dice('drawdown', n))::numeric, 4), round((0.1 + 0.3 * pg_temp.dice('volatility', n))::numeric, 4),
  trades, wins, trades - wins, round(wins::numeric / trades, 4), round((1 + gain)::numeric, 4),
  round((150 * (1 + gain))::numeric, 2), -120
from generate_series(1, pg_temp.scaled(10000)) n,
  lateral (select 1.8 * pg_temp.dice('gain', n) - 0.6, 40 + pg_temp.roll('trades', n, 400)) m (gain, trades),
  lateral (select floor(trades * (0.35 + 0.3 * pg_temp.dice('wins', n)))::integer) w (wins);

-- step: strategies renamed
-- A renaming touches the indexes that hold the name, and, no update of an indexed column being HOT, all the others.
update backtest_runs set strategy_name = strategy_name || ' ' where strategy_name in ('SMA Crossover', 'EMA Crossover');
update backtest_runs set strategy_name = rtrim(strategy_name);
