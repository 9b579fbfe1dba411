import { describe, expect, it } from 'vitest';
import { usageWindow, windowOf } from '../../src/analysis/usage-window.ts';
import { nodeName } from '../../src/model/ids.ts';
import { dayMs } from '../../src/model/units.ts';
import { aServerFact, statisticsSinceMs, takenAtMs } from '../support/builders.ts';

const node = nodeName('primary');
const windowOn = (server: Parameters<typeof aServerFact>[0]) =>
  usageWindow(aServerFact(server), node, takenAtMs);
const never = { databaseStatsResetAtMs: null, bgwriterStatsResetAtMs: null, archiverStatsResetAtMs: null };

describe('the window of the counters', () => {
  it('begins at the latest of all reset times', () => {
    const later = statisticsSinceMs + 10 * dayMs;
    expect(windowOn({})).toEqual({
      node,
      sinceMs: statisticsSinceMs,
      ageMs: takenAtMs - statisticsSinceMs,
      source: 'pg_stat_database.stats_reset',
    });
    expect(windowOn({ bgwriterStatsResetAtMs: later })).toMatchObject({
      sinceMs: later,
      source: 'pg_stat_bgwriter.stats_reset',
    });
    expect(windowOn({ archiverStatsResetAtMs: later })).toMatchObject({
      sinceMs: later,
      source: 'pg_stat_archiver.stats_reset',
    });
  });

  it('begins at the crash, after which the database’s own reset time is NULL', () => {
    const crashedAtMs = takenAtMs - dayMs;
    const window = windowOn({ databaseStatsResetAtMs: null, bgwriterStatsResetAtMs: crashedAtMs });
    expect(window).toMatchObject({ sinceMs: crashedAtMs, ageMs: dayMs });
  });

  it('begins with the start of a standby before 15, and of no other node', () => {
    const startedAtMs = takenAtMs - dayMs;
    expect(windowOn({ versionNum: 140_012, isInRecovery: true, startedAtMs })).toMatchObject({
      sinceMs: startedAtMs,
      source: 'start of the standby',
    });
    expect(windowOn({ versionNum: 150_007, isInRecovery: true, startedAtMs }).sinceMs).toBe(
      statisticsSinceMs,
    );
    expect(windowOn({ versionNum: 140_012, startedAtMs }).sinceMs).toBe(statisticsSinceMs);
  });

  it('is unknown, not endless, where no reset time is', () => {
    expect(windowOn(never)).toEqual({
      node,
      sinceMs: undefined,
      ageMs: undefined,
      source: 'no reset time is known',
    });
  });

  it('is never negative, whatever the two clocks say', () => {
    expect(windowOn({ databaseStatsResetAtMs: takenAtMs + dayMs }).ageMs).toBe(0);
  });

  it('is shorter for a relation whose own counters were reset, never longer', () => {
    const whole = windowOn({});
    expect(windowOf(whole, null, takenAtMs)).toBe(whole);
    expect(windowOf(whole, undefined, takenAtMs)).toBe(whole);
    expect(windowOf(whole, statisticsSinceMs - dayMs, takenAtMs)).toBe(whole);
    expect(windowOf(whole, takenAtMs - dayMs, takenAtMs)).toMatchObject({
      ageMs: dayMs,
      source: 'stats_reset of the relation',
    });
    expect(windowOf(windowOn(never), takenAtMs - dayMs, takenAtMs).ageMs).toBe(dayMs);
  });
});
