import { z } from 'zod';
import type { Finding } from '../../../model/finding.ts';
import { humaneDuration, secondMs } from '../../../model/units.ts';
import { code, foldedTable, name, paragraph } from '../blocks.ts';
import {
  bytes,
  bytesInWords,
  count,
  countInWords,
  findingFacts,
  findingFactsOf,
  instant,
  isoOf,
  noneFound,
  notJudged,
  numberIn,
  openOf,
  relationOf,
  textIn,
  textsIn,
  timeInWords,
  unjudgedBlocks,
  whyNotJudged,
} from '../facts.ts';
import { isDisuse } from '../families.ts';
import { type DatabaseInput, defineSection } from '../section.ts';
import { statementWords } from './found.ts';

const UnusedFacts = z.strictObject({
  isHistoryKept: z.boolean(),
  statisticsSince: instant,
  findings: z.array(
    findingFacts.extend({
      sizeBytes: bytes,
      scansTotal: count,
      windowSeconds: count.meta({ description: 'How long it was looked at, or its counters count.' }),
      nodes: z.array(z.string()).meta({ description: 'Nodes that agree.' }),
      nodesNotSeen: z.array(z.string()),
      lastScanAt: instant,
    }),
  ),
  notJudged,
});
type UnusedFacts = z.infer<typeof UnusedFacts>;

export const unused = defineSection<DatabaseInput, UnusedFacts>({
  id: 'unused',
  title: 'Unused and rarely used indexes',
  schema: UnusedFacts,
  gather: (input) => ({
    isHistoryKept: input.report.history.kind === 'kept',
    statisticsSince: isoOf(input.generation.window?.sinceMs),
    findings: openOf(input.generation, isDisuse).map((finding) => ({
      ...findingFactsOf(finding),
      ...usageOf(finding),
    })),
    notJudged: whyNotJudged(input, isDisuse).concat(
      input.report.history.kind === 'kept'
        ? []
        : ['stopped-being-used: it takes a history (storage.path), which this look does not have'],
    ),
  }),
  tell: ({ isHistoryKept, statisticsSince, findings, notJudged: reasons }) => [
    paragraph(
      isHistoryKept
        ? 'Judged by the history that was kept of every configured node; one use on one node is use.'
        : `One look cannot tell disuse over time: what it has are counters${statisticsSince === null ? ' of unknown age' : ` since ${timeInWords(statisticsSince, '')}`}. An index that is needed at a month’s or a year’s end shows no scan before.`,
    ),
    ...(findings.length === 0
      ? noneFound('unused or rarely used indexes', reasons)
      : [
          ...foldedTable(
            'All unused and rarely used indexes',
            [
              'Index',
              'Table',
              '!Size',
              '!Scans',
              'Looked at for',
              'Nodes',
              'Kind',
              'Confidence',
              'Statement',
              'Id',
            ],
            findings,
            (one) => [
              [name(one.indexrelname ?? one.relname)],
              [name(relationOf(one))],
              bytesInWords(one.sizeBytes),
              countInWords(one.scansTotal),
              one.windowSeconds === null ? 'unknown' : humaneDuration(one.windowSeconds * secondMs),
              [
                name(one.nodes.length === 0 ? 'primary' : one.nodes.join(', ')),
                ...(one.nodesNotSeen.length === 0 ? [] : ['; not seen: ', name(one.nodesNotSeen.join(', '))]),
              ],
              one.kind,
              one.confidence,
              statementWords(one),
              [code(one.id)],
            ],
            { what: 'indexes' },
          ),
          ...unjudgedBlocks(reasons),
        ]),
  ],
});

const usageOf = ({ evidence }: Finding) => ({
  sizeBytes: numberIn(evidence, 'sizeBytes'),
  scansTotal: numberIn(evidence, 'scansTotal'),
  windowSeconds: numberIn(evidence, 'windowSeconds') ?? numberIn(evidence, 'statisticsAgeSeconds'),
  nodes: textsIn(evidence, 'nodes'),
  nodesNotSeen: textsIn(evidence, 'nodesNotSeen'),
  lastScanAt: textIn(evidence, 'lastScanAt'),
});
