import { z } from 'zod';
import { nodesOf, parsePlan, type QueryPlan } from '../analysis/plans/plan.ts';
import type { Probe, ProbeValue } from '../model/probe.ts';
import { err, ok, type Result } from '../model/result.ts';
import { secondMs } from '../model/units.ts';
import { quoteIdentifier } from '../plan/sql.ts';
import { codeOf, collectionError, lockNotAvailable } from './errors.ts';
import { untilNextLookMs } from './next-look.ts';
import { readQuery } from './queries.ts';
import { parseFacts } from './rows.ts';
import type { Ask, Session } from './session.ts';

/**
 * Why a probe gave no plan. `busy`: the server has enough to do, or a standby lags. `refused`: it would write, or nobody knows what
 * it does. `invalid`: it does not fit the database.
 */
export type ProbeFailureKind =
  | 'not-permitted'
  | 'refused'
  | 'invalid'
  | 'locked'
  | 'timeout'
  | 'busy'
  | 'unreachable'
  | 'cancelled'
  | 'failed';

export interface ProbeFailure {
  readonly kind: ProbeFailureKind;
  readonly message: string;
  /** The statement that gives the missing right. */
  readonly grant?: string;
}

/** What one run of a probe showed. */
export interface ProbeRun {
  readonly plan: QueryPlan;
  /** How long planning and running took on the server; undefined where it was only planned. */
  readonly durationMs: number | undefined;
  /** It was ended after `durationMs`, and would have taken longer. */
  readonly isTimeout: boolean;
  /** What it added to the scans of indexes, by oid. */
  readonly ownScans: ReadonlyMap<number, number>;
  /** Under which role it was planned: settings and row security of others may give other plans. */
  readonly roleName: string;
}

export interface ProbeLimits {
  readonly planTimeoutMs: number;
  readonly analyzeTimeoutMs: number;
  readonly watchIntervalMs: number;
  readonly activeBackendsMax: number;
  readonly replicationLagMaxMs: number;
}

export interface ProbeOptions {
  readonly limits: ProbeLimits;
  readonly now: () => number;
  /** Waits between two looks of the watcher; rejects when aborted. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
}

const conditionsRow = z.strictObject({
  activeBackends: z.number(),
  lagSeconds: z.number(),
  roleName: z.string(),
});
const backendRow = z.strictObject({ backendPid: z.number() });
const waiterRow = z.strictObject({ backendPid: z.number(), mode: z.string() });
const scansRow = z.strictObject({ indexOid: z.number(), scans: z.number() });
const rightsRow = z.strictObject({
  schemaname: z.string(),
  relname: z.string(),
  mayUseSchema: z.boolean(),
  roleName: z.string(),
});
const functionsRow = z.strictObject({ schemaname: z.string(), functionName: z.string() });

/** A look of the watcher that takes longer protects nobody. */
const watchTimeoutMs = 2_000;

/** Plans a probe; nothing of it is executed. */
export async function planProbe(
  session: Session,
  probe: Probe,
  { limits, now, signal }: ProbeOptions,
): Promise<Result<ProbeRun, ProbeFailure>> {
  const startedAtMs = now();
  try {
    const run = await session.transaction(
      { statementTimeoutMs: limits.planTimeoutMs, signal },
      async (ask): Promise<ProbeRun> => {
        const { roleName } = await conditionsOf(ask);
        const before = await scansOf(ask);
        await asTheApplication(ask, probe);
        const plan = await explain(ask, 'verbose, format json', probe, now());
        const ownScans = added(before, await scansOf(ask));
        return { plan, durationMs: undefined, isTimeout: false, ownScans, roleName };
      },
    );
    return ok(run);
  } catch (caught) {
    if (signal.aborted) return err({ kind: 'cancelled', message: 'cancelled' });
    const hasTimedOut = now() - startedAtMs >= 0.9 * limits.planTimeoutMs;
    return err(await failureOf(caught, probe, session, { hasTimedOut, limits, signal }));
  }
}

/**
 * Runs a probe, if this is a good moment, while the other connection looks whether it stays one. Its time is that of planning and
 * running on the server; with `TIMING OFF`, since reading the clock for every row would make queries slower than they are.
 */
export async function measureProbe(
  { measuring, watching }: { readonly measuring: Session; readonly watching: Session },
  probe: Probe,
  options: ProbeOptions,
): Promise<Result<ProbeRun, ProbeFailure>> {
  const { limits, now, signal } = options;
  const giveWay = new AbortController();
  const over = new AbortController();
  const watchers: Promise<void>[] = [];
  const both = AbortSignal.any([signal, giveWay.signal]);
  // Not ended together with the probe: a late cancel request would hit whatever runs next on this connection.
  const look = <T>(ask: (look: Ask) => Promise<T>): Promise<T> =>
    watching.transaction({ statementTimeoutMs: watchTimeoutMs, signal }, ask);
  const startedAtMs = now();
  try {
    const atStart = await look(conditionsOf);
    const busy = whyBusy(atStart, limits);
    if (busy !== undefined) return err({ kind: 'busy', message: busy });
    const longestMs = Math.max(limits.analyzeTimeoutMs, limits.planTimeoutMs);
    const run = await measuring.transaction({ statementTimeoutMs: longestMs, signal: both }, async (ask) => {
      const unknown = await rowsOf(ask, 'probe-functions.sql', [probe.functions], functionsRow);
      if (unknown.length > 0) return unknownFunctions(unknown);
      const before = await scansOf(ask);
      await asTheApplication(ask, probe);
      const planned = await explain(ask, 'verbose, format json', probe, now());
      await ask(`set local statement_timeout = ${Math.ceil(limits.analyzeTimeoutMs)}`);
      await ask('savepoint probe');
      const { backendPid } = await oneRow(ask, 'probe-backend.sql', [], backendRow);
      const whyNow = () =>
        look(async (asking) => {
          const [waiter] = await rowsOf(asking, 'probe-waiters.sql', [backendPid], waiterRow);
          return waiter === undefined
            ? whyBusy(await conditionsOf(asking), limits)
            : `process ${waiter.backendPid} waited for it (${waiter.mode})`;
        });
      watchers.push(watch(whyNow, giveWay, over.signal, options));
      const ranAtMs = now();
      const analyzed = await explain(ask, 'analyze, verbose, buffers, timing off, format json', probe, now())
        .then((plan) => ok(plan))
        .catch(async (caught: unknown) => {
          if (both.aborted || !isTimedOut(caught, now() - ranAtMs, limits.analyzeTimeoutMs)) throw caught;
          await ask('rollback to savepoint probe');
          return err(now() - ranAtMs);
        });
      const scans = added(before, await scansOf(ask));
      const { roleName } = atStart;
      if (!analyzed.ok)
        return ok({ plan: planned, durationMs: analyzed.error, isTimeout: true, ownScans: scans, roleName });
      const plan = analyzed.value;
      const durationMs = (plan.planningMs ?? 0) + (plan.executionMs ?? 0);
      const ownScans = await withWorkers(ask, plan, scans);
      return ok({ plan, durationMs, isTimeout: false, ownScans, roleName });
    });
    return run;
  } catch (caught) {
    if (signal.aborted) return err({ kind: 'cancelled', message: 'cancelled' });
    if (giveWay.signal.aborted) return err(whyGivenWay(giveWay.signal.reason));
    const hasTimedOut = now() - startedAtMs >= 0.9 * limits.planTimeoutMs;
    return err(await failureOf(caught, probe, watching, { hasTimedOut, limits, signal }));
  } finally {
    over.abort(new Error('the probe is over'));
    await Promise.all(watchers);
  }
}

const conditionsOf = (ask: Ask): Promise<z.infer<typeof conditionsRow>> =>
  oneRow(ask, 'probe-conditions.sql', [], conditionsRow);

function whyBusy(
  { activeBackends, lagSeconds }: z.infer<typeof conditionsRow>,
  { activeBackendsMax, replicationLagMaxMs }: ProbeLimits,
): string | undefined {
  if (activeBackends > activeBackendsMax)
    return `${activeBackends} sessions are at work, more than probes.activeBackendsMax (${activeBackendsMax})`;
  if (lagSeconds * secondMs > replicationLagMaxMs)
    return `replication lags by ${Math.round(lagSeconds)} s, more than probes.replicationLagMax (${replicationLagMaxMs / secondMs} s)`;
  return undefined;
}

class GaveWay extends Error {}

const whyGivenWay = (reason: unknown): ProbeFailure => ({
  kind: 'busy',
  message:
    reason instanceof GaveWay
      ? `it was cancelled: ${reason.message}`
      : `it was cancelled, since nobody could look after it: ${String(reason)}`,
});

/** Looks until the probe is over; aborts `giveWay` when there is a reason to, or when it cannot look. */
async function watch(
  whyNow: () => Promise<string | undefined>,
  giveWay: AbortController,
  over: AbortSignal,
  { limits, sleep, now }: ProbeOptions,
): Promise<void> {
  let lookedAtMs = now();
  while (!over.aborted) {
    try {
      await sleep(untilNextLookMs(limits.watchIntervalMs, lookedAtMs, now()), over);
      lookedAtMs = now();
      const reason = await whyNow();
      if (reason === undefined) continue;
      if (!over.aborted) giveWay.abort(new GaveWay(reason));
    } catch (caught) {
      if (!over.aborted) giveWay.abort(caught);
    }
    return;
  }
}

const unknownFunctions = (
  functions: readonly z.infer<typeof functionsRow>[],
): Result<never, ProbeFailure> => {
  const names = functions.map(({ schemaname, functionName }) => `${schemaname}.${functionName}()`).join(', ');
  return err({
    kind: 'refused',
    message: `it is not run, since nobody knows what ${names} does: declared volatile; leave analyze out, or declare it stable`,
  });
};

/** Names are looked up, and plans made, as for the application: only what a collector has no use for is put back to the server's settings. */
async function asTheApplication(ask: Ask, { schemaname }: Probe): Promise<void> {
  await ask(`set local search_path = ${quoteIdentifier(schemaname)}`);
  await ask('set local max_parallel_workers_per_gather to default');
  await ask('set local jit to default');
}

async function explain(ask: Ask, how: string, probe: Probe, nowMs: number): Promise<QueryPlan> {
  const values = probe.parameters.map((value) => sent(value, nowMs));
  const { rows } = await ask(`explain (${how}) ${probe.sql}`, values);
  const plan = parsePlan(rows[0]?.[0]);
  if (!plan.ok) throw new Error(plan.error);
  return plan.value;
}

const sent = (value: ProbeValue, nowMs: number): string | null =>
  value.kind === 'fixed' ? value.text : new Date(nowMs - value.ms).toISOString();

async function scansOf(ask: Ask): Promise<ReadonlyMap<number, number>> {
  const rows = await rowsOf(ask, 'probe-scans.sql', [], scansRow);
  return new Map(rows.map(({ indexOid, scans }) => [indexOid, scans]));
}

const added = (
  before: ReadonlyMap<number, number>,
  after: ReadonlyMap<number, number>,
): ReadonlyMap<number, number> =>
  new Map(
    [...after]
      .map(([oid, scans]) => [oid, scans - (before.get(oid) ?? 0)] as const)
      .filter(([, scans]) => scans > 0),
  );

/** Parallel workers report their scans themselves; the plan says how many there were of each index. */
async function withWorkers(
  ask: Ask,
  { root }: QueryPlan,
  scans: ReadonlyMap<number, number>,
): Promise<ReadonlyMap<number, number>> {
  const nodes = [...nodesOf(root)];
  if (!nodes.some(({ workersLaunched = 0 }) => workersLaunched > 0)) return scans;
  const byName = new Map<string, number>();
  for (const { indexName, indexSearches, loops = 0 } of nodes)
    if (indexName !== undefined)
      byName.set(indexName, (byName.get(indexName) ?? 0) + (indexSearches ?? loops));
  const { rows } = await ask(
    `select c.oid::int8, c.relname::text from pg_catalog.pg_class c where c.relname = any ($1::text[]) and c.relkind = 'i'`,
    [[...byName.keys()]],
  );
  const all = new Map(scans);
  for (const [oid, name] of rows)
    all.set(Number(oid), Math.max(all.get(Number(oid)) ?? 0, byName.get(String(name)) ?? 0));
  return all;
}

const isTimedOut = (caught: unknown, elapsedMs: number, timeoutMs: number): boolean =>
  codeOf(caught) === '57014' && elapsedMs >= 0.9 * timeoutMs;

interface Circumstances {
  readonly hasTimedOut: boolean;
  readonly limits: ProbeLimits;
  readonly signal: AbortSignal;
}

/** What an error means for the probe. Codes and never words: those may be in any language. */
async function failureOf(
  caught: unknown,
  probe: Probe,
  session: Session,
  circumstances: Circumstances,
): Promise<ProbeFailure> {
  const error = collectionError(caught, `probe ${probe.name}`);
  const { message } = error;
  switch (codeOf(caught)) {
    case '42501':
    case '42P01':
    case '3F000':
      return (await missingRights(probe, session, circumstances)) ?? { kind: 'invalid', message };
    case '25006':
      return { kind: 'refused', message: `${message}: it would write` };
    case lockNotAvailable:
      return { kind: 'locked', message: `${message}: somebody holds a table of it exclusively` };
    case '57014':
      return circumstances.hasTimedOut
        ? {
            kind: 'timeout',
            message: `planning took longer than probes.planTimeout (${circumstances.limits.planTimeoutMs} ms)`,
          }
        : { kind: 'cancelled', message: 'it was cancelled by somebody' };
    default:
      if (error.kind === 'TargetUnavailable') return { kind: 'unreachable', message };
      return { kind: codeOf(caught)?.startsWith('42') === true ? 'invalid' : 'failed', message };
  }
}

/** The tables of the probe that the role may not read; undefined where there is none, and something else is wrong. */
async function missingRights(
  { names, schemaname }: Probe,
  session: Session,
  { limits, signal }: Circumstances,
): Promise<ProbeFailure | undefined> {
  if (!session.isOpen) return undefined;
  const missing = await session
    .transaction({ statementTimeoutMs: limits.planTimeoutMs, signal }, (ask) =>
      rowsOf(ask, 'probe-rights.sql', [names, [schemaname]], rightsRow),
    )
    .catch(() => []);
  const [first] = missing;
  if (first === undefined) return undefined;
  const role = quoteIdentifier(first.roleName);
  const schemas = [
    ...new Set(missing.filter(({ mayUseSchema }) => !mayUseSchema).map((one) => one.schemaname)),
  ];
  const tables = missing.map((one) => `${quoteIdentifier(one.schemaname)}.${quoteIdentifier(one.relname)}`);
  return {
    kind: 'not-permitted',
    message: `role ${first.roleName} may not read ${missing.map((one) => `${one.schemaname}.${one.relname}`).join(', ')}`,
    grant: [
      ...schemas.map((schema) => `GRANT USAGE ON SCHEMA ${quoteIdentifier(schema)} TO ${role};`),
      `GRANT SELECT ON ${tables.join(', ')} TO ${role};`,
    ].join(' '),
  };
}

async function rowsOf<Row>(
  ask: Ask,
  file: string,
  values: readonly unknown[],
  row: z.ZodType<Row>,
): Promise<readonly Row[]> {
  const parsed = await parseFacts(file, await ask(readQuery(file), values), row);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value;
}

async function oneRow<Row>(
  ask: Ask,
  file: string,
  values: readonly unknown[],
  row: z.ZodType<Row>,
): Promise<Row> {
  const [first] = await rowsOf(ask, file, values, row);
  if (first === undefined) throw new Error(`${file}: there was no row`);
  return first;
}
