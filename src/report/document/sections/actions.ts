import { z } from 'zod';
import { counted, humaneBytes } from '../../../model/units.ts';
import { fewActions, rankFindings } from '../../actions.ts';
import { type Block, code, paragraph, strong, type Text } from '../blocks.ts';
import { type FindingFacts, findingFacts, findingFactsOf, shareInWords } from '../facts.ts';
import { defineSection, type ReportInput } from '../section.ts';

/** Of many actions a person reads so many; the JSON has them all. */
const shownMax = 10;

/** Of what frees nothing, so many are named here; all stand in their sections. */
const othersShownMax = 5;

const ActionsFacts = z.strictObject({
  critical: z.array(findingFacts).meta({ description: 'Act now, whatever they free.' }),
  few: z
    .array(findingFacts)
    .meta({ description: 'The fewest actions that give four fifths of the bytes that statements can free.' }),
  fewBytes: z.number(),
  totalBytes: z
    .number()
    .meta({ description: 'What all statements together would free, each index counted once.' }),
  reviewBytes: z.number().meta({ description: 'What only a review can decide about.' }),
  others: z
    .array(findingFacts)
    .meta({ description: 'Warnings that have a statement and free nothing, best first.' }),
  otherTotal: z.number(),
  databases: z.number(),
});
type ActionsFacts = z.infer<typeof ActionsFacts>;

/** What to do first. */
export const actions = defineSection<ReportInput, ActionsFacts>({
  id: 'actions',
  title: 'What to do first',
  schema: ActionsFacts,
  gather({ generations }) {
    const findings = generations.flatMap((generation) => generation.findings);
    const open = rankFindings(findings.filter(({ state }) => state === 'open'));
    const few = fewActions(findings);
    const critical = open.filter(({ severity }) => severity === 'critical');
    const others = open.filter(
      (finding) =>
        finding.severity === 'warning' && finding.fix.sql !== null && finding.impact.reclaimableBytes === 0,
    );
    return {
      critical: critical.map(findingFactsOf),
      few: few.actions.map(findingFactsOf),
      fewBytes: few.bytes,
      totalBytes: few.totalBytes,
      reviewBytes: few.reviewBytes,
      others: others.slice(0, othersShownMax).map(findingFactsOf),
      otherTotal: others.length,
      databases: generations.length,
    };
  },
  tell(facts) {
    const { critical, few, others } = facts;
    if (critical.length + few.length + others.length === 0) return nothingToDo(facts);
    return [
      ...(critical.length === 0 ? [] : [paragraph(strong('Now:')), ...actionList(critical, facts)]),
      ...reclaimBlocks(facts),
      ...(others.length === 0
        ? []
        : [
            paragraph(
              strong(few.length + critical.length === 0 ? 'First:' : 'Then, though it frees nothing:'),
            ),
            ...actionList(others, facts),
            ...(facts.otherTotal > others.length
              ? [
                  paragraph(
                    `And ${counted(facts.otherTotal - others.length, 'more warning')} of this kind, in the sections below.`,
                  ),
                ]
              : []),
          ]),
      paragraph(
        'Nothing has been run. ',
        code('indexwarden plan'),
        ' makes an ordered script of the statements, with checks before and after each step and the way back; ',
        code('indexwarden explain ID'),
        ' says what a finding rests on.',
      ),
    ];
  },
});

function nothingToDo({ reviewBytes }: ActionsFacts): readonly Block[] {
  const review =
    reviewBytes > 0 ? ` What needs a review (${humaneBytes(reviewBytes)}) stands in the sections below.` : '';
  return [
    paragraph(
      `There is no statement to run first.${review} What could not be seen stands at the end: it may hide something.`,
    ),
  ];
}

function reclaimBlocks(facts: ActionsFacts): readonly Block[] {
  const { few, fewBytes, totalBytes, reviewBytes } = facts;
  if (few.length === 0) return [];
  const these =
    few.length === 1
      ? 'One action gives'
      : `${few.length > shownMax ? '' : 'These '}${counted(few.length, 'action')} give`;
  const all =
    fewBytes === totalBytes
      ? `all of the ${humaneBytes(totalBytes)} that statements can free`
      : `${shareInWords(fewBytes, totalBytes)} of what statements can free (${humaneBytes(fewBytes)} of ${humaneBytes(totalBytes)})`;
  return [
    paragraph(strong(`${these} ${all}:`)),
    ...actionList(few, facts),
    ...(reviewBytes > 0 ? [paragraph(`A review decides about another ${humaneBytes(reviewBytes)}.`)] : []),
    {
      kind: 'details',
      summary:
        few.length === 1
          ? 'Its statement'
          : few.length > shownMax
            ? 'Statements of the first'
            : 'Their statements',
      blocks: few
        .slice(0, shownMax)
        .flatMap(({ title, sql }): readonly Block[] =>
          sql === null ? [] : [paragraph(title), { kind: 'sql', sql }],
        ),
    },
  ];
}

const actionList = (findings: readonly FindingFacts[], { databases }: ActionsFacts): readonly Block[] => [
  {
    kind: 'list',
    isOrdered: true,
    items: findings
      .slice(0, shownMax)
      .map(({ id, title, reclaimableBytes, confidence, server, datname }): Text => {
        const frees = reclaimableBytes > 0 ? `${humaneBytes(reclaimableBytes)}: ` : '';
        const where = databases > 1 ? `${server}/${datname}: ` : '';
        return [`${where}${frees}${title} (${confidence}, `, code(id), ')'];
      }),
  },
  ...(findings.length > shownMax
    ? [
        paragraph(
          `And ${counted(findings.length - shownMax, 'more', 'more')}: `,
          code('--format json'),
          ' has them all.',
        ),
      ]
    : []),
];
