import { z } from 'zod';
import { humaneBytes } from '../../../model/units.ts';
import { code, foldedTable, name, paragraph } from '../blocks.ts';
import {
  findingFacts,
  findingFactsOf,
  noneFound,
  notJudged,
  openOf,
  relationOf,
  unjudgedBlocks,
  whyNotJudged,
} from '../facts.ts';
import { isDuplicate } from '../families.ts';
import { type DatabaseInput, defineSection } from '../section.ts';
import { statementWords } from './found.ts';

const DuplicatesFacts = z.strictObject({
  findings: z.array(
    findingFacts.extend({
      keep: z.string().nullable().meta({ description: 'The index that stays and does its work.' }),
      why: z.string(),
    }),
  ),
  notJudged,
});
type DuplicatesFacts = z.infer<typeof DuplicatesFacts>;

export const duplicates = defineSection<DatabaseInput, DuplicatesFacts>({
  id: 'duplicates',
  title: 'Duplicates and redundancies',
  schema: DuplicatesFacts,
  gather: (input) => ({
    findings: openOf(input.generation, isDuplicate).map((finding) => {
      const keep = finding.related.find(({ role }) => role === 'keep');
      return { ...findingFactsOf(finding), keep: keep?.indexrelname ?? null, why: keep?.why ?? '' };
    }),
    notJudged: whyNotJudged(input, isDuplicate),
  }),
  tell: ({ findings, notJudged: reasons }) =>
    findings.length === 0
      ? noneFound('duplicate or redundant indexes', reasons)
      : [
          paragraph(
            'A duplicate is a whole copy: same table, method, keys in the same order, classes, collations and condition. A redundant index is covered by a wider or a unique one.',
          ),
          ...foldedTable(
            'All copies and covered indexes',
            [
              'Can go',
              'Table',
              'Stays',
              'Why that one stays',
              'Kind',
              'Confidence',
              '!Frees',
              'Statement',
              'Id',
            ],
            findings,
            (one) => [
              [name(one.indexrelname ?? one.relname)],
              [name(relationOf(one))],
              one.keep === null ? 'see the finding' : [name(one.keep)],
              one.why,
              one.kind === 'duplicate-index' ? 'duplicate' : 'redundant',
              one.confidence,
              one.reclaimableBytes > 0 ? humaneBytes(one.reclaimableBytes) : '',
              statementWords(one),
              [code(one.id)],
            ],
            { what: 'indexes' },
          ),
          ...unjudgedBlocks(reasons),
        ],
});
