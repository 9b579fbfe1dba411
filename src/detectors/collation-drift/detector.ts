import { z } from 'zod';
import type { IndexView } from '../../analysis/catalogue.ts';
import type { ServerFact } from '../../collectors/server.ts';
import type { Snapshot } from '../../collectors/snapshot.ts';
import { hourMs } from '../../model/units.ts';
import { type DetectorInput, defineDetector } from '../define.ts';
import type { Draft, Unjudged } from '../draft.ts';
import { keyTexts, severityOn, shapeOf, tableName } from '../words.ts';
import { type CollationsOfNode, collationName, type DriftOfIndex, driftOf } from './drift.ts';
import { rebuild } from './remedy.ts';

/** From here on a database's default collation has a recorded version. */
const versionRecordingDefault = 150_000;

/**
 * Opens when an index keeps texts in the order of a collation (its keys', or one that an expression or the predicate names) whose
 * recorded version is not the one that the node's library provides now: look-ups may then miss rows, and a unique index may have
 * let duplicates in. Closes when the new version is recorded, which must come after the rebuild: PostgreSQL keeps the version by
 * collation, not by index.
 *
 * Silent on: indexes that only ever compare bytes (C, POSIX, built-in collations, `text_pattern_ops`, trigrams, SP-GiST's radix
 * tree, hashes of deterministic collations), tables without a page, invalid indexes (which are `invalid-index`'s) and the parts of
 * a partitioned index, which is judged at its top.
 *
 * False alarms accepted: an index built or rebuilt under the new version before that was recorded; a new version that moved none
 * of the texts that this index holds.
 */
export const collationDrift = defineDetector({
  id: 'collation-drift',
  title: 'Index was sorted by another version of its collation',
  needs: ['server', 'tables', 'columns', 'indexes', 'operator-classes', 'collations'],
  uses: ['replicas'],
  // Collations are read every hour, and change with an upgrade of the system's libraries.
  maxSkewMs: 3 * hourMs,
  settings: z.strictObject({}),
  *evaluate(input) {
    const { server } = input.catalogue;
    if (server === undefined) return { findings: [], inconclusive: 'nothing is known of the server yet' };
    const nodes = [nodeOf(input, server), ...input.standbys.flatMap(standbyOf)];
    const findings: Draft[] = [];
    const unjudged: Unjudged[] = [];
    for (const index of input.catalogue.indexes) {
      yield;
      if (!isJudgedHere(index)) continue;
      const verdict = judgeOnNodes(index, nodes, server, input);
      if (verdict === undefined) continue;
      if ('reason' in verdict) unjudged.push(verdict);
      else findings.push(verdict);
    }
    return { findings, unjudged };
  },
});

/** What the verdict on one index depends on, besides the nodes. */
type Input = Pick<DetectorInput<unknown>, 'catalogue' | 'policyFor' | 'topology'>;

/** The node that the catalogue was read on. */
const nodeOf = ({ catalogue, window }: DetectorInput<unknown>, server: ServerFact): CollationsOfNode => ({
  node: window.node,
  collations: catalogue.collations,
  recordsDefaultVersion: server.versionNum >= versionRecordingDefault,
});

/** What a standby's own libraries provide; nothing where that was not read. The recorded versions are the primary's. */
function standbyOf({ node, outcomes: { collations, server } }: Snapshot): readonly CollationsOfNode[] {
  const fact = server?.kind === 'collected' ? server.facts[0] : undefined;
  if (collations?.kind !== 'collected' || fact === undefined) return [];
  const byOid = new Map(collations.facts.map((collation) => [collation.collationOid, collation]));
  return [{ node, collations: byOid, recordsDefaultVersion: fact.versionNum >= versionRecordingDefault }];
}

/** A partitioned index stands for its parts, but an invalid one for nothing. A table without a page has no texts to sort. */
const isJudgedHere = ({ fact, table, parent }: IndexView): boolean =>
  fact.isValid && (parent === undefined || !parent.fact.isValid) && table.sizeBytes !== 0;

/**
 * A finding where the index has drifted on any of the nodes, why it could not be judged where that is unknown on one, or nothing.
 * The first node is the one that the catalogue was read on; standbys share its files and its recorded versions.
 */
export function judgeOnNodes(
  index: IndexView,
  nodes: readonly CollationsOfNode[],
  server: ServerFact,
  input: Input,
): Draft | Unjudged | undefined {
  const drifts = nodes.map((node) => driftOf(index, node));
  if (drifts.some(({ drifted }) => drifted.length > 0)) return toDraft(index, drifts, server, input);
  const relation = index.names.shown;
  const [reason] = drifts.flatMap(({ unknown }) => unknown);
  if (reason !== undefined) return { relation, reason };
  return index.fact.isDefinitionKnown
    ? undefined
    : { relation, reason: 'its table was locked, so that its expressions and predicate could not be read' };
}

function toDraft(index: IndexView, drifts: readonly DriftOfIndex[], server: ServerFact, input: Input): Draft {
  const { table, fact } = index;
  const enforces = fact.isUnique || fact.isExclusion;
  const drifting = drifts.filter(({ drifted }) => drifted.length > 0);
  const own = drifts[0]?.drifted ?? [];
  const versions = drifting.flatMap(({ node, drifted }) =>
    drifted.map((collation) => ({
      node,
      collation: `${collation.schemaname}.${collation.collationName}`,
      isDatabaseDefault: collation.isDatabaseDefault,
      provider: providers[collation.provider],
      recordedVersion: collation.recordedVersion,
      actualVersion: collation.actualVersion,
    })),
  );
  const named = drifting.flatMap(({ node, drifted }) =>
    drifted.map(
      (collation) =>
        `${collationName(collation)} is recorded as version ${collation.recordedVersion}, and ${node} provides ${collation.actualVersion}`,
    ),
  );
  const [what, consequence] = fact.isUnique
    ? ['Unique index', 'may miss rows and hold duplicates']
    : fact.isExclusion
      ? ['Exclusion constraint', 'may miss rows and hold conflicting ones']
      : ['Index', 'may miss rows'];
  return {
    kind: 'collation-drift',
    // Duplicates in a small table are as wrong as in a large one.
    severity: enforces ? 'critical' : severityOn(table, input.policyFor(table.schemaname), 'warning'),
    confidence: 'likely',
    table,
    index,
    subject: index.name,
    columns: keyTexts(index),
    related: [],
    title: `${what} ${index.name} on ${tableName(table)} ${consequence}: ${named.join('; ')}`,
    evidence: {
      shape: shapeOf(index),
      isUnique: fact.isUnique,
      collations: versions,
      nodes: drifting.map(({ node }) => node),
      nodesInOrder: drifts
        .filter(({ drifted, unknown }) => drifted.length + unknown.length === 0)
        .map(({ node }) => node),
      sizeBytes: index.sizeBytes ?? null,
      tableRows: table.rows ?? null,
    },
    caveats: caveatsFor(index, input),
    impact: { reclaimableBytes: 0 },
    remedy:
      own.length > 0 && !server.isInRecovery
        ? rebuild(index, {
            drifted: own,
            collations: input.catalogue.collations,
            datname: server.datname,
            versionNum: server.versionNum,
          })
        : {
            kind: 'review',
            notes: `The files are the primary’s, and ${drifting.map(({ node }) => node).join(', ')} sorts by other rules than they were written by. A rebuild on the primary mends this only if the primary provides the same version: install the same version of the library on every node, and send no queries that search by text to this one until then.`,
          },
  };
}

const providers: Readonly<Record<'b' | 'c' | 'i', string>> = { b: 'builtin', c: 'libc', i: 'icu' };

function caveatsFor({ fact, table }: IndexView, { topology }: Input): readonly string[] {
  const caveats = [
    'PostgreSQL records the version by collation, not by index: one that was built or rebuilt since the library changed is named too, until the new version is recorded.',
    'Most new versions move few texts, possibly none of those that this index holds.',
  ];
  if (fact.accessMethod === 'btree')
    caveats.push(
      'amcheck tells whether it is out of order, and changes nothing: bt_index_check on the index, or on each of its parts if it is partitioned.',
    );
  if (table.fact.relkind === 'p')
    caveats.push(
      'If the table is partitioned by ranges of such texts, rows may lie in the wrong partition, which no rebuild mends.',
    );
  if (topology.unseenNodes.length > 0)
    caveats.push(
      `What ${topology.unseenNodes.join(', ')} provides was not looked at; every node has libraries of its own.`,
    );
  return caveats;
}
