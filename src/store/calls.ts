import type { Database } from './database.ts';
import { isWhole, whole } from './documents.ts';
import { ledgerRowsOf } from './ledger-json.ts';
import { readLedger, writeLedger } from './ledger-rows.ts';
import { targetIdOf, touchTarget } from './names.ts';
import { unpacked } from './parcels.ts';
import type { Answer, Ask, CallKind, EventRow } from './protocol.ts';
import { appendCollection, fold, readDays, readUsage } from './usage-rows.ts';

/** What a call may need besides what was sent with it. */
interface Surroundings {
  readonly nowMs: number;
}

type Handler<K extends CallKind> = (database: Database, ask: Ask<K>, surroundings: Surroundings) => Answer<K>;
type Handlers = { readonly [K in CallKind]: Handler<K> };

const handlers: Handlers = {
  ledgerOf: (database, { target }) => readLedger(database, target),
  keepLedger: (database, { target, ledger, events }, { nowMs }) => {
    writeLedger(database, target, ledgerRowsOf(ledger), nowMs);
    for (const event of events) writeEvent(database, event, nowMs);
    return null;
  },
  eventsOf: readEvents,
  mutes: (database) =>
    whole(
      'mute',
      database.all<{ readonly body: string; readonly isWhole: number }>(
        `select body, ${isWhole('mute')} as isWhole from mute order by rowid`,
      ),
    ).map(({ body }) => body),
  keepMute: (database, { findingId, body }) => {
    database.run(
      `insert into mute (finding_id, body, sum) values (?1, ?2, checksum(?1, ?2))
       on conflict do update set body = excluded.body, sum = excluded.sum`,
      findingId,
      body,
    );
    return null;
  },
  liftMute: (database, { findingId }) => {
    database.run('delete from mute where finding_id = ?', findingId);
    return null;
  },
  recordsOf: (database, { target, kind, after, limit }) => {
    const targetId = targetIdOf(database, target);
    if (targetId === undefined) return [];
    return whole(
      'record',
      database.all<{ readonly key: string; readonly body: string; readonly isWhole: number }>(
        `select key, body, ${isWhole('record')} as isWhole from record
         where target_id = ? and kind = ? ${after === undefined ? '' : 'and key > ?'} order by key limit ?`,
        ...[targetId, kind, ...(after === undefined ? [] : [after]), limit],
      ),
    ).map(({ key, body }) => ({ key, body }));
  },
  keepRecords: (database, { target, kind, changes }, { nowMs }) => {
    const targetId = touchTarget(database, target, nowMs);
    for (const [quotedKey = '', body = ''] of unpacked(changes)) {
      const key = JSON.parse(quotedKey) as string;
      if (body === '')
        database.run('delete from record where target_id = ? and kind = ? and key = ?', targetId, kind, key);
      else
        database.run(
          `insert into record (target_id, kind, key, body, sum) values (?1, ?2, ?3, ?4, checksum(?2, ?3, ?4))
           on conflict do update set body = excluded.body, sum = excluded.sum where body is not excluded.body`,
          targetId,
          kind,
          key,
          body,
        );
    }
    return null;
  },
  usageOf: (database, { target, node }) => readUsage(database, target, node),
  appendUsage: (database, ask, { nowMs }) => {
    appendCollection(database, ask, nowMs);
    return null;
  },
  foldUsage: (database, ask, { nowMs }) => {
    fold(database, ask, nowMs);
    return null;
  },
  usageDaysOf: (database, ask) => readDays(database, ask),
};

/** Those that change something. */
const writing: ReadonlySet<CallKind> = new Set([
  'keepLedger',
  'keepMute',
  'liftMute',
  'keepRecords',
  'appendUsage',
  'foldUsage',
]);

export const isWriting = (call: CallKind): boolean => writing.has(call);

/** Does what was asked, a change all or not at all. Throws what SQLite throws, and `DamagedError`. */
export function perform<K extends CallKind>(
  database: Database,
  call: K,
  ask: Ask<K>,
  surroundings: Surroundings,
): Answer<K> {
  // An indexed access cannot tell the compiler that key and handler belong together.
  const handler = handlers[call] as Handler<K>;
  const work = (): Answer<K> => handler(database, ask, surroundings);
  return isWriting(call) ? database.transaction(work) : work();
}

function writeEvent(database: Database, { target, kind, atMs, body }: EventRow, nowMs: number): void {
  database.run(
    'insert into event (target_id, kind, at_ms, body, sum) values (?1, ?2, ?3, ?4, checksum(?2, ?3, ?4))',
    touchTarget(database, target, nowMs),
    kind,
    atMs,
    body,
  );
}

function readEvents(database: Database, ask: Ask<'eventsOf'>): Answer<'eventsOf'> {
  const targetId = ask.target === undefined ? undefined : targetIdOf(database, ask.target);
  if (ask.target !== undefined && targetId === undefined) return [];
  // Written out for each case, so that each has its index: with `? is null or …` none would.
  const conditions = [
    ...(targetId === undefined ? [] : [{ sql: 'target_id = ?', cell: targetId }]),
    ...(ask.kinds === undefined
      ? []
      : [{ sql: 'kind in (select value from json_each(?))', cell: JSON.stringify(ask.kinds) }]),
    ...(ask.before === undefined ? [] : [{ sql: 'id < ?', cell: ask.before }]),
  ];
  const where = conditions.length === 0 ? '' : `where ${conditions.map(({ sql }) => sql).join(' and ')}`;
  return whole(
    'event',
    database.all<{ readonly id: number; readonly body: string; readonly isWhole: number }>(
      `select id, body, ${isWhole('event')} as isWhole from event ${where} order by id desc limit ?`,
      ...conditions.map(({ cell }) => cell),
      ask.limit,
    ),
  ).map(({ id, body }) => ({ id, body }));
}
