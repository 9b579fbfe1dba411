import { z } from 'zod';
import type { Bloat } from '../../analysis/bloat/bloat.ts';
import type { IndexView } from '../../analysis/catalogue.ts';
import { isUsable } from '../../analysis/index-identity.ts';
import type { Confidence, Severity } from '../../model/finding.ts';
import { assertNever } from '../../model/result.ts';
import { counted, GiB, humaneBytes, MiB } from '../../model/units.ts';
import { isoTime, rounded } from '../counting.ts';
import { type DetectorInput, defineDetector } from '../define.ts';
import type { Draft, Remedy, Unjudged } from '../draft.ts';
import { isJudgedAlone, keyTexts, severityOn, shapeOf, tableName } from '../words.ts';

const bytes = (preset: number, description: string) =>
  z.number().int().nonnegative().default(preset).meta({ description });
const ratio = (preset: number, description: string) =>
  z.number().min(0).max(1).default(preset).meta({ description });

const BloatedIndexSettings = z.strictObject({
  ratioMin: ratio(
    0.3,
    'Share of the index that a rebuild would free, 0 to 1, from which it is bloated. Keys in random order leave up to 0.28 free by nature: lower, and every healthy index on a UUID is reported.',
  ),
  wastedBytesMin: bytes(
    10 * MiB,
    'Bytes that a rebuild would free, from which it is worth saying. Below ten megabytes nobody will notice.',
  ),
  lastingRatioMin: ratio(
    0.1,
    'Share of the index, 0 to 1, that must be left of what a rebuild frees once keys in random order have taken their room again. Less is not worth a rebuild.',
  ),
  warningBytesMin: bytes(
    1 * GiB,
    'Bytes that a rebuild would free, from which the finding is a warning, unless it rests on an estimate alone.',
  ),
});
type BloatedIndexSettings = z.output<typeof BloatedIndexSettings>;

/**
 * Opens when a rebuild would free at least `ratioMin` of an index and `wastedBytesMin`, and would go on to spare `lastingRatioMin`
 * of it after the natural fill of random keys has returned (that part too must exceed `wastedBytesMin`). Closes when it was
 * rebuilt, or filled again.
 *
 * What is not known is not judged, with the reason and what would mend it; but an index smaller than `wastedBytesMin` cannot waste
 * as much, measured or not. An answer from column statistics alone is info at most. Silent on: BRIN, invalid indexes.
 *
 * False alarms accepted: an estimate without a measurement errs by tens of points on keys with very uneven values, and says so.
 */
export const bloatedIndex = defineDetector<BloatedIndexSettings>({
  id: 'bloated-index',
  title: 'A rebuild would free much of the index',
  needs: ['server', 'tables', 'columns', 'indexes', 'operator-classes', 'relation-sizes'],
  uses: ['table-usage', 'collations', 'column-statistics', 'column-visibility'],
  settings: BloatedIndexSettings,
  *evaluate(input) {
    const findings: Draft[] = [];
    const unjudged: Unjudged[] = [];
    for (const index of input.catalogue.indexes) {
      yield;
      if (!isJudgedAlone(index) || !isUsable(index) || index.fact.accessMethod === 'brin') continue;
      const verdict = judgeIndex(index, input);
      if (verdict === undefined) continue;
      if ('reason' in verdict) unjudged.push(verdict);
      else findings.push(verdict);
    }
    return { findings, unjudged };
  },
});

type Input = DetectorInput<BloatedIndexSettings>;

/** An answer with its numbers. */
interface Known {
  readonly bloat: Bloat;
  readonly sizeBytes: number;
  readonly expectedBytes: number;
  readonly wastedBytes: number;
  readonly ratio: number;
  /** What stays free after random keys have taken their room again. */
  readonly lastingBytes: number;
}

function judgeIndex(index: IndexView, input: Input): Draft | Unjudged | undefined {
  const { settings, bloat: answers } = input;
  const unjudged = (reason: string): Unjudged => ({
    relation: index.names.shown,
    reason,
  });
  if (index.sizeBytes !== undefined && index.sizeBytes < settings.wastedBytesMin) return undefined;
  const bloat = answers.get(index.oid);
  if (bloat === undefined) return unjudged('nobody estimated its bloat');
  const known = knownOf(bloat);
  if (known === undefined) {
    const reason = bloat.reason ?? 'its bloat is not known';
    return unjudged(bloat.improvement === null ? reason : `${reason}; ${bloat.improvement}`);
  }
  const isBloated =
    known.ratio >= settings.ratioMin &&
    known.wastedBytes >= settings.wastedBytesMin &&
    known.lastingBytes >= settings.wastedBytesMin &&
    known.lastingBytes >= settings.lastingRatioMin * known.sizeBytes;
  return isBloated ? draftOf(index, known, input) : undefined;
}

function knownOf(bloat: Bloat): Known | undefined {
  const { sizeBytes, expectedSizeBytes, wastedBytes, ratio: share, naturalFillBytes } = bloat;
  if (sizeBytes === null || expectedSizeBytes === null || wastedBytes === null || share === null)
    return undefined;
  return {
    bloat,
    sizeBytes,
    expectedBytes: expectedSizeBytes,
    wastedBytes,
    ratio: share,
    lastingBytes: Math.max(0, wastedBytes - (naturalFillBytes ?? 0)),
  };
}

function draftOf(index: IndexView, known: Known, input: Input): Draft {
  const { table } = index;
  const { bloat, wastedBytes, sizeBytes, expectedBytes } = known;
  const percent = Math.round(known.ratio * 100);
  const about = bloat.method === 'estimated' ? 'perhaps ' : '';
  return {
    kind: 'bloated-index',
    severity: severityOn(table, input.policyFor(table.schemaname), severityFor(known, input)),
    confidence: confidenceFor(bloat),
    table,
    index,
    subject: index.name,
    columns: keyTexts(index),
    related: [],
    title: `A rebuild of ${index.name} on ${tableName(table)} ${shapeOf(index)} would free ${about}${humaneBytes(wastedBytes)} of ${humaneBytes(sizeBytes)} (${percent} %)`,
    evidence: {
      shape: shapeOf(index),
      accessMethod: index.fact.accessMethod,
      sizeBytes,
      expectedSizeBytes: expectedBytes,
      wastedBytes,
      bloatRatio: rounded(known.ratio),
      bloatRatioLow: bloat.low === null ? null : rounded(bloat.low),
      bloatRatioHigh: bloat.high === null ? null : rounded(bloat.high),
      naturalFillBytes: bloat.naturalFillBytes,
      lastingBytes: known.lastingBytes,
      method: bloat.method,
      measurementConfidence: bloat.confidence,
      measuredAt: isoTime(bloat.measuredAtMs),
      ...(index.children.length === 0 ? {} : { partitions: leavesOf(index).length }),
    },
    caveats: caveatsFor(known),
    impact: { reclaimableBytes: wastedBytes },
    remedy: remedyFor(index, known, input),
  };
}

function severityFor({ bloat, wastedBytes }: Known, { settings }: Input): Severity {
  const isSure = bloat.confidence === 'high' || bloat.confidence === 'medium';
  return isSure && wastedBytes >= settings.warningBytesMin ? 'warning' : 'info';
}

function confidenceFor({ confidence }: Bloat): Confidence {
  switch (confidence) {
    case 'high':
    case 'medium':
      return 'likely';
    case 'low':
    case 'none':
      return 'possible';
    default:
      return assertNever(confidence);
  }
}

function caveatsFor({ bloat, lastingBytes, wastedBytes, ratio: share }: Known): readonly string[] {
  const caveats: string[] = [];
  const natural = wastedBytes - lastingBytes;
  if (natural > 0)
    caveats.push(
      `If its keys come in random order, pages fill to 69 % on average, and ${humaneBytes(natural)} of it will be taken again soon: what lasts is ${humaneBytes(lastingBytes)}.`,
    );
  if (bloat.method === 'estimated')
    caveats.push('Estimated from the definition and column statistics; it has not been measured.');
  if (bloat.method === 'calibrated')
    caveats.push('In proportion to its size per entry when it was rebuilt or measured last.');
  if (bloat.low !== null && share - bloat.low >= notableIntervalRatio)
    caveats.push(`It may be as little as ${Math.round(bloat.low * 100)} %.`);
  if (bloat.reason !== null) caveats.push(`${capital(bloat.reason)}.`);
  if (bloat.improvement !== null) caveats.push(`To know better: ${bloat.improvement}`);
  return caveats;
}

/** Half of this either way changes no decision. */
const notableIntervalRatio = 0.05;

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1).replace(/\.$/, '');

/** A tree is not rebuilt whole: only partitions that are bloated themselves, the most wasteful first. */
function remedyFor(index: IndexView, { expectedBytes }: Known, input: Input): Remedy {
  const isStandby = input.catalogue.server?.isInRecovery === true;
  const elsewhere = isStandby ? 'This is a standby: run it on the primary. ' : '';
  if (index.children.length === 0)
    return {
      kind: 'rebuild-index',
      index,
      expectedBytes,
      notes: `${elsewhere}${neededFor(expectedBytes)}`,
    };
  const parts = bloatedLeaves(index, input);
  if (parts.length === 0)
    return {
      kind: 'review',
      notes:
        'No partition is bloated enough by itself; together they are. Rebuild partition by partition where it suits: REINDEX INDEX CONCURRENTLY.',
    };
  const needed = parts.reduce((sum, leaf) => sum + (input.bloat.get(leaf.oid)?.expectedSizeBytes ?? 0), 0);
  return {
    kind: 'rebuild-index',
    index,
    parts,
    expectedBytes: needed,
    notes: `${elsewhere}Of ${counted(leavesOf(index).length, 'partition')} ${parts.length} ${parts.length === 1 ? 'is' : 'are'} bloated, one after the other. ${neededFor(needed)}`,
  };
}

function bloatedLeaves(index: IndexView, { bloat, settings }: Input): readonly IndexView[] {
  const wasted = (leaf: IndexView): number => bloat.get(leaf.oid)?.wastedBytes ?? 0;
  return leavesOf(index)
    .filter((leaf) => isUsable(leaf) && (bloat.get(leaf.oid)?.ratio ?? 0) >= settings.ratioMin)
    .sort((a, b) => wasted(b) - wasted(a) || a.oid - b.oid);
}

const leavesOf = (index: IndexView): readonly IndexView[] =>
  index.fact.relkind === 'I' ? index.children.flatMap(leavesOf) : [index];

const neededFor = (expectedBytes: number): string =>
  `It needs about ${humaneBytes(expectedBytes)} of free disk until the old index is dropped (free disk is not known from here), and writes as much WAL, which every standby and slot must take: not while a slot is inactive or a standby is behind.`;
