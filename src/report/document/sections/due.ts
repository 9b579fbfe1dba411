import { z } from 'zod';
import { humaneBytes } from '../../../model/units.ts';
import { code, heading, name, paragraph, table } from '../blocks.ts';
import {
  count,
  countInWords,
  findingFacts,
  findingFactsOf,
  instant,
  noneFound,
  notJudged,
  numberIn,
  openOf,
  relationOf,
  textIn,
  timeInWords,
  unjudgedBlocks,
  whyNotJudged,
} from '../facts.ts';
import { isAnalyzeDue, isBloat, isBroken } from '../families.ts';
import { type DatabaseInput, defineSection } from '../section.ts';
import { statementWords } from './found.ts';

const DueFacts = z.strictObject({
  analyze: z.array(
    findingFacts.extend({
      tableRows: count,
      rowsChangedSinceAnalyze: count,
      autovacuumThresholdRows: count,
      lastAnalyzedAt: instant,
    }),
  ),
  analyzeNotJudged: notJudged,
  reindex: z.array(findingFacts),
  reindexNotJudged: notJudged,
});
type DueFacts = z.infer<typeof DueFacts>;

const mayReindex = (kind: Parameters<typeof isBloat>[0]): boolean => isBloat(kind) || isBroken(kind);

export const due = defineSection<DatabaseInput, DueFacts>({
  id: 'due',
  title: 'What is due',
  schema: DueFacts,
  gather: (input) => ({
    analyze: openOf(input.generation, isAnalyzeDue).map((finding) => ({
      ...findingFactsOf(finding),
      tableRows: numberIn(finding.evidence, 'tableRows'),
      rowsChangedSinceAnalyze: numberIn(finding.evidence, 'rowsChangedSinceAnalyze'),
      autovacuumThresholdRows: numberIn(finding.evidence, 'autovacuumThresholdRows'),
      lastAnalyzedAt: textIn(finding.evidence, 'lastAnalyzedAt'),
    })),
    analyzeNotJudged: whyNotJudged(input, isAnalyzeDue),
    reindex: openOf(input.generation, mayReindex)
      .filter(({ fix }) => /\bREINDEX\b/.test(fix.sql ?? ''))
      .map(findingFactsOf),
    reindexNotJudged: whyNotJudged(input, mayReindex),
  }),
  tell: ({ analyze, analyzeNotJudged, reindex, reindexNotJudged }) => [
    paragraph(
      'On evidence, not by the calendar: an index that is not bloated gains nothing from being rebuilt, and statistics that still fit nothing from being taken again. After indexes on expressions were built, ANALYZE is due on their tables.',
    ),
    heading('ANALYZE'),
    ...(analyze.length === 0
      ? noneFound('table whose statistics are missing or old', analyzeNotJudged)
      : [
          ...table(
            [
              'Table',
              '!Rows',
              '!Changed since',
              '!Autovacuum comes at',
              'Last analysed',
              'Severity',
              'Statement',
              'Id',
            ],
            analyze,
            (one) => [
              [name(relationOf(one))],
              countInWords(one.tableRows),
              countInWords(one.rowsChangedSinceAnalyze),
              countInWords(one.autovacuumThresholdRows),
              timeInWords(one.lastAnalyzedAt, 'not since counting began'),
              one.severity,
              statementWords(one),
              [code(one.id)],
            ],
            { what: 'tables' },
          ),
          ...unjudgedBlocks(analyzeNotJudged),
        ]),
    heading('REINDEX'),
    ...(reindex.length === 0
      ? noneFound('index that a rebuild would mend', reindexNotJudged)
      : [
          ...table(
            ['Index', 'Table', 'Because', '!Frees', 'Confidence', 'Id'],
            reindex,
            (one) => [
              [name(one.indexrelname ?? one.relname)],
              [name(relationOf(one))],
              one.kind,
              one.reclaimableBytes > 0 ? humaneBytes(one.reclaimableBytes) : '',
              one.confidence,
              [code(one.id)],
            ],
            { what: 'indexes' },
          ),
          ...unjudgedBlocks(reindexNotJudged),
        ]),
  ],
});
