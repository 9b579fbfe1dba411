import { z } from 'zod';
import { humaneBytes } from '../../../model/units.ts';
import { chart, foldedTable, name, paragraph } from '../blocks.ts';
import {
  bySize,
  bytes,
  bytesInWords,
  count,
  countInWords,
  instant,
  isoOf,
  relationOf,
  sumOf,
  timeInWords,
  topTables,
  whyUnread,
} from '../facts.ts';
import { type DatabaseInput, defineSection } from '../section.ts';

const chartMax = 12;

const TableFacts = z.strictObject({
  schemaname: z.string(),
  relname: z.string(),
  relkind: z.enum(['table', 'materialized view', 'partitioned table']),
  partitions: z.number(),
  rows: count.meta({
    description: 'As the planner or the counters estimate them; null where neither knows.',
  }),
  tableBytes: bytes,
  indexes: z.number(),
  indexBytes: bytes,
  sequentialScansTotal: count,
  indexScansTotal: count,
  rowsWrittenTotal: count,
  lastAnalyzedAt: instant,
});
type TableFacts = z.infer<typeof TableFacts>;

const TablesFacts = z.strictObject({
  unread: z
    .string()
    .nullable()
    .meta({ description: 'Why something of this could not be read; null where all was.' }),
  tables: z.array(TableFacts),
});
type TablesFacts = z.infer<typeof TablesFacts>;

const kinds = { r: 'table', m: 'materialized view', p: 'partitioned table' } as const;

export const tables = defineSection<DatabaseInput, TablesFacts>({
  id: 'tables',
  title: 'Tables reviewed',
  schema: TablesFacts,
  gather: ({ generation }) => ({
    unread: whyUnread(generation, ['tables', 'indexes', 'relation-sizes', 'table-usage']),
    tables: topTables(generation)
      .map((table): TableFacts => {
        const { usage } = table;
        const indexes = table.indexes;
        return {
          schemaname: table.schemaname,
          relname: table.relname,
          relkind: kinds[table.fact.relkind],
          partitions: table.partitions.length,
          rows: table.rows === undefined ? null : Math.round(table.rows),
          tableBytes: table.sizeBytes ?? null,
          indexes: indexes.length,
          indexBytes: sumOf(indexes.map(({ sizeBytes }) => sizeBytes)),
          sequentialScansTotal: usage?.sequentialScansTotal ?? null,
          indexScansTotal: usage?.indexScansTotal ?? null,
          rowsWrittenTotal:
            usage === undefined
              ? null
              : usage.rowsInsertedTotal + usage.rowsUpdatedTotal + usage.rowsDeletedTotal,
          lastAnalyzedAt: isoOf(usage?.lastAnalyzedAtMs),
        };
      })
      .sort(
        (a, b) =>
          bySize(sumOf([a.tableBytes, a.indexBytes]), sumOf([b.tableBytes, b.indexBytes])) ||
          (relationOf(a) < relationOf(b) ? -1 : 1),
      ),
  }),
  tell: ({ unread, tables: all }) => [
    ...(unread === null ? [] : [paragraph(`Not all of this could be read: ${unread}.`)]),
    ...(all.length === 0
      ? [
          paragraph(
            unread === null
              ? 'There are no tables in the schemas that are watched.'
              : 'No table could be listed.',
          ),
        ]
      : [
          paragraph(
            'Rows are estimates of the planner or of the counters; sizes are those on disk, TOAST included. Partitions count with their table.',
          ),
        ]),
    ...chart({
      title: `The largest tables: all bytes, and in the darker colour those of their indexes`,
      bars: all.slice(0, chartMax).flatMap((one) => {
        const total = sumOf([one.tableBytes, one.indexBytes]);
        return total === null
          ? []
          : [{ label: relationOf(one), value: total, text: humaneBytes(total), marked: one.indexBytes ?? 0 }];
      }),
    }),
    ...foldedTable(
      'All tables',
      [
        'Table',
        '!Rows',
        '!Table size',
        '!Indexes',
        '!Index size',
        '!Sequential scans',
        '!Index scans',
        '!Rows written',
        'Last analysed',
      ],
      all,
      (one) => [
        [name(relationOf(one)), one.partitions > 0 ? ` (${one.partitions} partitions)` : ''],
        countInWords(one.rows),
        bytesInWords(one.tableBytes),
        countInWords(one.indexes),
        bytesInWords(one.indexBytes),
        countInWords(one.sequentialScansTotal),
        countInWords(one.indexScansTotal),
        countInWords(one.rowsWrittenTotal),
        timeInWords(one.lastAnalyzedAt, 'not since counting began'),
      ],
      { what: 'tables' },
    ),
  ],
});
