import type { NodeName, TargetId } from '../model/ids.ts';
import { seal, unseal } from './blobs.ts';
import type { Database } from './database.ts';
import { nodeIdOf, touchNode } from './names.ts';
import type { Answer, Ask } from './protocol.ts';

/** Blobs are packed and checked here, in the thread. Reading throws `DamagedError` where one is not what was kept. */
export function readUsage(database: Database, target: TargetId, node: NodeName): Answer<'usageOf'> {
  const nodeId = nodeIdOf(database, target, node);
  if (nodeId === undefined) return { checkpoint: undefined, collections: [], forgottenBeforeDay: null };
  const kept = database.get<{
    readonly checkpoint: Uint8Array | null;
    readonly forgottenBeforeDay: number | null;
  }>('select checkpoint, forgotten_before_day as forgottenBeforeDay from node where id = ?', nodeId);
  const collections = database.all<{ readonly collection: Uint8Array }>(
    'select collection from usage_collection where node_id = ? order by id',
    nodeId,
  );
  const sealed = kept?.checkpoint ?? null;
  return {
    checkpoint: sealed === null ? undefined : unseal(sealed),
    collections: collections.map(({ collection }) => unseal(collection)),
    forgottenBeforeDay: kept?.forgottenBeforeDay ?? null,
  };
}

export function appendCollection(database: Database, ask: Ask<'appendUsage'>, nowMs: number): void {
  const nodeId = touchNode(database, ask.target, ask.node, nowMs);
  database.run(
    'insert into usage_collection (node_id, collection) values (?, ?)',
    nodeId,
    seal(ask.collection),
  );
}

export function fold(database: Database, ask: Ask<'foldUsage'>, nowMs: number): void {
  const nodeId = touchNode(database, ask.target, ask.node, nowMs);
  database.run('update node set checkpoint = ? where id = ?', seal(ask.checkpoint), nodeId);
  for (const { day, record } of ask.days)
    database.run(
      `insert into usage_day (node_id, day, record) values (?, ?, ?)
       on conflict (node_id, day) do update set record = excluded.record`,
      nodeId,
      day,
      seal(record),
    );
  database.run('delete from usage_collection where node_id = ?', nodeId);
}

export function readDays(database: Database, ask: Ask<'usageDaysOf'>): Answer<'usageDaysOf'> {
  const nodeId = nodeIdOf(database, ask.target, ask.node);
  if (nodeId === undefined) return [];
  return database
    .all<{ readonly day: number; readonly record: Uint8Array }>(
      'select day, record from usage_day where node_id = ? and day between ? and ? order by day',
      nodeId,
      ask.fromDay,
      ask.toDay,
    )
    .map(({ day, record }) => ({ day, record: unseal(record) }));
}
