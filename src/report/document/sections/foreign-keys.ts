import { z } from 'zod';
import { isForeignKeySupported } from '../../../analysis/index-identity.ts';
import { counted, humaneCount } from '../../../model/units.ts';
import { code, foldedTable, name, paragraph } from '../blocks.ts';
import {
  count,
  countInWords,
  findingFacts,
  findingFactsOf,
  noneFound,
  notJudged,
  numberIn,
  openOf,
  relationOf,
  textIn,
  unjudgedBlocks,
  whyNotJudged,
  whyUnread,
} from '../facts.ts';
import { isForeignKey } from '../families.ts';
import { type DatabaseInput, defineSection } from '../section.ts';
import { statementWords } from './found.ts';

const ForeignKeysFacts = z.strictObject({
  unread: z.string().nullable(),
  total: z.number(),
  supported: z.number(),
  notEnforced: z
    .number()
    .meta({ description: 'Not enforced (18 and later): nothing is checked, nothing needs an index.' }),
  findings: z.array(
    findingFacts.extend({
      constraint: z.string(),
      columns: z.array(z.string()),
      referencedTable: z.string(),
      onDelete: z.string(),
      tableRows: count,
      parentRowsDeletedTotal: count,
    }),
  ),
  notJudged,
});
type ForeignKeysFacts = z.infer<typeof ForeignKeysFacts>;

export const foreignKeys = defineSection<DatabaseInput, ForeignKeysFacts>({
  id: 'foreignKeys',
  title: 'Foreign keys',
  schema: ForeignKeysFacts,
  gather(input) {
    const keys = input.generation.catalogue.foreignKeys;
    return {
      unread: whyUnread(input.generation, ['constraints']),
      total: keys.length,
      supported: keys.filter((key) => key.fact.isEnforced && isForeignKeySupported(key)).length,
      notEnforced: keys.filter((key) => !key.fact.isEnforced).length,
      findings: openOf(input.generation, isForeignKey).map((finding) => ({
        ...findingFactsOf(finding),
        constraint: textIn(finding.evidence, 'constraint') ?? 'unknown',
        columns: [...finding.columns],
        referencedTable: textIn(finding.evidence, 'referencedTable') ?? 'unknown',
        onDelete: textIn(finding.evidence, 'onDelete') ?? 'unknown',
        tableRows: numberIn(finding.evidence, 'tableRows'),
        parentRowsDeletedTotal: numberIn(finding.evidence, 'parentRowsDeletedTotal'),
      })),
      notJudged: whyNotJudged(input, isForeignKey),
    };
  },
  tell: ({ unread, total, supported, notEnforced, findings, notJudged: reasons }) => [
    ...(unread === null
      ? [
          paragraph(
            total === 0
              ? 'There are no foreign keys.'
              : `Of ${counted(total, 'foreign key')} ${humaneCount(supported)} ${supported === 1 ? 'has' : 'have'} an index that their checks can use${notEnforced === 0 ? '' : `; ${humaneCount(notEnforced)} ${notEnforced === 1 ? 'is' : 'are'} not enforced and need${notEnforced === 1 ? 's' : ''} none`}.`,
          ),
        ]
      : [paragraph(`The foreign keys could not be read: ${unread}.`)]),
    ...(findings.length === 0
      ? total === 0 && reasons.length === 0
        ? []
        : noneFound('foreign keys without an index that matter', reasons)
      : [
          paragraph(
            'Each delete of a parent row, and each change of its key, reads the whole child table where no index leads to its rows.',
          ),
          ...foldedTable(
            'All foreign keys without an index',
            [
              'Foreign key',
              'Table',
              'Columns',
              'Refers to',
              'On delete',
              '!Rows',
              '!Parent rows deleted',
              'Severity',
              'Statement',
              'Id',
            ],
            findings,
            (one) => [
              [name(one.constraint)],
              [name(relationOf(one))],
              [name(one.columns.join(', '))],
              [name(one.referencedTable)],
              one.onDelete,
              countInWords(one.tableRows),
              countInWords(one.parentRowsDeletedTotal),
              one.severity,
              statementWords(one),
              [code(one.id)],
            ],
            { what: 'foreign keys' },
          ),
          ...unjudgedBlocks(reasons),
        ]),
  ],
});
