import { z } from 'zod';
import { counted } from '../../../model/units.ts';
import { type Block, code, foldedTable, list, name, paragraph, table } from '../blocks.ts';
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
} from '../facts.ts';
import { isShownAsMissing } from '../families.ts';
import { type DatabaseInput, defineSection } from '../section.ts';
import { findingsTable, statementWords } from './found.ts';

const MissingFacts = z.strictObject({
  expected: z
    .array(
      z.strictObject({
        schemaname: z.string(),
        relname: z.string(),
        expectedIndex: z.string(),
        manifest: z.string(),
        priority: z.number(),
        phase: z.number().nullable(),
        state: z.enum(['satisfied', 'missing', 'alternative', 'unknown']),
        satisfiedBy: z.array(z.string()),
        reason: z.string().nullable(),
      }),
    )
    .nullable()
    .meta({ description: 'Every index that manifests expect; null where no manifest holds.' }),
  findings: z.array(
    findingFacts.extend({
      expectedIndex: z.string().nullable(),
      shape: z.string().nullable(),
      priority: z.number().nullable(),
      phase: z.number().nullable(),
      tableRows: count,
      why: z.string().nullable().meta({ description: 'The reason that the manifest gives.' }),
      caveats: z.array(z.string()),
    }),
  ),
  notJudged,
});
type MissingFacts = z.infer<typeof MissingFacts>;
type MissingFinding = MissingFacts['findings'][number];

export const missing = defineSection<DatabaseInput, MissingFacts>({
  id: 'missing',
  title: 'Missing indexes',
  schema: MissingFacts,
  gather: (input) => ({
    expected:
      input.generation.expectations?.map((one) => ({ ...one, satisfiedBy: [...one.satisfiedBy] })) ?? null,
    findings: openOf(input.generation, isShownAsMissing)
      .map((finding) => ({
        ...findingFactsOf(finding),
        expectedIndex: textIn(finding.evidence, 'expectedIndex'),
        shape: textIn(finding.evidence, 'shape'),
        priority: numberIn(finding.evidence, 'priority'),
        phase: numberIn(finding.evidence, 'phase'),
        tableRows: numberIn(finding.evidence, 'tableRows'),
        why: textIn(finding.evidence, 'reason'),
        caveats: [...finding.caveats],
      }))
      .sort(byPhase),
    notJudged: whyNotJudged(input, isShownAsMissing),
  }),
  tell: ({ expected, findings, notJudged: reasons }) => {
    const ofManifests = findings.filter(({ kind }) => kind === 'missing-expected-index');
    const others = findings.filter(({ kind }) => kind !== 'missing-expected-index');
    return [
      ...expectedBlocks(expected),
      ...expectedTable(ofManifests),
      ...findingsTable(others),
      ...(findings.length === 0 ? noneFound('missing indexes', reasons) : unjudgedBlocks(reasons)),
    ];
  },
});

const expectedTable = (findings: readonly MissingFinding[]): readonly Block[] => [
  ...foldedTable(
    `All ${counted(findings.length, 'missing index', 'missing indexes')}`,
    [
      'Index',
      'Table',
      'Keys',
      '!Rows',
      '!Priority',
      '!Phase',
      'Severity',
      'Why',
      'Against it',
      'Statement',
      'Id',
    ],
    findings,
    (one) => [
      [name(one.expectedIndex ?? one.title)],
      [name(relationOf(one))],
      one.shape === null ? '' : [name(one.shape)],
      countInWords(one.tableRows),
      one.priority === null ? '' : String(one.priority),
      one.phase === null ? '' : String(one.phase),
      one.severity,
      one.why ?? '',
      [remarkOf(one), ...one.caveats].filter((text) => text !== '').join(' '),
      statementWords(one),
      [code(one.id)],
    ],
    { what: 'indexes' },
  ),
];

function expectedBlocks(expected: MissingFacts['expected']): readonly Block[] {
  if (expected === null)
    return [
      paragraph(
        'No manifest says which indexes should exist here; ',
        code('--expectations'),
        ' names one. What follows is what the database itself shows.',
      ),
    ];
  const phases = [...new Set(expected.map(({ phase }) => phase))].sort((a, b) => (a ?? 1e9) - (b ?? 1e9));
  const of = (phase: number | null, ...states: readonly string[]): string =>
    String(expected.filter((one) => one.phase === phase && states.includes(one.state)).length);
  const renamed = expected.filter(
    ({ state, expectedIndex, satisfiedBy }) => state === 'satisfied' && !satisfiedBy.includes(expectedIndex),
  );
  return [
    paragraph(
      `Manifests expect ${counted(expected.length, 'index', 'indexes')}: compared by what an index does, not by its name.`,
    ),
    ...table(['Phase', '!Expected', '!There', '!Missing', '!Not judged'], phases, (phase) => [
      phase === null ? 'without' : String(phase),
      String(expected.filter((one) => one.phase === phase).length),
      of(phase, 'satisfied', 'alternative'),
      of(phase, 'missing'),
      of(phase, 'unknown'),
    ]),
    ...(renamed.length === 0
      ? []
      : [
          paragraph('There under another name:'),
          list(renamed.map((one) => [name(one.expectedIndex), ' is ', name(one.satisfiedBy.join(', '))])),
        ]),
  ];
}

/** What its name and keys do not say: that it is there and differs, or that one of several would do. */
const remarkOf = ({ title }: MissingFinding): string => (/ is missing$/.test(title) ? '' : `${title}.`);

const byPhase = (a: MissingFinding, b: MissingFinding): number =>
  (a.priority ?? 1e9) - (b.priority ?? 1e9) ||
  (a.phase ?? 1e9) - (b.phase ?? 1e9) ||
  (b.tableRows ?? 0) - (a.tableRows ?? 0);
