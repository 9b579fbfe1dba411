import { z } from 'zod';
import { assertNever, err, ok, type Result } from '../model/result.ts';
import { quoteIdentifier } from '../plan/sql.ts';
import { codeOf, collectionError, lockNotAvailable } from './errors.ts';
import { untilNextLookMs } from './next-look.ts';
import { readQuery } from './queries.ts';
import { parseFacts } from './rows.ts';
import type { Ask, Session } from './session.ts';

/** What measurements call, each a function of an extension that may or may not be installed, in any schema. */
export interface MeasuringFunction {
  readonly functionName: 'pgstattuple' | 'pgstatginindex' | 'pgstathashindex' | 'pg_freespace';
  readonly extension: string;
  readonly schemaname: string;
  /** Whether this role may run it, and may use the schema that it is in. */
  readonly isExecutable: boolean;
  readonly isReachable: boolean;
}

export const isPermitted = ({ isExecutable, isReachable }: MeasuringFunction): boolean =>
  isExecutable && isReachable;

/** The statements that give `roleName` what it lacks for running the function. */
export function grantsFor(wanted: MeasuringFunction, roleName: string): string {
  const schema = quoteIdentifier(wanted.schemaname);
  const role = quoteIdentifier(roleName);
  return [
    ...(wanted.isReachable ? [] : [`GRANT USAGE ON SCHEMA ${schema} TO ${role};`]),
    ...(wanted.isExecutable
      ? []
      : [
          `GRANT EXECUTE ON FUNCTION ${schema}.${wanted.functionName}(${wanted.functionName === 'pg_freespace' ? 'regclass, bigint' : 'regclass'}) TO ${role};`,
        ]),
  ].join(' ');
}

/** What pgstattuple counted; lengths in bytes. */
export interface IndexReading {
  readonly tableLen: number;
  readonly tupleCount: number;
  readonly tupleLen: number;
  readonly freeSpace: number;
}

/** What pgstathashindex counted. */
export interface HashReading {
  readonly bucketPages: number;
  readonly overflowPages: number;
  readonly bitmapPages: number;
  readonly unusedPages: number;
  readonly liveItems: number;
  readonly blockSizeBytes: number;
}

/** What the free-space map of an index lists, and how long its pending list is (GIN only). */
export interface FreeSpaceReading {
  readonly sizeBytes: number;
  readonly freeBytes: number;
  readonly pendingPages: number | null;
}

/**
 * Why an index could not be measured. `gave-way`: somebody waited for us. `locked`: we would have waited. `busy`: the server has
 * enough to do. `conflict`: a standby cancelled us to go on replaying, or somebody did by hand. `unreachable`: the connection.
 * `cancelled`: we are shutting down.
 */
export const measurementFailures = [
  'gave-way',
  'locked',
  'busy',
  'gone',
  'invalid',
  'unsupported',
  'not-permitted',
  'extension-missing',
  'timeout',
  'conflict',
  'unreachable',
  'cancelled',
  'failed',
] as const;
export type MeasurementFailureKind = (typeof measurementFailures)[number];

export interface MeasurementFailure {
  readonly kind: MeasurementFailureKind;
  /** For the operator; what the server said where it said something. */
  readonly message: string;
}

export interface MeasurementLimits {
  readonly statementTimeoutMs: number;
  /** How often the watching connection asks whether somebody waits. */
  readonly watchIntervalMs: number;
  /** With more client sessions at work on the server nothing is measured. */
  readonly activeBackendsMax: number;
}

export interface MeasurementOptions {
  readonly limits: MeasurementLimits;
  /** Waits between two looks of the watcher; rejects when aborted. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/** One connection reads, the other looks whether anybody waits for it. */
export interface MeasuringSessions {
  readonly measuring: Session;
  readonly watching: Session;
}

const count = z.number().nonnegative();
const functionRow = z.strictObject({
  functionName: z.enum(['pgstattuple', 'pgstatginindex', 'pgstathashindex', 'pg_freespace']),
  extension: z.string(),
  schemaname: z.string(),
  isExecutable: z.boolean(),
  isReachable: z.boolean(),
});
const readingRow = z.strictObject({ tableLen: count, tupleCount: count, tupleLen: count, freeSpace: count });
const hashRow = z.strictObject({
  bucketPages: count,
  overflowPages: count,
  bitmapPages: count,
  unusedPages: count,
  liveItems: count,
  blockSizeBytes: count,
});
const freeSpaceRow = z.strictObject({ sizeBytes: count, freeBytes: count });
const pendingRow = z.strictObject({ pendingPages: count });
const waiterRow = z.strictObject({ backendPid: z.number(), mode: z.string(), isGranted: z.boolean() });
const conditionsRow = z.strictObject({
  activeBackends: count,
  isInRecovery: z.boolean(),
  isThere: z.boolean(),
  backendPid: z.number(),
});

/** A watcher that gets no answer for so long cannot protect anybody: the measurement ends. */
const watchTimeoutMs = 2_000;

const conditionsFile = 'measure-conditions.sql';

/** Which of the functions that measurements need there are in this database, and whether this role may run them. */
export async function measuringFunctions(
  session: Session,
  options: Pick<MeasurementOptions, 'signal'>,
): Promise<Result<readonly MeasuringFunction[], MeasurementFailure>> {
  try {
    return ok(await look(session, options.signal, 'measure-functions.sql', [], functionRow));
  } catch (caught) {
    return err(failureOf(caught, 'looking for pgstattuple'));
  }
}

/** Reads one B-tree or GiST index whole with pgstattuple; gives up as soon as somebody waits for it. */
export function readIndex(
  sessions: MeasuringSessions,
  target: { readonly oid: number; readonly pgstattuple: MeasuringFunction },
  options: MeasurementOptions,
): Promise<Result<IndexReading, MeasurementFailure>> {
  const { oid, pgstattuple } = target;
  return measured(sessions, oid, options, (ask) =>
    answerOf(ask, pgstattuple, 'measure-index.sql', oid, readingRow),
  );
}

/** Reads one hash index whole with pgstathashindex; gives up as soon as somebody waits for it. */
export function readHashIndex(
  sessions: MeasuringSessions,
  target: { readonly oid: number; readonly pgstathashindex: MeasuringFunction },
  options: MeasurementOptions,
): Promise<Result<HashReading, MeasurementFailure>> {
  const { oid, pgstathashindex } = target;
  return measured(sessions, oid, options, (ask) =>
    answerOf(ask, pgstathashindex, 'measure-hash-index.sql', oid, hashRow),
  );
}

/** Reads what the free-space map of an index lists, and of a GIN index the length of its pending list where that can be had. */
export function readFreeSpace(
  sessions: MeasuringSessions,
  target: {
    readonly oid: number;
    readonly pgFreespace: MeasuringFunction;
    readonly pgstatginindex: MeasuringFunction | undefined;
  },
  options: MeasurementOptions,
): Promise<Result<FreeSpaceReading, MeasurementFailure>> {
  const { oid, pgFreespace, pgstatginindex } = target;
  return measured(sessions, oid, options, async (ask) => {
    const map = await answerOf(ask, pgFreespace, 'measure-free-space.sql', oid, freeSpaceRow);
    if (pgstatginindex === undefined) return { ...map, pendingPages: null };
    const list = await answerOf(ask, pgstatginindex, 'measure-pending-list.sql', oid, pendingRow);
    return { ...map, ...list };
  });
}

/** Why a measurement was cancelled from our side. */
class GaveWay extends Error {}

/**
 * One measurement: nobody may hold or want the index exclusively before it begins, the server must not be busy, and while it runs the
 * watcher looks for those who wait. Each look is a transaction of its own on the watching connection.
 */
async function measured<T>(
  { measuring, watching }: MeasuringSessions,
  oid: number,
  options: MeasurementOptions,
  read: (ask: Ask) => Promise<T>,
): Promise<Result<T, MeasurementFailure>> {
  const { limits, now, signal } = options;
  const giveWay = new AbortController();
  const over = new AbortController();
  const waiters = (measuringPid: number) =>
    // Not ended together with the measurement: a late cancel request would hit whatever runs next on this connection.
    look(watching, signal, 'measure-waiters.sql', [oid, measuringPid], waiterRow);
  let startedAtMs = now();
  const watchers: Promise<void>[] = [];
  try {
    if ((await waiters(0)).length > 0)
      return err({ kind: 'locked', message: 'somebody holds it exclusively, or wants to' });
    const both = AbortSignal.any([signal, giveWay.signal]);
    const value = await measuring.transaction(
      { statementTimeoutMs: limits.statementTimeoutMs, signal: both },
      async (ask) => {
        const conditions = only(
          await rowsOf(ask, conditionsFile, readQuery(conditionsFile), [oid], conditionsRow),
        );
        if (!conditions.isThere) return { kind: 'gone', message: 'it was dropped meanwhile' } as const;
        if (conditions.activeBackends > limits.activeBackendsMax) {
          const message = `${conditions.activeBackends} sessions are at work, more than bloat.activeBackendsMax (${limits.activeBackendsMax})`;
          return { kind: 'busy', message } as const;
        }
        watchers.push(watch(() => waiters(conditions.backendPid), giveWay, over.signal, options));
        startedAtMs = now();
        return { kind: 'read', value: await read(ask) } as const;
      },
    );
    return value.kind === 'read' ? ok(value.value) : err(value);
  } catch (caught) {
    if (signal.aborted) return err({ kind: 'cancelled', message: 'cancelled' });
    if (giveWay.signal.aborted) return err(whyGivenWay(giveWay.signal.reason));
    const elapsedMs = now() - startedAtMs;
    const failure = failureOf(caught, 'measuring', elapsedMs >= 0.9 * limits.statementTimeoutMs);
    return err(failure.kind === 'failed' && !(await isThere(watching, oid, signal)) ? gone : failure);
  } finally {
    // The last look may be under way: it ends by itself, and the connection is the collectors' again afterwards.
    over.abort(new Error('the measurement is over'));
    await Promise.all(watchers);
  }
}

const gone: MeasurementFailure = { kind: 'gone', message: 'it was dropped meanwhile' };

const whyGivenWay = (reason: unknown): MeasurementFailure =>
  reason instanceof GaveWay
    ? { kind: 'gave-way', message: reason.message }
    : failureOf(reason, 'watching over the measurement');

/** Looks until the measurement is over; aborts `giveWay` when somebody waits, or when it cannot look any more. */
async function watch(
  waiters: () => Promise<readonly z.infer<typeof waiterRow>[]>,
  giveWay: AbortController,
  over: AbortSignal,
  { limits, sleep, now }: MeasurementOptions,
): Promise<void> {
  while (!over.aborted) {
    try {
      const lookedAtMs = now();
      const [first] = await waiters();
      if (first !== undefined) {
        giveWay.abort(new GaveWay(`process ${first.backendPid} waited for it (${first.mode})`));
        return;
      }
      await sleep(untilNextLookMs(limits.watchIntervalMs, lookedAtMs, now()), over);
    } catch (caught) {
      if (!over.aborted) giveWay.abort(caught);
      return;
    }
  }
}

async function isThere(session: Session, oid: number, signal: AbortSignal): Promise<boolean> {
  try {
    return only(await look(session, signal, conditionsFile, [oid], conditionsRow)).isThere;
  } catch {
    return true;
  }
}

/** Asks a query of the catalogue, in a transaction of its own. */
const look = <Row>(
  session: Session,
  signal: AbortSignal,
  file: string,
  values: readonly unknown[],
  row: z.ZodType<Row>,
): Promise<readonly Row[]> =>
  session.transaction({ statementTimeoutMs: watchTimeoutMs, signal }, (ask) =>
    rowsOf(ask, file, readQuery(file), values, row),
  );

/** What a function of an extension, wherever that is installed, says of one index. */
async function answerOf<Row>(
  ask: Ask,
  { schemaname }: MeasuringFunction,
  file: string,
  oid: number,
  row: z.ZodType<Row>,
): Promise<Row> {
  const sql = readQuery(file).replaceAll('{schema}', quoteIdentifier(schemaname));
  return only(await rowsOf(ask, file, sql, [oid], row));
}

async function rowsOf<Row>(
  ask: Ask,
  file: string,
  sql: string,
  values: readonly unknown[],
  row: z.ZodType<Row>,
): Promise<readonly Row[]> {
  const parsed = await parseFacts(file, await ask(sql, values), row);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value;
}

function only<Row>([first]: readonly Row[]): Row {
  if (first === undefined) throw new Error('measuring: there was no row');
  return first;
}

/**
 * What an error means for the index that was measured. Codes and never words: those may be in any language. A statement that ran into its
 * timeout and one that was cancelled have one code, and are told apart by the time they took.
 */
function failureOf(caught: unknown, doing: string, hasTimedOut = false): MeasurementFailure {
  const error = collectionError(caught, doing);
  const { message } = error;
  switch (codeOf(caught)) {
    case lockNotAvailable:
      return { kind: 'locked', message };
    case '55000':
      return { kind: 'invalid', message };
    case '0A000':
    case '42809':
      return { kind: 'unsupported', message };
    case '42P01':
      return { kind: 'gone', message };
    case '42883':
    case '3F000':
      return { kind: 'extension-missing', message };
    case '42501':
      return { kind: 'not-permitted', message };
    case '57014':
      return { kind: hasTimedOut ? 'timeout' : 'conflict', message };
    case '40001':
    case '40P01':
      return { kind: 'conflict', message };
    default:
      return { kind: error.kind === 'TargetUnavailable' ? 'unreachable' : 'failed', message };
  }
}

/** Whether trying the next index of the same database makes sense after this failure. */
export function endsRound(kind: MeasurementFailureKind): boolean {
  switch (kind) {
    case 'busy':
    case 'conflict':
    case 'unreachable':
    case 'cancelled':
    // Its cancel request may still be on the way: the connection must not be used for another.
    case 'gave-way':
      return true;
    case 'extension-missing':
    case 'not-permitted':
    case 'locked':
    case 'gone':
    case 'invalid':
    case 'unsupported':
    case 'timeout':
    case 'failed':
      return false;
    default:
      return assertNever(kind);
  }
}
