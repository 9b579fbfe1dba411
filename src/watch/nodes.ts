import type { Catalogue } from '../analysis/catalogue.ts';
import { unknownReplicas } from '../analysis/topology.ts';
import type { ServerFact } from '../collectors/server.ts';
import type { Snapshot } from '../collectors/snapshot.ts';
import type { NodeStatus } from '../findings/generation.ts';
import type { NodeUsage, UsageAcrossNodes } from '../history/usage/across.ts';
import type { DiaryEvent } from '../model/event.ts';
import { type NodeName, type TargetId, targetKey } from '../model/ids.ts';
import { whyMissing } from '../model/outcome.ts';
import type { Topology } from '../model/policy.ts';
import type { Places } from './places.ts';
import type { StandbyWatcher } from './standby-watcher.ts';
import type { WatchLog } from './target-watcher.ts';
import type { UsageMemory } from './usage-memory.ts';

export interface TargetNodesOptions {
  readonly target: TargetId;
  readonly primary: NodeName;
  readonly standbys: readonly StandbyWatcher[];
  readonly usage: UsageMemory;
  /** The same indexes in other databases. */
  readonly places: Places;
  /** Counters that were read longer ago stand for nothing. */
  readonly maxGapMs: number;
  /** The operator's word that every node that reads is configured. */
  readonly isTopologyComplete: boolean;
  readonly log: WatchLog;
}

/** What all nodes of a target said, as of one pass. */
export interface NodesSaid {
  readonly usage: UsageAcrossNodes;
  readonly topology: Topology;
  readonly statuses: readonly NodeStatus[];
  /** Replicas that the primary sees and that are no configured node. */
  readonly unknownReplicas: readonly string[];
  /** Of the standbys that can be read and belong to the primary. */
  readonly standbys: readonly Snapshot[];
  readonly events: readonly DiaryEvent[];
}

/**
 * The nodes of one target: who they are, whether they can be read, and what they say of use. A standby that is not one of this
 * primary's counts for nothing, and is said to be a mistake of the configuration.
 */
export class TargetNodes {
  readonly #options: TargetNodesOptions;
  readonly #states = new Map<NodeName, NodeStatus['state']>();

  constructor(options: TargetNodesOptions) {
    this.#options = options;
  }

  /** Takes in what the nodes say of use, and notes who was lost and who came back. */
  async observe(catalogue: Catalogue, primary: Snapshot): Promise<NodesSaid> {
    const { target, standbys, usage, places, maxGapMs, isTopologyComplete } = this.#options;
    const statuses = [
      primaryStatus(primary),
      ...standbys.map(({ node, snapshot }) => standbyStatus(node, snapshot, serverOf(primary))),
    ];
    const readable = standbys.flatMap(({ snapshot, node }) =>
      snapshot !== undefined && statuses.some((status) => status.node === node && status.state === 'observed')
        ? [snapshot]
        : [],
    );
    const events = [
      ...this.#changes(statuses, primary.takenAtMs),
      ...(await usage.observe(catalogue, [primary, ...readable])),
    ];
    const nodes = statuses.map(
      ({ node, reason }): NodeUsage => ({
        node,
        history: usage.histories.get(node),
        unreachable: reason ?? undefined,
      }),
    );
    const unknown = unknownReplicasOf(primary, readable);
    const unread = statuses.filter(({ role, state }) => role === 'standby' && state !== 'observed');
    const across: UsageAcrossNodes = {
      nodes,
      maxGapMs,
      subjectOf: usage.subjectOf,
      elsewhere: (logical, windowMs) => places.useElsewhere(target, logical, primary.takenAtMs - windowMs),
    };
    places.put({ target, catalogue, usage: across });
    return {
      usage: across,
      topology: {
        isComplete: isTopologyComplete,
        unseenNodes: [...new Set([...unread.map(({ node }): string => node), ...unknown])].sort(),
      },
      statuses,
      unknownReplicas: unknown,
      standbys: readable,
      events,
    };
  }

  /** Notes scans of the primary's indexes that were our own, by oid. */
  async noteOwnScans(scans: ReadonlyMap<number, number>): Promise<void> {
    await this.#options.usage.noteOwnScans(this.#options.primary, scans);
  }

  /** Losses and returns, and a line in the log for a standby that is none of this primary's. */
  #changes(statuses: readonly NodeStatus[], nowMs: number): readonly DiaryEvent[] {
    const { target, log } = this.#options;
    return statuses.flatMap(({ node, state, reason }) => {
      const before = this.#states.get(node);
      this.#states.set(node, state);
      if (before === state) return [];
      const fields = { target: targetKey(target), node, reason };
      if (state === 'another-cluster' || state === 'promoted')
        log.error(
          { event: 'standby-misconfigured', ...fields },
          'a configured standby is none of this primary',
        );
      const isLost = state !== 'observed' && before === 'observed';
      const isBack = state === 'observed' && before !== undefined;
      if (!isLost && !isBack) return [];
      return [
        {
          kind: isLost ? 'node-lost' : 'node-returned',
          atMs: nowMs,
          ...target,
          schemaname: null,
          relname: null,
          indexrelname: null,
          node,
          findingId: null,
          title: isLost ? `Node ${node} can no longer be read: ${reason}` : `Node ${node} can be read again`,
          evidence: { state, reason },
        } satisfies DiaryEvent,
      ];
    });
  }
}

function unknownReplicasOf(
  { outcomes: { replicas } }: Snapshot,
  standbys: readonly Snapshot[],
): readonly string[] {
  if (replicas?.kind !== 'collected') return [];
  const known = standbys.flatMap((snapshot) => serverOf(snapshot) ?? []);
  return unknownReplicas(replicas.facts, known);
}

function serverOf(snapshot: Snapshot): ServerFact | undefined {
  const { server } = snapshot.outcomes;
  return server?.kind === 'collected' ? server.facts[0] : undefined;
}

function primaryStatus(snapshot: Snapshot): NodeStatus {
  const reason = whyUnread(snapshot);
  const state = reason === undefined ? 'observed' : 'unreachable';
  return { node: snapshot.node, role: 'primary', state, reason: reason ?? null };
}

function standbyStatus(
  node: NodeName,
  snapshot: Snapshot | undefined,
  primary: ServerFact | undefined,
): NodeStatus {
  const status = (state: NodeStatus['state'], reason: string | null): NodeStatus => ({
    node,
    role: 'standby',
    state,
    reason,
  });
  if (snapshot === undefined) return status('unreachable', 'it has not been looked at yet');
  const why = whyUnread(snapshot);
  if (why !== undefined) return status('unreachable', why);
  const server = serverOf(snapshot);
  if (server === undefined || primary === undefined) return status('observed', null);
  if (server.systemIdentifier !== primary.systemIdentifier)
    return status(
      'another-cluster',
      `it belongs to another cluster: its system identifier is ${server.systemIdentifier}, the primary's ${primary.systemIdentifier}; correct its address under standbys`,
    );
  if (!server.isInRecovery && !primary.isInRecovery)
    return status(
      'promoted',
      'it is no standby any more: it was promoted, and the primary still is one; name the node that is in use as primary',
    );
  return status('observed', null);
}

/** Why nothing is known of use on a node now. */
const whyUnread = ({ outcomes }: Snapshot): string | undefined =>
  whyMissing(outcomes.server) ?? whyMissing(outcomes['index-usage']);
