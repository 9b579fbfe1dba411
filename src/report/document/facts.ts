import { z } from 'zod';

import type { IndexView, TableView } from '../../analysis/catalogue.ts';
import { shapeOf } from '../../detectors/words.ts';
import type { Generation } from '../../findings/generation.ts';
import { shownIndex } from '../../findings/redact-literals.ts';
import {
  type Evidence,
  type Finding,
  type FindingKind,
  findingKinds,
  severities,
} from '../../model/finding.ts';
import { type Outcome, whyMissing } from '../../model/outcome.ts';
import { humaneBytes, humaneCount } from '../../model/units.ts';
import { rankFindings } from '../actions.ts';
import { fewOf } from '../text.ts';
import { type Block, list, paragraph } from './blocks.ts';
import type { DatabaseInput, ReportInput } from './section.ts';

/*
 * Facts that several sections share, and their words.
 */

export const bytes = z.number().nonnegative().nullable().meta({ description: 'Bytes; null where unknown.' });
export const count = z.number().nonnegative().nullable().meta({ description: 'Null where unknown.' });
export const instant = z.string().nullable().meta({ description: 'ISO 8601, UTC; null where unknown.' });

/** What every finding in the report says. The whole finding is in `indexwarden check --format json`, by its id. */
export const findingFacts = z
  .strictObject({
    id: z.string(),
    kind: z.enum(findingKinds),
    severity: z.enum(severities),
    confidence: z.enum(['proven', 'likely', 'possible']),
    server: z.string(),
    datname: z.string(),
    schemaname: z.string(),
    relname: z.string(),
    indexrelname: z.string().nullable(),
    title: z.string(),
    reclaimableBytes: z.number(),
    sql: z
      .string()
      .nullable()
      .meta({ description: 'What would mend it; null where only a person can decide.' }),
    notes: z.string(),
    firstSeen: z.string(),
  })
  .meta({ id: 'Finding' });
export type FindingFacts = z.infer<typeof findingFacts>;

export const findingFactsOf = (finding: Finding): FindingFacts => ({
  id: finding.id,
  kind: finding.kind,
  severity: finding.severity,
  confidence: finding.confidence,
  server: finding.server,
  datname: finding.datname,
  schemaname: finding.schemaname,
  relname: finding.relname,
  indexrelname: finding.indexrelname,
  title: finding.title,
  reclaimableBytes: finding.impact.reclaimableBytes,
  sql: finding.fix.sql,
  notes: finding.fix.notes,
  firstSeen: finding.firstSeen,
});

/** What a section about kinds of findings could not find because nobody could look. Sentences. */
export const notJudged = z
  .array(z.string())
  .meta({ description: 'Why something of this section could not be judged; empty where all was.' });

/** The open findings of some kinds, best first. */
export const openOf = (
  { findings }: Pick<Generation, 'findings'>,
  isWanted: (kind: FindingKind) => boolean,
): readonly Finding[] =>
  rankFindings(findings.filter(({ state, kind }) => state === 'open' && isWanted(kind)));

/** Why findings of some kinds may be missing: detectors that were undecided, or did not run. */
export function whyNotJudged(
  { report, generation }: DatabaseInput,
  isWanted: (kind: FindingKind) => boolean,
): string[] {
  const kindsOf = new Map<string, string[]>();
  for (const { kind, reason, relations } of generation.inconclusive) {
    if (!isWanted(kind)) continue;
    const where = relations === undefined ? '' : ` (${fewOf(relations, 3)})`;
    const why = `${reason}${where}`;
    kindsOf.set(why, [...(kindsOf.get(why) ?? []), kind]);
  }
  const off = findingKinds.filter((kind) => isWanted(kind) && !report.judging.has(kind));
  return [
    ...[...kindsOf].map(([why, kinds]) => `${[...new Set(kinds)].join(', ')}: ${why}`),
    ...off.map((kind) => `${kind}: switched off in the configuration`),
  ];
}

/** What there is instead of a table of findings. Never "none" where not everything was judged. */
export function noneFound(what: string, reasons: readonly string[]): readonly Block[] {
  if (reasons.length === 0) return [paragraph(`No ${what}.`)];
  return [paragraph(`No ${what} among what could be judged.`), ...unjudgedBlocks(reasons)];
}

export const unjudgedBlocks = (reasons: readonly string[]): readonly Block[] =>
  reasons.length === 0 ? [] : [paragraph('Could not be judged:'), list([...reasons])];

/** Why facts of some collectors are missing; null where all are there. */
export function whyUnread(
  { snapshot }: Generation,
  names: readonly (keyof Generation['snapshot']['outcomes'])[],
): string | null {
  const reasons = names.flatMap((name) => {
    const outcome: Outcome<unknown> | undefined = snapshot.outcomes[name];
    const why = whyMissing(outcome);
    return why === undefined ? [] : [why];
  });
  return reasons.length === 0 ? null : [...new Set(reasons)].join('; ');
}

/** An index's keys, payload and condition; without constants where these are private. */
export const shapeFor = (index: IndexView, { redactLiterals }: ReportInput): string =>
  shapeOf(redactLiterals ? shownIndex(index) : index);

export const isoOf = (atMs: number | null | undefined): string | null =>
  atMs === null || atMs === undefined ? null : new Date(atMs).toISOString();

export const bytesInWords = (value: number | null): string =>
  value === null ? 'unknown' : humaneBytes(value);
export const countInWords = (value: number | null): string =>
  value === null ? 'unknown' : humaneCount(value);
/** To the minute, as a person reads it; the zone is said once, at the top. */
export const timeInWords = (iso: string | null, otherwise: string): string =>
  iso === null ? otherwise : iso.slice(0, 16).replace('T', ' ');
export const shareInWords = (part: number, whole: number): string =>
  whole <= 0
    ? '0 %'
    : part > 0 && part / whole < 0.01
      ? 'below 1 %'
      : `${Math.round((part / whole) * 100)} %`;

/** The sum, or null where one of the parts is unknown. */
export function sumOf(parts: readonly (number | null | undefined)[]): number | null {
  let total = 0;
  for (const part of parts) {
    if (part === null || part === undefined) return null;
    total += part;
  }
  return total;
}

/** Those that no other holds: partitions count with their parent. */
export const topTables = ({ catalogue }: Generation): readonly TableView[] =>
  catalogue.tables.filter(({ parent }) => parent === undefined);
export const topIndexes = ({ catalogue }: Generation): readonly IndexView[] =>
  catalogue.indexes.filter(({ parent }) => parent === undefined);

/** What the largest come first by, and the unknown last. */
export const bySize = (a: number | null, b: number | null): number => (b ?? -1) - (a ?? -1);

export const relationOf = ({
  schemaname,
  relname,
}: {
  readonly schemaname: string;
  readonly relname: string;
}): string => `${schemaname}.${relname}`;

/** Facts of a finding's evidence; null or empty where they are of another type. */
export const numberIn = (evidence: Evidence, key: string): number | null => {
  const value = evidence[key];
  return typeof value === 'number' && value >= 0 ? value : null;
};
export const textIn = (evidence: Evidence, key: string): string | null => {
  const value = evidence[key];
  return typeof value === 'string' ? value : null;
};
export const textsIn = (evidence: Evidence, key: string): string[] => {
  const value = evidence[key];
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
};
