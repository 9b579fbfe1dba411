import { setImmediate as nextTurn } from 'node:timers/promises';
import type { IndexView, TableView } from '../analysis/catalogue.ts';
import type { Generation } from '../findings/generation.ts';
import { indexSubject, tableSubject } from '../history/subjects.ts';
import { indexTimeline, type ReadPast, tableTimeline } from '../history/timeline/timeline.ts';
import {
  type DayRange,
  indexDayIn,
  indexToday,
  type ObservedDay,
  tableDayIn,
  tableToday,
  type UsageByDay,
  type WatchedSubject,
  watchedSubject,
} from '../history/timeline/usage-days.ts';
import { DamagedBlob } from '../history/usage/bytes.ts';
import { lastDayOf, type UsageHistory } from '../history/usage/history.ts';
import { dayOf } from '../history/usage/state.ts';
import type { NotNow, Past } from '../http/knowledge.ts';
import type { EventKind, KeptEvent } from '../model/event.ts';
import type { NodeName } from '../model/ids.ts';
import { err, ok, type Result } from '../model/result.ts';
import { dayMs, KiB } from '../model/units.ts';
import type { Store } from '../store/store.ts';

export interface PastOptions {
  readonly store: Pick<Store, 'usageDaysOf' | 'eventsOf'>;
  /** `history.chartDays` */
  readonly daysMax: number;
  /** `history.chartBytes` */
  readonly bytesMax: number;
}

/** Requests that wait for those before them; whoever comes then is told to come again. */
const waitingMax = 16;
/** Days asked of the store at once: some megabytes of a very large database. */
const daysAtOnce = 8;
/** Records decoded between two turns of the event loop: some milliseconds' work. */
const bytesPerTurn = 256 * KiB;
/** Events read at once, read at most, and told. */
const eventsAtOnce = 1_000;
const eventsReadMax = 10_000;
const eventsMax = 200;

/** What a chart tells of besides numbers. */
const eventKinds: readonly EventKind[] = [
  'index-created',
  'index-dropped',
  'index-changed',
  'index-rebuilt',
  'index-used-again',
  'index-stopped-being-used',
  'statistics-reset',
];

/** Reads the past of single indexes and tables from what is kept: one request at a time, and each within bounds. */
export function createPast({ store, daysMax, bytesMax }: PastOptions): Past {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  const inTurn = async <T>(read: () => Promise<T>): Promise<Result<T, NotNow>> => {
    if (waiting >= waitingMax)
      return err({ kind: 'busy', message: 'too many histories are asked for at once' });
    waiting += 1;
    const result = last.then(read);
    last = result.catch(() => {});
    try {
      return ok(await result);
    } catch (caught) {
      return err({ kind: 'unreadable', message: `what is kept could not be read: ${String(caught)}` });
    } finally {
      waiting -= 1;
    }
  };

  const rangeOf = ({ publishedAtMs }: Generation, days: number): DayRange => {
    const toDay = dayOf(publishedAtMs);
    return { fromDay: toDay - Math.min(days, daysMax) + 1, toDay };
  };

  const read = async <Day>(
    generation: Generation,
    range: DayRange,
    of: Reading<Day>,
    isAbout: (event: KeptEvent) => boolean,
  ): Promise<ReadPast<Day>> => {
    const usage = await readUsage(store, generation, range, of, bytesMax);
    const happened = await readEvents(store, generation, range.fromDay * dayMs, isAbout);
    return { range, usage: usage.byNode, events: happened.events, isCut: usage.isCut || happened.isCut };
  };

  return {
    daysMax,
    ofIndex: (generation, index, days) =>
      inTurn(async () => {
        const subject = generation.usage?.subjectOf?.(index) ?? indexSubject(index);
        const of: Reading<NonNullable<ReturnType<typeof indexToday>>['counts'] & object> = {
          kind: 'index',
          subject,
          today: indexToday,
          on: indexDayIn,
        };
        const past = await read(generation, rangeOf(generation, days), of, aboutIndex(index));
        return indexTimeline(index, past, generation.sizes?.ofIndex ?? (() => []));
      }),
    ofTable: (generation, table, days) =>
      inTurn(async () => {
        const of: Reading<NonNullable<ReturnType<typeof tableToday>>['counts'] & object> = {
          kind: 'table',
          subject: tableSubject(table),
          today: tableToday,
          on: tableDayIn,
        };
        const past = await read(generation, rangeOf(generation, days), of, aboutTable(table));
        return tableTimeline(past, generation.sizes?.ofTable(table) ?? []);
      }),
  };
}

interface Reading<Day> {
  readonly kind: WatchedSubject['kind'];
  /** Undefined while the definition is unknown. */
  readonly subject: string | undefined;
  readonly today: (history: UsageHistory, subject: string) => ObservedDay<Day> | undefined;
  readonly on: (record: Uint8Array, subject: WatchedSubject) => ObservedDay<Day> | undefined;
}

/** One node, what is asked of it, and what was found. */
interface NodeReading<Day> {
  readonly node: NodeName;
  readonly history: UsageHistory | undefined;
  readonly watched: WatchedSubject | undefined;
  readonly days: Map<number, ObservedDay<Day>>;
}

/** The newest days of all nodes first, so that a cut leaves the same days out everywhere. */
async function readUsage<Day>(
  store: PastOptions['store'],
  { target, usage }: Generation,
  range: DayRange,
  { kind, subject, today, on }: Reading<Day>,
  bytesMax: number,
): Promise<{ readonly byNode: readonly UsageByDay<Day>[]; readonly isCut: boolean }> {
  const nodes = (usage?.nodes ?? []).map(({ node, history }): NodeReading<Day> => {
    const watched =
      subject === undefined || history === undefined ? undefined : watchedSubject(history, kind, subject);
    const days = new Map<number, ObservedDay<Day>>();
    const now = subject === undefined || history === undefined ? undefined : today(history, subject);
    if (history !== undefined && now !== undefined) days.set(lastDayOf(history), now);
    return { node, history, watched, days };
  });
  const firstDay = Math.max(
    range.fromDay,
    Math.min(...nodes.map(({ watched }) => watched?.firstDay ?? Number.POSITIVE_INFINITY)),
  );
  let bytes = 0;
  let sinceTurn = 0;
  let isCut = false;
  for (let toDay = range.toDay; toDay >= firstDay && !isCut; toDay -= daysAtOnce) {
    const fromDay = Math.max(firstDay, toDay - daysAtOnce + 1);
    for (const { node, history, watched, days } of nodes) {
      if (history === undefined || watched === undefined || watched.firstDay > toDay) continue;
      const ended = history.endedDays.filter(({ day }) => day >= fromDay && day <= toDay);
      for (const { day, record } of [...(await store.usageDaysOf(target, node, fromDay, toDay)), ...ended]) {
        // Of the newest day the memory knows more than a record of its beginning.
        if (day >= lastDayOf(history)) continue;
        bytes += record.length;
        sinceTurn += record.length;
        if (sinceTurn > bytesPerTurn) {
          sinceTurn = 0;
          await nextTurn();
        }
        const known = dayIn(() => on(record, watched));
        if (known !== undefined) days.set(day, known);
      }
    }
    isCut = bytes > bytesMax && fromDay > firstDay;
  }
  return { byNode: nodes, isCut };
}

/** A damaged record is a day of which nothing is known. */
function dayIn<Day>(read: () => Day | undefined): Day | undefined {
  try {
    return read();
  } catch (caught) {
    if (caught instanceof DamagedBlob) return undefined;
    throw caught;
  }
}

async function readEvents(
  store: PastOptions['store'],
  { target }: Generation,
  sinceMs: number,
  isAbout: (event: KeptEvent) => boolean,
): Promise<{ readonly events: readonly KeptEvent[]; readonly isCut: boolean }> {
  const found: KeptEvent[] = [];
  let before: number | undefined;
  for (let read = 0; read < eventsReadMax; read += eventsAtOnce) {
    const events = await store.eventsOf({
      target,
      kinds: eventKinds,
      limit: eventsAtOnce,
      ...(before === undefined ? {} : { before }),
    });
    found.push(...events.filter((event) => event.atMs >= sinceMs && isAbout(event)));
    const oldest = events.at(-1);
    if (events.length < eventsAtOnce || oldest === undefined || oldest.atMs < sinceMs)
      return { events: found.slice(0, eventsMax), isCut: found.length > eventsMax };
    before = oldest.id;
  }
  return { events: found.slice(0, eventsMax), isCut: true };
}

/** What happened to it, and to all counters of a node. */
const aboutIndex =
  ({ name, table }: IndexView) =>
  ({ schemaname, indexrelname }: KeptEvent): boolean =>
    schemaname === null || (schemaname === table.schemaname && indexrelname === name);

const aboutTable =
  (table: TableView) =>
  ({ schemaname, relname }: KeptEvent): boolean =>
    schemaname === null || (schemaname === table.schemaname && relname === table.relname);
