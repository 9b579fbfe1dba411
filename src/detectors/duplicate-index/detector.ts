import { z } from 'zod';
import { whyKept, whyPreferred } from '../../analysis/index-identity.ts';
import { type Replacement, replacementsOn } from '../../analysis/replacement.ts';
import type { RelatedIndex } from '../../model/finding.ts';
import { slicedFlatMap } from '../../model/sliced.ts';
import { humaneBytes } from '../../model/units.ts';
import { type DetectorInput, defineDetector } from '../define.ts';
import type { Draft, Remedy } from '../draft.ts';
import { redundantIndex } from '../redundant-index/detector.ts';
import { lockedIndexes } from '../unjudged.ts';
import { keyTexts, severityOn, shapeOf, tableName } from '../words.ts';

/**
 * Opens when two usable indexes of one table are the same in everything that matters: access method, keys in order, operator
 * classes, collations, sort order or its exact mirror, predicate, payload, uniqueness and how nulls count in it. Of n copies n - 1 are
 * findings, each naming the one that stays. Closes when the copies are gone. Accepts no false alarm: storage parameters and
 * tablespaces, which differ without changing an answer, are shown as caveats.
 */
export const duplicateIndex = defineDetector({
  id: 'duplicate-index',
  title: 'Index is an exact duplicate of another',
  needs: ['tables', 'columns', 'indexes', 'operator-classes'],
  // Who stays among copies depends on use and size.
  uses: ['index-usage'],
  settings: z.strictObject({}),
  *evaluate(input) {
    // A copy of an index that is to go for a wider one is redundant as well, and told there.
    const limits = input.settingsOf(redundantIndex);
    const findings = yield* slicedFlatMap(input.catalogue.tables, (table) =>
      replacementsOn(table, limits)
        .filter((replacement) => replacement.reason === 'duplicate')
        .map((replacement) => toDraft(replacement, input)),
    );
    return { findings, unjudged: lockedIndexes(input.catalogue) };
  },
});

function toDraft(replacement: Replacement, input: DetectorInput<unknown>): Draft {
  const { drop, keep } = replacement;
  const { table } = drop;
  const bytes = drop.sizeBytes;
  const freed = bytes === undefined ? 'its size is unknown' : `dropping it frees ${humaneBytes(bytes)}`;
  const remedy = remedyFor(replacement);
  return {
    kind: 'duplicate-index',
    severity: severityOn(table, input.policyFor(table.schemaname), 'warning'),
    confidence: 'proven',
    table,
    index: drop,
    subject: drop.name,
    columns: keyTexts(drop),
    related: relatedTo(replacement),
    title: `${drop.name} on ${tableName(table)} ${shapeOf(drop)} is an exact duplicate of ${keep.name}; ${freed}`,
    evidence: {
      accessMethod: drop.fact.accessMethod,
      shape: shapeOf(drop),
      sizeBytes: bytes ?? null,
      scansTotal: drop.usage?.scansTotal ?? null,
      keptSizeBytes: keep.sizeBytes ?? null,
      keptScansTotal: keep.usage?.scansTotal ?? null,
      tableRows: table.rows ?? null,
      copies: replacement.othersTotal + 2,
    },
    caveats: caveatsFor(replacement),
    impact: { reclaimableBytes: remedy.kind === 'review' ? 0 : (bytes ?? 0) },
    remedy,
  };
}

function relatedTo({ drop, keep, others }: Replacement): readonly RelatedIndex[] {
  const schemaname = drop.table.schemaname;
  return [
    { schemaname, indexrelname: keep.name, role: 'keep', why: whyPreferred(keep, drop) },
    ...others.map((other) => ({
      schemaname,
      indexrelname: other.name,
      role: 'overlaps' as const,
      why: 'it is one more copy, with a finding of its own',
    })),
  ];
}

/** A copy that something depends on cannot be dropped as it stands; what depends on it is said instead. */
function remedyFor({ drop, keep }: Replacement): Remedy {
  const { fact } = drop;
  if (fact.referencingForeignKeys > 0) {
    return {
      kind: 'review',
      notes: `${fact.referencingForeignKeys} foreign key constraints refer to ${drop.name}: they must be recreated so that they refer to ${keep.name} before it can go.`,
    };
  }
  if (fact.isReplicaIdentity) {
    return {
      kind: 'review',
      notes: `${drop.name} is the table's replica identity: set it to ${keep.name} first (ALTER TABLE … REPLICA IDENTITY USING INDEX), then drop it.`,
    };
  }
  return { kind: 'drop-index', index: drop };
}

function caveatsFor({ drop, keep }: Replacement): readonly string[] {
  const caveats: string[] = [];
  if (drop.fact.options.join() !== keep.fact.options.join()) {
    caveats.push(
      `Storage parameters differ: ${drop.name} has (${drop.fact.options.join(', ') || 'defaults'}), ${keep.name} (${keep.fact.options.join(', ') || 'defaults'}).`,
    );
  }
  const kept = whyKept(drop);
  if (drop.fact.constraintOid !== null && kept !== undefined) {
    caveats.push(
      `${drop.name} belongs to a constraint: dropping it takes a short ACCESS EXCLUSIVE lock on the table.`,
    );
  }
  if (drop.keys[0]?.isDescending !== keep.keys[0]?.isDescending) {
    caveats.push('The two are mirror images in sort order; a B-tree is read in either direction.');
  }
  return caveats;
}
