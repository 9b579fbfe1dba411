import type { NodeName, TargetId } from '../model/ids.ts';
import { dayMs } from '../model/units.ts';
import type { Database } from './database.ts';

/*
 * Targets and nodes stand in the tables as small numbers. When something of them was last kept is noted to the day, so that most
 * writes leave their rows alone; what was not written for the whole retention is forgotten (see upkeep.ts).
 */

interface Named {
  readonly id: number;
  readonly kept_at_ms: number;
}

/** The number of a target; undefined where nothing was ever kept of it. */
export const targetIdOf = (database: Database, target: TargetId): number | undefined =>
  findTarget(database, target)?.id;

const findTarget = (database: Database, { server, datname }: TargetId): Named | undefined =>
  database.get<Named>('select id, kept_at_ms from target where server = ? and datname = ?', server, datname);

/** The number of a target of which something is being kept. */
export function touchTarget(database: Database, target: TargetId, nowMs: number): number {
  const known = findTarget(database, target);
  if (known === undefined) {
    database.run(
      'insert into target (server, datname, kept_at_ms) values (?, ?, ?)',
      target.server,
      target.datname,
      nowMs,
    );
    return targetIdOf(database, target) ?? 0;
  }
  if (isStale(known, nowMs)) database.run('update target set kept_at_ms = ? where id = ?', nowMs, known.id);
  return known.id;
}

/** The number of a target's node; undefined where nothing was ever kept of it. */
export function nodeIdOf(database: Database, target: TargetId, node: NodeName): number | undefined {
  const targetId = targetIdOf(database, target);
  return targetId === undefined ? undefined : findNode(database, targetId, node)?.id;
}

const findNode = (database: Database, targetId: number, node: NodeName): Named | undefined =>
  database.get<Named>('select id, kept_at_ms from node where target_id = ? and name = ?', targetId, node);

/** The number of a node of which something is being kept. */
export function touchNode(database: Database, target: TargetId, node: NodeName, nowMs: number): number {
  const targetId = touchTarget(database, target, nowMs);
  const known = findNode(database, targetId, node);
  if (known === undefined) {
    database.run('insert into node (target_id, name, kept_at_ms) values (?, ?, ?)', targetId, node, nowMs);
    return findNode(database, targetId, node)?.id ?? 0;
  }
  if (isStale(known, nowMs)) database.run('update node set kept_at_ms = ? where id = ?', nowMs, known.id);
  return known.id;
}

const isStale = ({ kept_at_ms }: Named, nowMs: number): boolean => Math.abs(nowMs - kept_at_ms) >= dayMs;
