import { z } from 'zod';
import type { IndexView } from '../../analysis/catalogue.ts';
import { quoted, whyKept } from '../../analysis/index-identity.ts';
import type { InvalidIndexFact } from '../../collectors/builds.ts';
import { assertNever } from '../../model/result.ts';
import { counted, humaneBytes, secondMs } from '../../model/units.ts';
import { type DetectorInput, defineDetector } from '../define.ts';
import type { Draft, Remedy, Unjudged } from '../draft.ts';
import { keyTexts, severityOn, shapeOf, tableName } from '../words.ts';

/**
 * Opens when an index is not valid, not ready or not live, and a second look at least a second later shows the same oid in that state with
 * nobody building it or working on it. Closes when it is valid or gone. An index under construction is no finding, in any phase: one
 * look alone would call one build in five invalid, since the catalogue's snapshot is older than the progress view's.
 */
export const invalidIndex = defineDetector({
  id: 'invalid-index',
  title: 'Index is invalid and nobody is building it',
  needs: ['tables', 'columns', 'indexes', 'operator-classes', 'invalid-indexes'],
  settings: z.strictObject({}),
  *evaluate(input) {
    const { catalogue } = input;
    const roleName = catalogue.server?.roleName ?? '<role>';
    const invisible = `builds of other roles are invisible to ${roleName}; run: GRANT pg_monitor TO ${quoted(roleName)};`;
    // The right may be lost between the look at the server and the second look.
    const isBlind = [...catalogue.invalid.values()].some(({ seesBuilds }) => !seesBuilds);
    if (catalogue.server?.hasReadAllStats === false || isBlind)
      return { findings: [], inconclusive: invisible };
    const findings: Draft[] = [];
    const unjudged: Unjudged[] = [];
    for (const index of catalogue.indexes) {
      yield;
      if (index.fact.isValid && index.fact.isReady && index.fact.isLive) continue;
      if (isSecondLookTooEarly(input)) {
        unjudged.push({
          relation: index.names.shown,
          reason: 'seen invalid once; the second look is due',
        });
        continue;
      }
      const second = catalogue.invalid.get(index.oid);
      // Valid or gone by now, or somebody is at it.
      if (second === undefined || second.isBuilding || second.isWorkedOn) continue;
      findings.push(toDraft(index, second, input));
    }
    return { findings, unjudged };
  },
});

/** Between the two looks a build must have had the time to appear in, or to leave, both views. */
const secondLookAfterMs = 1 * secondMs;

function isSecondLookTooEarly({ catalogue }: DetectorInput<unknown>): boolean {
  const first = catalogue.collectedAtMs.get('indexes') ?? 0;
  const second = catalogue.collectedAtMs.get('invalid-indexes') ?? 0;
  return second - first < secondLookAfterMs;
}

type InvalidClass = 'failed' | 'debris' | 'dropping' | 'partitions-missing' | 'partition-stuck';

function classify(index: IndexView, second: InvalidIndexFact): InvalidClass {
  if (index.fact.relkind === 'I') {
    const attached = second.attachedPartitions ?? 0;
    const isComplete = (second.partitions ?? 0) > 0 && attached >= (second.partitions ?? 0);
    return isComplete ? 'partition-stuck' : 'partitions-missing';
  }
  if (!second.isLive) return 'dropping';
  // REINDEX CONCURRENTLY builds beside the old index under these names, with a number where the name was taken.
  return /_cc(?:new|old)\d*$/.test(index.name) ? 'debris' : 'failed';
}

function toDraft(index: IndexView, second: InvalidIndexFact, input: DetectorInput<unknown>): Draft {
  const { table, fact } = index;
  const policy = input.policyFor(table.schemaname);
  const invalidClass = classify(index, second);
  const isKey = fact.isUnique || fact.constraintOid !== null || fact.isExclusion;
  const enforced = fact.constraintOid !== null || fact.isReplicaIdentity;
  const severity =
    invalidClass === 'partitions-missing'
      ? 'info'
      : enforced
        ? 'critical'
        : isKey
          ? 'warning'
          : severityOn(table, policy, 'warning');
  const remedy = remedyFor(index, invalidClass, second);
  const bytes = index.sizeBytes;
  return {
    kind: 'invalid-index',
    severity,
    confidence: 'proven',
    table,
    index,
    subject: index.name,
    columns: keyTexts(index),
    related: index.children
      .filter((child) => !child.fact.isValid)
      .map((child) => ({
        schemaname: child.table.schemaname,
        indexrelname: child.name,
        role: 'overlaps',
        why: 'it is an invalid partition of this index',
      })),
    title: titleOf(index, invalidClass, second),
    evidence: {
      class: invalidClass,
      shape: shapeOf(index),
      isUnique: fact.isUnique,
      isValid: second.isValid,
      isReady: second.isReady,
      isLive: second.isLive,
      sizeBytes: bytes ?? null,
      tableRows: table.rows ?? null,
      ...(fact.relkind === 'I'
        ? {
            partitions: second.partitions,
            attachedPartitions: second.attachedPartitions,
            invalidPartitionIndexes: second.invalidPartitionIndexes,
          }
        : {}),
    },
    caveats: caveatsFor(index, invalidClass),
    impact: { reclaimableBytes: remedy.kind === 'replace-index' ? (bytes ?? 0) : 0 },
    remedy,
  };
}

function titleOf(index: IndexView, invalidClass: InvalidClass, second: InvalidIndexFact): string {
  const name = `${index.name} on ${tableName(index.table)}`;
  const cost = second.isReady ? 'it slows writes and serves no query' : 'it serves no query';
  const size = index.sizeBytes === undefined ? '' : `, ${humaneBytes(index.sizeBytes)}`;
  switch (invalidClass) {
    case 'failed':
      return index.fact.isUnique
        ? `Unique index ${name} is invalid${size}: its build failed, existing rows were never checked, and ${cost}`
        : `Index ${name} is invalid${size}: its build failed or its drop was interrupted, and ${cost}`;
    case 'debris':
      return `${name} is left over from an interrupted REINDEX CONCURRENTLY${size}: ${cost}`;
    case 'dropping':
      return `${name} is half dropped${size}: a DROP INDEX CONCURRENTLY was interrupted`;
    case 'partitions-missing':
      return `Partitioned index ${name} waits for its partitions: ${second.attachedPartitions ?? 0} of ${second.partitions ?? 0} attached`;
    case 'partition-stuck':
      return `Partitioned index ${name} never became valid though all ${counted(second.partitions ?? 0, 'partition')} are attached`;
    default:
      return assertNever(invalidClass);
  }
}

function remedyFor(index: IndexView, invalidClass: InvalidClass, second: InvalidIndexFact): Remedy {
  switch (invalidClass) {
    case 'failed':
    case 'debris':
    case 'dropping': {
      const kept = whyNotDroppable(index);
      if (kept !== undefined) {
        return {
          kind: 'rebuild-index',
          index,
          notes: `It cannot be dropped, since ${kept}; rebuilding makes it valid.`,
        };
      }
      return { kind: 'replace-index', index, notes: notesFor(index, invalidClass) };
    }
    case 'partitions-missing':
      return {
        kind: 'review',
        notes:
          'Made by CREATE INDEX ON ONLY, which is invalid by design until every partition has an attached index: build the missing ones concurrently, then ALTER INDEX … ATTACH PARTITION each.',
      };
    case 'partition-stuck':
      return {
        kind: 'review',
        notes:
          (second.invalidPartitionIndexes ?? 0) > 0
            ? 'Rebuild the invalid partition indexes named here with REINDEX INDEX CONCURRENTLY, then attach one of them again: attaching an attached index is harmless and makes PostgreSQL look at the parent anew.'
            : 'Attach one of its partitions again (ALTER INDEX … ATTACH PARTITION): harmless, and PostgreSQL then looks at the parent anew. Where it does not (13, and earlier minors of later majors), drop the parent index in a quiet moment and build the tree again: ON ONLY, per partition concurrently, attach.',
      };
    default:
      return assertNever(invalidClass);
  }
}

function whyNotDroppable(index: IndexView): string | undefined {
  if (index.parent !== undefined) return `it is a partition of the index ${index.parent.name}`;
  return index.fact.constraintOid === null && !index.fact.isReplicaIdentity ? undefined : whyKept(index);
}

function notesFor(index: IndexView, invalidClass: InvalidClass): string {
  if (invalidClass === 'debris')
    return 'The index it was to replace is still in place: only the leftover goes.';
  if (invalidClass === 'dropping') return 'Finishes the drop that was interrupted.';
  return index.fact.isUnique
    ? `Build it again with the rollback SQL once the rows that violate it are gone${searchFor(index)}.`
    : 'If the index is wanted, build it again with the rollback SQL.';
}

/** The query that shows the offending rows, where it needs no expression or predicate: those may hold what is private. */
function searchFor(index: IndexView): string {
  if (index.fact.hasExpressions || index.fact.hasPredicate) return '';
  const columns = keyTexts(index).map(quoted).join(', ');
  const table = `${quoted(index.table.schemaname)}.${quoted(index.table.relname)}`;
  return `; find them by: SELECT ${columns}, count(*) FROM ${table} GROUP BY ${columns} HAVING count(*) > 1`;
}

function caveatsFor(index: IndexView, invalidClass: InvalidClass): readonly string[] {
  if (invalidClass !== 'failed') return [];
  const caveats = [
    'The catalogue does not tell a failed build from a DROP INDEX CONCURRENTLY that was interrupted: ask whether somebody meant to drop it.',
  ];
  if (index.fact.isUnique && index.fact.isReady) {
    caveats.push(
      'New rows are checked against it although it is invalid: inserts can fail with a duplicate key error.',
    );
  }
  return caveats;
}
