import { columnStatisticsView } from '../collectors/column-statistics.ts';
import type { Collector } from '../collectors/define.ts';
import { catalogueFingerprints } from '../collectors/fingerprints.ts';
import { type CollectorName, collectorNames, collectors } from '../collectors/index.ts';
import type { TableFact } from '../collectors/inventory.ts';
import type { ServerFact } from '../collectors/server.ts';
import type { Snapshot } from '../collectors/snapshot.ts';
import { type Expectation, expectedTable } from '../model/expectation.ts';
import type { CollectionError, Outcome } from '../model/outcome.ts';
import { type RunOptions, runCollector } from '../postgres/run-collector.ts';
import type { Session } from '../postgres/session.ts';
import { collectStatements, type StatementLimits } from '../postgres/statements.ts';
import type { Clock } from '../scheduler/clock.ts';
import { Inventory, wantsFingerprints, withNewCounts } from './inventory.ts';

export interface PassLimits extends StatementLimits {
  readonly bisectionBudgetMs: number;
  readonly secondLookDelayMs: number;
  readonly rowsMax: number;
  readonly rowsPerSlice: number;
  /** How long an inventory is kept while the catalogue does not change; 0 reads it each time. */
  readonly rereadInventoryAfterMs: number;
  readonly statementTimeoutMs: (name: CollectorName) => number;
}

/** The oldest server this program knows; its catalogues differ below. */
const oldestVersionNum = 130_000;

/**
 * Runs the named collectors once, in the order that joins need, and returns the snapshot with their new outcomes in it. The server's own
 * facts are read first in every pass, since the other queries depend on its version. An inventory is read only where the catalogue
 * changed since the last one; else its facts are kept, with the counts that come with the sizes. The second look at invalid indexes comes
 * last and waits until enough time has passed since the inventory; where nothing looked invalid it does not ask at all.
 */
export async function runPass(
  session: Session,
  names: ReadonlySet<CollectorName>,
  previous: Snapshot,
  options: {
    readonly limits: PassLimits;
    readonly clock: Clock;
    readonly signal: AbortSignal;
    /** Whose tables' columns are read. */
    readonly expectations?: readonly Expectation[];
  },
): Promise<Snapshot> {
  const { limits, clock, signal } = options;
  const outcomes: Partial<Record<CollectorName, Outcome<unknown>>> = { ...previous.outcomes };
  const runOptions = (name: CollectorName, server: ServerFact | undefined): RunOptions => ({
    versionNum: server?.versionNum ?? oldestVersionNum,
    roleName: server?.roleName,
    statementTimeoutMs: limits.statementTimeoutMs(name),
    bisectionBudgetMs: limits.bisectionBudgetMs,
    rowsMax: limits.rowsMax,
    rowsPerSlice: limits.rowsPerSlice,
    ...(name === 'expected-columns' ? { values: expectedTables(options.expectations ?? []) } : {}),
    ...(name === 'candidate-columns' ? { values: mostReadTables(outcomes) } : {}),
    now: clock.now,
    signal,
  });

  const serverOutcome = await runCollector(session, collectors.server, runOptions('server', undefined));
  outcomes.server = serverOutcome;
  const server = serverOutcome.kind === 'collected' ? serverOutcome.facts[0] : undefined;
  const unsupported = whyUnsupported(server);
  const inventory =
    server === undefined || unsupported !== undefined
      ? undefined
      : await openInventory(session, previous, server, {
          names,
          rereadAfterMs: limits.rereadInventoryAfterMs,
          run: runOptions('indexes', server),
        });
  for (const name of collectorNames) {
    if (name === 'server' || !names.has(name)) continue;
    if (unsupported !== undefined) {
      outcomes[name] = {
        ...{ kind: 'failed', collectedAtMs: clock.now(), durationMs: 0 },
        error: { kind: 'UnsupportedVersion', message: unsupported },
      };
    } else if (server === undefined) {
      outcomes[name] = serverOutcome.kind === 'failed' ? serverOutcome : notCollected(clock.now());
    } else if (name === 'invalid-indexes') {
      outcomes[name] = await lookAgain(
        outcomes.indexes,
        () => run(session, name, server, runOptions(name, server), previous),
        options,
      );
    } else if (name === 'statements') {
      outcomes[name] = await collectStatements(session, { ...limits, ...runOptions(name, server) });
    } else {
      const read = async (name: CollectorName): Promise<Outcome<unknown>> => {
        const outcome = await run(session, name, server, runOptions(name, server), previous);
        inventory?.note(name, outcome);
        return outcome;
      };
      outcomes[name] = inventory?.again(name) ?? (await read(name));
      if (name === 'relation-sizes')
        for (const counted of inventory?.uncounted ?? []) {
          // Old counts are not passed off as new: they stay with their time where the connection is lost.
          const recounted =
            withNewCounts(counted, outcomes) ??
            (session.isOpen ? await read(counted) : previous.outcomes[counted]);
          if (recounted !== undefined) outcomes[counted] = recounted;
        }
    }
    if (!session.isOpen && !signal.aborted) {
      // The connection broke under this collector: the rest would each wait for its own error.
      failRest(outcomes, names, name, clock.now());
      break;
    }
  }
  // Each outcome was made by its own collector; the mapped type cannot follow the loop.
  return {
    ...previous,
    takenAtMs: clock.now(),
    outcomes: outcomes as Snapshot['outcomes'],
    ...(inventory && { readings: inventory.readings }),
  };
}

/** Reads the fingerprints where that may save reading an inventory. That they cannot be read costs no more than that. */
async function openInventory(
  session: Session,
  previous: Snapshot,
  server: ServerFact,
  options: {
    readonly names: ReadonlySet<CollectorName>;
    readonly rereadAfterMs: number;
    readonly run: RunOptions;
  },
): Promise<Inventory> {
  const { names, rereadAfterMs } = options;
  const read = wantsFingerprints(names, rereadAfterMs)
    ? await runCollector(session, catalogueFingerprints, options.run)
    : undefined;
  return new Inventory({ previous, names, rereadAfterMs, server, read });
}

/** The tables that expectations name, as the query wants them: schemas and, at the same places, tables. */
function expectedTables(
  expectations: readonly Expectation[],
): readonly [readonly string[], readonly string[]] {
  const tables = [...new Map(expectations.map((one) => [expectedTable(one), one])).values()];
  return [tables.map(({ schemaname }) => schemaname), tables.map(({ relname }) => relname)];
}

/** No more tables are worth a thought about their indexes at any one time, and the rest is not asked about. */
const mostReadMax = 200;

/** The tables that are read sequentially most, as the query wants them; none before inventory and counters were read. */
function mostReadTables(
  outcomes: Partial<Record<CollectorName, Outcome<unknown>>>,
): readonly [readonly string[], readonly string[]] {
  // The facts under these names are those collectors' own.
  const { tables, 'table-usage': usage } = outcomes as Snapshot['outcomes'];
  if (tables?.kind !== 'collected' || usage?.kind !== 'collected') return [[], []];
  const rowsRead = new Map<number, number>();
  for (const fact of usage.facts)
    if (fact.sequentialRowsReadTotal > 0) rowsRead.set(fact.tableOid, fact.sequentialRowsReadTotal);
  // Of a partitioned table only its partitions are counted: it comes along whatever they say.
  const readOf = ({ relkind, tableOid }: TableFact): number =>
    relkind === 'p' ? Number.MAX_SAFE_INTEGER : (rowsRead.get(tableOid) ?? 0);
  const read: TableFact[] = [];
  const unread: TableFact[] = [];
  for (const table of tables.facts) {
    if (readOf(table) > 0) read.push(table);
    else if (unread.length < mostReadMax) unread.push(table);
  }
  read.sort((a, b) => readOf(b) - readOf(a) || a.tableOid - b.tableOid);
  const most = [...read, ...unread].slice(0, mostReadMax);
  return [most.map(({ schemaname }) => schemaname), most.map(({ relname }) => relname)];
}

/** The snapshot of a target that could not be reached: every collector asked for has failed, in the same words. */
export function unreachable(
  names: ReadonlySet<CollectorName>,
  previous: Snapshot,
  error: CollectionError,
  nowMs: number,
): Snapshot {
  const failed: Outcome<never> = { kind: 'failed', error, collectedAtMs: nowMs, durationMs: 0 };
  const outcomes = {
    ...previous.outcomes,
    ...Object.fromEntries([...names, 'server'].map((name) => [name, failed])),
  };
  return { ...previous, takenAtMs: nowMs, outcomes };
}

function run(
  session: Session,
  name: CollectorName,
  server: ServerFact,
  options: RunOptions,
  previous: Snapshot,
): Promise<Outcome<unknown>> {
  const collector: Collector<string, unknown> =
    name === 'column-statistics' && server.hasColumnStatisticsView
      ? asUnknown(columnStatisticsView)
      : asUnknown(collectors[name]);
  return runCollector(session, collector, options, previous.outcomes[name]);
}

/** A collector whose facts nobody here looks into; `lockedRelation` makes the type invariant, its own facts are all it is given. */
const asUnknown = (collector: unknown): Collector<string, unknown> => collector as Collector<string, unknown>;

function whyUnsupported(server: ServerFact | undefined): string | undefined {
  if (server === undefined || server.versionNum >= oldestVersionNum) return undefined;
  return `PostgreSQL ${server.version} is older than 13, the oldest that is supported`;
}

const notCollected = (nowMs: number): Outcome<never> => ({
  kind: 'skipped',
  reason: 'the facts of the server itself could not be read',
  collectedAtMs: nowMs,
});

/** Waits until the second look is due and takes it; with nothing invalid in the inventory there is nothing to look at. */
async function lookAgain(
  inventory: Outcome<unknown> | undefined,
  look: () => Promise<Outcome<unknown>>,
  {
    limits,
    clock,
    signal,
  }: { readonly limits: PassLimits; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Outcome<unknown>> {
  if (inventory?.kind !== 'collected') {
    return { kind: 'skipped', reason: 'there is no inventory to look at again', collectedAtMs: clock.now() };
  }
  // The facts under this name are the inventory's.
  const facts = inventory.facts as Extract<
    NonNullable<Snapshot['outcomes']['indexes']>,
    { kind: 'collected' }
  >['facts'];
  const isSuspect = facts.some((fact) => !(fact.isValid && fact.isReady && fact.isLive));
  if (!isSuspect) {
    return { kind: 'collected', facts: [], collectedAtMs: clock.now(), durationMs: 0, skippedRelations: [] };
  }
  const readAtMs = inventory.collectedAtMs + inventory.durationMs;
  // An inventory from the future was read before the clock was set back; nobody waits for that time to come again.
  const dueInMs = Math.min(limits.secondLookDelayMs, readAtMs + limits.secondLookDelayMs - clock.now());
  if (dueInMs > 0) await clock.sleep(dueInMs, signal).catch(() => {});
  return look();
}

function failRest(
  outcomes: Partial<Record<CollectorName, Outcome<unknown>>>,
  names: ReadonlySet<CollectorName>,
  broken: CollectorName,
  nowMs: number,
): void {
  const cause = outcomes[broken];
  const message = cause?.kind === 'failed' ? cause.error.message : 'the connection was lost';
  const rest = collectorNames.slice(collectorNames.indexOf(broken) + 1).filter((name) => names.has(name));
  for (const name of rest) {
    outcomes[name] = {
      kind: 'failed',
      error: { kind: 'TargetUnavailable', message },
      collectedAtMs: nowMs,
      durationMs: 0,
    };
  }
}
