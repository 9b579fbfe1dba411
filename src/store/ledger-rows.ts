import type { TargetId } from '../model/ids.ts';
import type { Database } from './database.ts';
import { isWhole, whole } from './documents.ts';
import { targetIdOf, touchTarget } from './names.ts';
import type { FindingRow, LedgerRows } from './protocol.ts';

/*
 * Findings are rows of their own, and a row is written only where it differs from what is there: of thousands of findings an
 * evaluation usually changes few. All that are still found have the same `lastSeen`; it stands once, at the ledger, and the row
 * says null.
 */

export function readLedger(database: Database, target: TargetId): LedgerRows | undefined {
  const targetId = targetIdOf(database, target);
  if (targetId === undefined) return undefined;
  const [ledger] = whole(
    'ledger',
    database.all<{ readonly rest: string; readonly seen_at: string | null; readonly isWhole: number }>(
      `select rest, seen_at, ${isWhole('ledger')} as isWhole from ledger where target_id = ?`,
      targetId,
    ),
  );
  if (ledger === undefined) return undefined;
  const findings = whole(
    'finding',
    database.all<FindingRow & { readonly isWhole: number }>(
      `select id, body, coalesce(last_seen, ?) as lastSeen, ${isWhole('finding')} as isWhole
         from finding where target_id = ? order by rowid`,
      ledger.seen_at,
      targetId,
    ),
  );
  return { rest: ledger.rest, findings: findings.map(({ id, body, lastSeen }) => ({ id, body, lastSeen })) };
}

/** Keeps what is new and different, and drops what is gone: how long resolved findings stay is for the ledger to say. */
export function writeLedger(
  database: Database,
  target: TargetId,
  { rest, findings }: LedgerRows,
  nowMs: number,
): void {
  const targetId = touchTarget(database, target, nowMs);
  const seenAt = findings.reduce((latest, { lastSeen }) => (lastSeen > latest ? lastSeen : latest), '');
  database.run(
    `insert into ledger (target_id, rest, seen_at, sum) values (?1, ?2, ?3, checksum(?2, ?3))
     on conflict (target_id) do update set rest = excluded.rest, seen_at = excluded.seen_at, sum = excluded.sum
     where rest is not excluded.rest or seen_at is not excluded.seen_at`,
    targetId,
    rest,
    seenAt,
  );
  const gone = new Set(
    database
      .all<{ readonly id: string }>('select id from finding where target_id = ?', targetId)
      .map(({ id }) => id),
  );
  for (const { id, body, lastSeen } of findings) {
    gone.delete(id);
    database.run(
      `insert into finding (target_id, id, body, last_seen, sum) values (?1, ?2, ?3, ?4, checksum(?2, ?3, ?4))
       on conflict (target_id, id) do update
         set body = excluded.body, last_seen = excluded.last_seen, sum = excluded.sum
       where body is not excluded.body or last_seen is not excluded.last_seen`,
      targetId,
      id,
      body,
      lastSeen === seenAt ? null : lastSeen,
    );
  }
  for (const id of gone) database.run('delete from finding where target_id = ? and id = ?', targetId, id);
}
