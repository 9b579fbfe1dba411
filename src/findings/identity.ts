import { createHash } from 'node:crypto';
import type { Draft } from '../detectors/draft.ts';
import type { TargetId } from '../model/ids.ts';

/**
 * The finding's id: 16 hex digits of sha256 over names, never oids, so that it outlives rebuilds, restarts and restores.
 */
export function findingId(target: TargetId, draft: Pick<Draft, 'kind' | 'table' | 'subject'>): string {
  const { kind, table, subject } = draft;
  const text = [kind, target.server, target.datname, table.schemaname, table.relname, subject].join('|');
  // Not cut from the whole digest, which a part of it would hold on to.
  return createHash('sha256').update(text).digest().toString('hex', 0, 8);
}
