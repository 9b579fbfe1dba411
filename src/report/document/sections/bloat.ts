import { z } from 'zod';
import { counted, humaneBytes } from '../../../model/units.ts';
import { bloatReportOf } from '../../bloat/result.ts';
import { chart, foldedTable, list, name, paragraph } from '../blocks.ts';
import {
  bytes,
  bytesInWords,
  findingFacts,
  findingFactsOf,
  notJudged,
  openOf,
  relationOf,
  shareInWords,
  unjudgedBlocks,
  whyNotJudged,
  whyUnread,
} from '../facts.ts';
import { isBloat } from '../families.ts';
import { type DatabaseInput, defineSection } from '../section.ts';
import { findingsTable } from './found.ts';

const shownMax = 25;
const chartMax = 12;
const methods = ['measured', 'calibrated', 'estimated', 'unknown'] as const;

const BloatFacts = z.strictObject({
  unread: z.string().nullable(),
  byMethod: z.array(
    z.strictObject({
      method: z.enum(methods),
      indexes: z.number(),
      sizeBytes: bytes,
      wastedBytes: z.number(),
    }),
  ),
  indexes: z.array(
    z.strictObject({
      schemaname: z.string(),
      relname: z.string(),
      indexrelname: z.string(),
      accessMethod: z.string(),
      sizeBytes: bytes,
      expectedSizeBytes: bytes,
      wastedBytes: bytes,
      ratio: z.number().nullable(),
      low: z.number().nullable(),
      high: z.number().nullable(),
      method: z.enum(methods),
      confidence: z.enum(['high', 'medium', 'low', 'none']),
      reason: z.string().nullable(),
    }),
  ),
  improvements: z.array(z.strictObject({ what: z.string(), indexes: z.number() })),
  findings: z.array(findingFacts),
  notJudged,
});
type BloatFacts = z.infer<typeof BloatFacts>;

export const bloat = defineSection<DatabaseInput, BloatFacts>({
  id: 'bloat',
  title: 'Bloat',
  schema: BloatFacts,
  gather(input) {
    const { rows, improvements } = bloatReportOf([input.generation]);
    return {
      unread: whyUnread(input.generation, ['indexes', 'relation-sizes']),
      byMethod: methods.flatMap((method) => {
        const some = rows.filter((row) => row.method === method);
        const sizeBytes = some.reduce((sum, row) => sum + (row.sizeBytes ?? 0), 0);
        const wastedBytes = some.reduce((sum, row) => sum + (row.wastedBytes ?? 0), 0);
        return some.length === 0 ? [] : [{ method, indexes: some.length, sizeBytes, wastedBytes }];
      }),
      indexes: rows.map(({ server: _server, datname: _datname, access_method, ...row }) => ({
        ...row,
        accessMethod: access_method,
      })),
      improvements: improvements.map(({ what, indexes }) => ({ what, indexes })),
      findings: openOf(input.generation, isBloat).map(findingFactsOf),
      notJudged: whyNotJudged(input, isBloat),
    };
  },
  tell({ unread, byMethod, indexes, improvements, findings, notJudged: reasons }) {
    const wasteful = indexes.filter(({ wastedBytes }) => (wastedBytes ?? 0) > 0);
    return [
      ...(unread === null ? [] : [paragraph(`Not all of this could be read: ${unread}.`)]),
      ...(byMethod.length === 0
        ? []
        : [
            paragraph(
              'What a rebuild would free, and how that is known. Only what was measured is certain; an estimate rests on column statistics and on the definition.',
            ),
            list(
              byMethod.map((one) =>
                one.method === 'unknown'
                  ? `unknown: ${counted(one.indexes, 'index', 'indexes')} of ${bytesInWords(one.sizeBytes)}`
                  : `${one.method}: ${counted(one.indexes, 'index', 'indexes')} of ${bytesInWords(one.sizeBytes)}, of which a rebuild ${one.method === 'measured' ? 'would' : 'might'} free ${humaneBytes(one.wastedBytes)} (${shareInWords(one.wastedBytes, one.sizeBytes ?? 0)})`,
              ),
            ),
          ]),
      ...chart({
        title: 'Size of the indexes with the most bloat, and in the darker colour what a rebuild would free',
        bars: wasteful.slice(0, chartMax).map((one) => ({
          label: one.indexrelname,
          value: one.sizeBytes ?? 0,
          text: `${bytesInWords(one.wastedBytes)} of ${bytesInWords(one.sizeBytes)}`,
          marked: one.wastedBytes ?? 0,
        })),
      }),
      ...foldedTable(
        'The most bloated indexes',
        ['Index', 'Table', '!Size', '!Would be', '!Wasted', '!Share', '!Between', 'How known', 'Confidence'],
        wasteful,
        (one) => [
          [name(one.indexrelname)],
          [name(relationOf(one))],
          bytesInWords(one.sizeBytes),
          bytesInWords(one.expectedSizeBytes),
          bytesInWords(one.wastedBytes),
          percent(one.ratio),
          one.low === null || one.high === null
            ? ''
            : one.low === one.high
              ? 'exact'
              : `${percent(one.low)} and ${percent(one.high)}`,
          one.method,
          one.confidence,
        ],
        { what: 'indexes', max: shownMax },
      ),
      ...(improvements.length === 0
        ? []
        : [
            paragraph('What would make this better:'),
            list(
              improvements.map(({ what, indexes: some }) => `${what} (${counted(some, 'index', 'indexes')})`),
            ),
          ]),
      ...(findings.length === 0
        ? [
            paragraph(
              'No index is so surely bloated, so large for its rows, or so much larger than before that it is a finding.',
            ),
          ]
        : findingsTable(findings)),
      ...unjudgedBlocks(reasons),
    ];
  },
});

const percent = (ratio: number | null): string =>
  ratio === null ? 'unknown' : `${Math.round(ratio * 100)} %`;
