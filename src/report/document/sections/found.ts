import { z } from 'zod';
import type { FindingKind } from '../../../model/finding.ts';
import { counted, humaneBytes } from '../../../model/units.ts';
import { type Block, code, foldedTable, name, paragraph, type Text } from '../blocks.ts';
import {
  type FindingFacts,
  findingFacts,
  findingFactsOf,
  noneFound,
  notJudged,
  openOf,
  relationOf,
  unjudgedBlocks,
  whyNotJudged,
} from '../facts.ts';
import { type DatabaseInput, defineSection, type Section } from '../section.ts';

/** A section that lists the open findings of some kinds. */
export function findingsSection({
  id,
  title,
  what,
  about,
  isWanted,
}: {
  readonly id: string;
  readonly title: string;
  /** For "No … found": `duplicate or redundant indexes`. */
  readonly what: string;
  readonly about: string;
  readonly isWanted: (kind: FindingKind) => boolean;
}): Section<DatabaseInput> {
  const schema = z.strictObject({ findings: z.array(findingFacts), notJudged });
  return defineSection<DatabaseInput, z.infer<typeof schema>>({
    id,
    title,
    schema,
    gather: (input) => ({
      findings: openOf(input.generation, isWanted).map(findingFactsOf),
      notJudged: whyNotJudged(input, isWanted),
    }),
    tell: ({ findings, notJudged: reasons }) =>
      findings.length === 0
        ? noneFound(what, reasons)
        : [paragraph(about), ...findingsTable(findings), ...unjudgedBlocks(reasons)],
  });
}

/** Findings with what they say, what they free and what their SQL is. */
export const findingsTable = (findings: readonly FindingFacts[]): readonly Block[] =>
  foldedTable(
    `All ${counted(findings.length, 'finding')}`,
    ['Finding', 'Table', 'Kind', 'Severity', 'Confidence', '!Frees', 'Statement', 'Id'],
    findings,
    (finding): readonly Text[] => [
      finding.title,
      [name(relationOf(finding))],
      finding.kind,
      finding.severity,
      finding.confidence,
      finding.reclaimableBytes > 0 ? humaneBytes(finding.reclaimableBytes) : '',
      statementWords(finding),
      [code(finding.id)],
    ],
    { what: 'findings' },
  );

/** What kind of statement would mend it; the statement itself is `plan`'s to print. */
export function statementWords({ sql }: Pick<FindingFacts, 'sql'>): string {
  if (sql === null) return 'review';
  const [verb = '', object = ''] = sql
    .replace(/^(?:\s*--[^\n]*\n)+/, '')
    .trim()
    .split(/\s+/);
  const isKnown = /^(?:CREATE|DROP|REINDEX|ANALYZE|ALTER|VACUUM|COMMENT|UPDATE)$/.test(verb);
  return isKnown ? (verb === 'ANALYZE' || !/^[A-Z]+$/.test(object) ? verb : `${verb} ${object}`) : 'see plan';
}
