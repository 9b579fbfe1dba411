import { dayMs } from '../model/units.ts';
import type { Database } from './database.ts';
import type { Retention, Trimmed } from './protocol.ts';

/*
 * Forgetting, in transactions of its own that stay short, after the call that gave rise to it was answered.
 */

/** Rows that go in one transaction. */
const eventsAtOnce = 1_000;
/** Once too large, the file is brought this far below the limit, so that this does not happen at every write. */
const roomShare = 0.05;
/** Free pages that are worth giving back to the file system, and how many at once. */
const freePagesMax = 1_024;
const pagesAtOnce = 4_096;

/** Forgets what is older than the retention, and what there is too much of. */
export function forgetOld(database: Database, retention: Retention, nowMs: number): void {
  const firstDay = Math.floor(nowMs / dayMs) - retention.usageDays;
  forgetDays(database, firstDay);
  forgetEvents(database, 'at_ms < ?', nowMs - retention.eventsForMs);
  const oldestKept = database.get<{ readonly id: number }>(
    'select id from event order by id desc limit 1 offset ?',
    retention.eventsMax,
  );
  if (oldestKept !== undefined) forgetEvents(database, 'id <= ?', oldestKept.id);
  const keptSinceMs = firstDay * dayMs;
  database.transaction(() => {
    database.run('delete from node where kept_at_ms < ?', keptSinceMs);
    database.run('delete from target where kept_at_ms < ?', keptSinceMs);
  });
  giveBack(database);
}

/** Bytes of the file that hold something. */
export function usedBytes(database: Database): number {
  const pages = Number(database.pragma('page_count')) - Number(database.pragma('freelist_count'));
  return pages * Number(database.pragma('page_size'));
}

/** Forgets the oldest days and events, whichever are older, until there is room; undefined where there is anyway. */
export function forgetForRoom(database: Database, { bytesMax }: Retention): Trimmed | undefined {
  if (usedBytes(database) <= bytesMax) return undefined;
  const enough = bytesMax * (1 - roomShare);
  let days = 0;
  let events = 0;
  while (usedBytes(database) > enough) {
    const day = database.get<{ readonly day: number | null }>('select min(day) as day from usage_day')?.day;
    const eventAtMs = database.get<{ readonly atMs: number | null }>(
      'select min(at_ms) as atMs from event',
    )?.atMs;
    const dayAtMs = typeof day === 'number' ? day * dayMs : Number.MAX_SAFE_INTEGER;
    // Events of the oldest day go before it.
    if (typeof eventAtMs === 'number' && eventAtMs < dayAtMs + dayMs)
      events += forgetOldestEvents(database, dayAtMs + dayMs);
    else if (typeof day === 'number') days += forgetDays(database, day + 1);
    else break;
  }
  giveBack(database);
  const used = usedBytes(database);
  return { days, events, isEnough: used <= bytesMax, usedBytes: used };
}

/** Days before the given one, oldest first, one at a time; each node remembers up to where. The number of records that went. */
function forgetDays(database: Database, beforeDay: number): number {
  let forgotten = 0;
  for (;;) {
    const row = database.get<{ readonly day: number | null }>(
      'select min(day) as day from usage_day where day < ?',
      beforeDay,
    );
    const day = row?.day;
    if (typeof day !== 'number') return forgotten;
    forgotten += database.transaction(() => {
      database.run(
        `update node set forgotten_before_day = max(coalesce(forgotten_before_day, 0), ?)
          where id in (select node_id from usage_day where day = ?)`,
        day + 1,
        day,
      );
      return database.run('delete from usage_day where day = ?', day);
    });
  }
}

function forgetEvents(database: Database, condition: 'at_ms < ?' | 'id <= ?', value: number): void {
  const sql = `delete from event where id in (select id from event where ${condition} limit ${eventsAtOnce})`;
  while (database.transaction(() => database.run(sql, value)) > 0);
}

const forgetOldestEvents = (database: Database, beforeMs: number): number =>
  database.transaction(() =>
    database.run(
      `delete from event
        where id in (select id from event where at_ms < ? order by at_ms, id limit ${eventsAtOnce})`,
      beforeMs,
    ),
  );

/** Gives free pages back to the file system where there are many; a few are used again soon. */
function giveBack(database: Database): void {
  for (;;) {
    const free = Number(database.pragma('freelist_count'));
    const share = Number(database.pragma('page_count')) * roomShare;
    if (free <= Math.max(freePagesMax, share)) return;
    database.exec(`pragma incremental_vacuum(${pagesAtOnce})`);
    if (Number(database.pragma('freelist_count')) >= free) return;
  }
}
