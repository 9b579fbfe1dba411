import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { type DemoDatabase, demoDatabases } from './databases.ts';
import type { EmbeddedServer } from './embedded-server.ts';
import { inSession } from './session.ts';
import { type Draw, type Keys, type WorkloadStatement, workloadStatements } from './workload-statements.ts';

export interface WorkloadOptions {
  readonly server: EmbeddedServer;
  /** Ends the workload; then `finished` is fulfilled. */
  readonly signal: AbortSignal;
  /** Told of statements that failed; once per statement and message. */
  readonly log?: ((message: string) => void) | undefined;
  /** From 0 to below 1. Default: a generator with a fixed seed, so that each demo asks the same questions. */
  readonly random?: (() => number) | undefined;
  /** Pause between two statements of the background loop. */
  readonly pauseMs?: number | undefined;
}

export interface Workload {
  /** Fulfilled when the signal has ended the background loop and its connections are closed; never rejected. */
  readonly finished: Promise<void>;
}

/** Four statements a second move every counter within a minute and leave a laptop alone. */
const defaultPauseMs = 250;

/**
 * Runs the two applications: first a burst of a few seconds, whose sessions are closed so that their statistics can be
 * seen; when it is over this returns, and a gentle loop goes on in the background until the signal.
 * @throws the signal's reason when it comes during the burst.
 */
export async function startWorkload(options: WorkloadOptions): Promise<Workload> {
  const { server, signal } = options;
  const keys = await readKeys(server, signal);
  const draw = drawFrom(keys, options.random ?? seeded(20_251_230));
  const failed = reportOnce(options.log ?? (() => {}));
  await Promise.all(demoDatabases.map((database) => burst(server, database, draw, signal, failed)));
  return { finished: background(options, draw, failed) };
}

async function burst(
  server: EmbeddedServer,
  database: DemoDatabase,
  draw: Draw,
  signal: AbortSignal,
  failed: (name: string, error: unknown) => void,
): Promise<void> {
  const statements = workloadStatements.filter((statement) => statement.database === database);
  await inSession({ server, database, purpose: 'burst', signal }, async (client) => {
    for (const statement of statements) {
      for (let run = 0; run < statement.burst; run += 1) {
        signal.throwIfAborted();
        await runStatement(client, statement, draw).catch((error: unknown) => failed(statement.name, error));
      }
    }
  });
}

/** One statement at a time, with a pause between; a lost connection is made again at the next turn. */
async function background(
  options: WorkloadOptions,
  draw: Draw,
  failed: (name: string, error: unknown) => void,
): Promise<void> {
  const { server, signal } = options;
  const lottery = workloadStatements.flatMap((statement) =>
    Array.from({ length: statement.weight }, () => statement),
  );
  const clients = new Map<DemoDatabase, pg.Client>();
  while (!signal.aborted) {
    const statement = lottery[draw.below(lottery.length)];
    if (statement === undefined) return;
    try {
      const client =
        clients.get(statement.database) ?? (await connect(server, statement.database, 'background'));
      if (!clients.has(statement.database)) {
        clients.set(statement.database, client);
        client.once('end', () => clients.delete(statement.database));
      }
      await runStatement(client, statement, draw);
    } catch (error) {
      if (!signal.aborted) failed(statement.name, error);
    }
    await delay(options.pauseMs ?? defaultPauseMs, undefined, { signal }).catch(() => {});
  }
  await Promise.all([...clients.values()].map((client) => client.end().catch(() => {})));
}

async function runStatement(client: pg.Client, statement: WorkloadStatement, draw: Draw): Promise<void> {
  await client.query(statement.sql, [...statement.parameters(draw)]);
}

async function connect(server: EmbeddedServer, database: DemoDatabase, part: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: server.superuserUrl(database),
    application_name: `indexwarden demo: ${part}`,
    connectionTimeoutMillis: 5_000,
    // None takes more than a few milliseconds; a demo that was scaled up must not pile up work.
    statement_timeout: 10_000,
  });
  client.on('error', () => {});
  await client.connect();
  return client;
}

async function readKeys(server: EmbeddedServer, signal: AbortSignal): Promise<Keys> {
  const column = (database: DemoDatabase, sql: string): Promise<readonly string[]> =>
    inSession({ server, database, purpose: 'keys', signal }, async (client) => {
      const { rows } = await client.query<{ value: string }>(sql);
      return rows.map((row) => row.value);
    });
  return {
    people: await column('residency', 'select id as value from people order by id limit 500'),
    users: await column('residency', 'select id as value from users order by id limit 500'),
    usernames: await column('residency', 'select username as value from users order by id limit 500'),
    assignments: await column('residency', 'select id as value from assignments order by id limit 2000'),
    runs: await column(
      'backtest',
      'select id as value from backtest_runs order by created_at desc limit 2000',
    ),
    strategies: await column(
      'backtest',
      'select distinct strategy_name as value from backtest_runs order by 1',
    ),
  };
}

function drawFrom(keys: Keys, random: () => number): Draw {
  const below = (limit: number): number => Math.floor(random() * limit);
  return {
    keys,
    get now() {
      return new Date();
    },
    below,
    one(choices) {
      const choice = choices[below(choices.length)];
      if (choice === undefined) throw new RangeError('there is nothing to choose from');
      return choice;
    },
  };
}

/** The generator "mulberry32": small, and good enough to vary questions. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The loop runs for days: the same failure is told once. There are as many as statements times messages. */
function reportOnce(log: (message: string) => void): (name: string, error: unknown) => void {
  const told = new Set<string>();
  return (name, error) => {
    const message = `${name}: ${error instanceof Error ? error.message : String(error)}`;
    if (told.has(message) || told.size >= 100) return;
    told.add(message);
    log(message);
  };
}
