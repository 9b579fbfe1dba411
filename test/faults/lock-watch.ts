import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

/** What the server saw of waiting while somebody looked; all times in ms. */
export interface WaitsSeen {
  /** How often pg_locks was read, and the longest time between two reads: no wait was longer than what was seen by more than this. */
  readonly looks: number;
  readonly longestGapMs: number;
  /** The longest that a statement of ours waited for a lock, and how many did at all. */
  readonly ourLongestWaitMs: number;
  readonly ourWaits: number;
  /** The longest that a statement of somebody else had one of our processes among those that block it, by what it waited for. */
  readonly behindUs: readonly WaitBehindUs[];
  /** Modes of the locks that we held or awaited on relations of users, with how often each was seen. */
  readonly modes: ReadonlyMap<string, number>;
  /** The most connections of ours at one time, and the processes behind all of them. */
  readonly connectionsMax: number;
  readonly pids: readonly number[];
}

export interface WaitBehindUs {
  readonly statement: string;
  /** `relation`, `virtualxid` (a snapshot of ours that a concurrent build waits for) and the like. */
  readonly locktype: string;
  readonly waitedMs: number;
}

/**
 * Reads pg_locks and pg_blocking_pids over a connection of its own, as fast as the server answers, until stopped. `url` is that of a
 * superuser in the database in question.
 */
export async function watchLocks(url: string): Promise<{ stop(): Promise<WaitsSeen> }> {
  const client = new pg.Client({ connectionString: url, application_name: 'lock watch' });
  client.on('error', () => {});
  await client.connect();
  let isStopped = false;
  const looking = (async () => {
    const seen = new Waits();
    while (!isStopped) {
      const { rows } = await client.query<Look>(looks);
      const [row] = rows;
      if (row !== undefined) seen.add(row);
      await delay(2);
    }
    return seen.sum();
  })();
  // Whoever stops the watch hears of its failure.
  looking.catch(() => {});
  return {
    stop: async () => {
      isStopped = true;
      try {
        return await looking;
      } finally {
        await client.end();
      }
    },
  };
}

/** The longest wait of somebody else's statement for a lock of ours, snapshots excepted. */
export const longestBehindUs = (seen: WaitsSeen, locktypes: (type: string) => boolean): number =>
  Math.max(0, ...seen.behindUs.filter(({ locktype }) => locktypes(locktype)).map(({ waitedMs }) => waitedMs));

interface Waiter {
  readonly pid: number;
  readonly isOurs: boolean;
  readonly isBehindUs: boolean;
  readonly statement: string;
  readonly statementAtMs: number;
  readonly locktype: string;
}

interface Look {
  readonly at_ms: number;
  readonly waiters: readonly Waiter[];
  readonly modes: readonly string[];
  readonly pids: readonly number[];
}

/** `indexwarden` is what every connection of ours is called. */
const looks = `
with ours as materialized (
  select a.pid from pg_stat_activity a where a.application_name = 'indexwarden'
), locks as materialized (select * from pg_locks)
select
  extract(epoch from clock_timestamp())::float8 * 1000 as at_ms,
  coalesce((
    select json_agg(json_build_object(
      'pid', l.pid, 'isOurs', l.pid in (select pid from ours),
      'isBehindUs', exists (select from ours where ours.pid = any (pg_blocking_pids(l.pid))),
      'statement', left(a.query, 80), 'statementAtMs', extract(epoch from a.query_start) * 1000, 'locktype', l.locktype))
    from locks l join pg_stat_activity a on a.pid = l.pid
    where not l.granted and l.pid <> pg_backend_pid()
  ), '[]') as waiters,
  coalesce((
    select json_agg(distinct l.mode)
    from locks l join pg_class c on c.oid = l.relation join pg_namespace n on n.oid = c.relnamespace
    where l.locktype = 'relation' and l.pid in (select pid from ours)
      and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
      and l.database = (select d.oid from pg_database d where d.datname = current_database())
  ), '[]') as modes,
  coalesce((select array_agg(ours.pid) from ours), '{}') as pids`;

/** A wait that has been seen in every look since its first. */
interface Episode extends WaitBehindUs {
  readonly isOurs: boolean;
  readonly sinceMs: number;
}

class Waits {
  #going = new Map<string, Episode>();
  readonly #over: Episode[] = [];
  readonly #modes = new Map<string, number>();
  readonly #pids = new Set<number>();
  #looks = 0;
  #lastMs: number | undefined;
  #longestGapMs = 0;
  #connectionsMax = 0;

  add({ at_ms: atMs, waiters, modes, pids }: Look): void {
    this.#looks += 1;
    if (this.#lastMs !== undefined) this.#longestGapMs = Math.max(this.#longestGapMs, atMs - this.#lastMs);
    this.#lastMs = atMs;
    this.#connectionsMax = Math.max(this.#connectionsMax, pids.length);
    for (const pid of pids) this.#pids.add(pid);
    for (const mode of modes) this.#modes.set(mode, (this.#modes.get(mode) ?? 0) + 1);
    const going = new Map<string, Episode>();
    for (const { pid, isOurs, isBehindUs, statement, statementAtMs, locktype } of waiters) {
      if (!isOurs && !isBehindUs) continue;
      const key = `${pid} ${statementAtMs} ${locktype} ${isOurs}`;
      const sinceMs = this.#going.get(key)?.sinceMs ?? atMs;
      going.set(key, { isOurs, statement, locktype, sinceMs, waitedMs: atMs - sinceMs });
    }
    // A concurrent build waits several times: each ends when a look does not see it any more.
    for (const [key, episode] of this.#going) if (!going.has(key)) this.#over.push(episode);
    this.#going = going;
  }

  sum(): WaitsSeen {
    const waits = [...this.#over, ...this.#going.values()];
    const ours = waits.filter(({ isOurs }) => isOurs);
    return {
      looks: this.#looks,
      longestGapMs: this.#longestGapMs,
      ourLongestWaitMs: Math.max(0, ...ours.map(({ waitedMs }) => waitedMs)),
      ourWaits: ours.length,
      behindUs: waits.filter(({ isOurs }) => !isOurs),
      modes: this.#modes,
      connectionsMax: this.#connectionsMax,
      pids: [...this.#pids],
    };
  }
}
