-- Optional: lets indexwarden estimate bloat and judge columns without SELECT on any table.
--
-- Run as a superuser in each database that is watched, after `create role indexwarden` (see demo/role.sql). PostgreSQL
-- shows the planner's statistics (pg_stats) only for tables that a role may read; pg_monitor is not enough. This view
-- belongs to the superuser who creates it and hands on the part that holds no data.
--
-- One row is one column that ANALYZE has seen; for an index, one of its expressions.
--   starelid           oid of the table, or of the index
--   staattnum          number of the column
--   stanullfrac        share of nulls, 0 to 1
--   stawidth           average width in bytes
--   stadistinct        distinct values: a count, or minus a share of the rows; 0 when unknown
--   most_common_freqs  how often the commonest values occur, 0 to 1 each, commonest first; null when no list is kept
-- It exposes: how wide, how empty and how varied columns are, and how unevenly their values are spread.
-- It does not expose: any value (most common values, histogram bounds, array elements), correlation, or a row of a table.
-- A table with children has two sets of statistics; the one of the table alone is shown, or, where there is none (a
-- partitioned table), the one that includes the children.
-- PostgreSQL 13 and later. To undo: drop schema indexwarden cascade;

create schema if not exists indexwarden;

create or replace view indexwarden.column_statistics as
select distinct on (s.starelid, s.staattnum)
  s.starelid,
  s.staattnum,
  s.stanullfrac,
  s.stawidth,
  s.stadistinct,
  -- The five slots hold different kinds of statistics in any order; kind 1 is the list of most common values.
  case 1
    when s.stakind1 then s.stanumbers1
    when s.stakind2 then s.stanumbers2
    when s.stakind3 then s.stanumbers3
    when s.stakind4 then s.stanumbers4
    when s.stakind5 then s.stanumbers5
  end as most_common_freqs
from pg_catalog.pg_statistic s
order by s.starelid, s.staattnum, s.stainherit;

revoke all on schema indexwarden from public;
revoke all on indexwarden.column_statistics from public;
grant usage on schema indexwarden to indexwarden;
grant select on indexwarden.column_statistics to indexwarden;
