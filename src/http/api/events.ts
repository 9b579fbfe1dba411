import type { RequestHandler } from 'express';
import { type EventKind, eventKinds, type KeptEvent } from '../../model/event.ts';
import type { TargetId } from '../../model/ids.ts';
import { badRequest, sendProblem } from '../problem.ts';
import { queryOf } from '../query.ts';
import { encodeCursor } from './cursor.ts';
import { type AskedPage, byTarget, byWord, createQueryReader, type Page } from './list.ts';

/** Where events are kept. */
export interface EventSource {
  /** Newest first; at most `limit` of those that are older than `before`. */
  readonly eventsOf: (query: {
    readonly target?: TargetId;
    readonly kinds?: readonly string[];
    readonly before?: number;
    readonly limit: number;
  }) => Promise<readonly KeptEvent[]>;
}

/** What events can be asked for by. */
export const eventFilters = {
  ...byTarget,
  kind: byWord<KeptEvent>(eventKinds, (event): EventKind => event.kind, 'Kind of event.'),
};

/** Events read at once while looking for those that are asked for. */
const readAtOnce = 1_000;
/** And at most this many for one page: then the page is short, and `next` goes on behind what was read. */
const readMax = 20_000;

/**
 * `GET /events`: the diary, newest first by id, in the envelope of every list. A page may hold fewer entries than asked for, even
 * none, as long as its `next` is not null: looking further back is another request.
 */
export function serveEvents(
  source: EventSource,
  options: { readonly pageSizeMax: number; readonly now: () => number },
): RequestHandler {
  const read = createQueryReader('events', eventFilters, options);
  return async (request, response) => {
    const asked = read(queryOf(request.url));
    if (!asked.ok) return sendProblem(response, badRequest(asked.error));
    const { events, next = null } = await readEvents(source, asked.value);
    const generatedAt = new Date(options.now()).toISOString();
    response
      .set('Cache-Control', 'no-cache')
      .json({ items: events.map(viewOf), next, generatedAt } satisfies Page);
  };
}

/** A page of the diary, newest first; `next` is the cursor of the following one. */
export async function readEvents(
  source: EventSource,
  asked: AskedPage,
): Promise<{ readonly events: readonly KeptEvent[]; readonly next: string | undefined }> {
  const { server, datname, kind } = asked.filters;
  const [onlyServer, onlyDatname] = [single(server), single(datname)];
  const isWhole = onlyServer !== undefined && onlyDatname !== undefined;
  const isAsked = (event: KeptEvent): boolean =>
    (server?.includes(event.server) ?? true) && (datname?.includes(event.datname) ?? true);
  const found: KeptEvent[] = [];
  let before = asked.after === undefined ? undefined : Number(asked.after);
  let read = 0;
  let isEnd = false;
  while (found.length <= asked.limit && read < readMax && !isEnd) {
    const limit = isWhole || (server ?? datname) === undefined ? asked.limit + 1 : readAtOnce;
    const events = await source.eventsOf({
      ...(isWhole ? { target: { server: onlyServer, datname: onlyDatname } } : {}),
      ...(kind === undefined ? {} : { kinds: kind }),
      ...(before === undefined ? {} : { before }),
      limit,
    });
    read += events.length;
    isEnd = events.length < limit;
    before = events.at(-1)?.id ?? before;
    found.push(...events.filter(isAsked));
  }
  const shown = found.slice(0, asked.limit);
  const last = found.length > asked.limit ? shown.at(-1)?.id : isEnd ? undefined : before;
  return {
    events: shown,
    next: last === undefined ? undefined : encodeCursor(asked.scope, String(last)),
  };
}

const single = (values: readonly string[] | undefined): string | undefined =>
  values?.length === 1 ? values[0] : undefined;

/** An event as the API shows it. */
export const viewOf = ({ atMs, ...event }: KeptEvent): object => ({
  ...event,
  at: new Date(atMs).toISOString(),
});
