import { z } from 'zod';
import { counted, humaneBytes, humaneCount } from '../../../model/units.ts';
import { list, paragraph, table } from '../blocks.ts';
import { bytes, shareInWords, sumOf, topIndexes, topTables, whyUnread } from '../facts.ts';
import { type DatabaseInput, defineSection } from '../section.ts';

/** Reading so many rows one after another is as fast as any index. */
const fewRows = 1_000;
/** Rows written for each scan of the table by an index. */
const writesPerReadMin = 100;
const caveatsShownMax = 15;

const CaveatsFacts = z.strictObject({
  unread: z.string().nullable(),
  tables: z.number(),
  smallTables: z.number().meta({ description: `Of fewer than ${fewRows} rows.` }),
  unknownRows: z.number(),
  writeHeavyTables: z
    .number()
    .meta({ description: `With ${writesPerReadMin} rows written or more for each scan.` }),
  indexBytes: bytes,
  tableBytes: bytes,
  byCaveat: z.array(z.strictObject({ caveat: z.string(), findings: z.number() })),
});
type CaveatsFacts = z.infer<typeof CaveatsFacts>;

export const caveats = defineSection<DatabaseInput, CaveatsFacts>({
  id: 'caveats',
  title: 'Caveats',
  schema: CaveatsFacts,
  gather({ generation }) {
    const tables = topTables(generation);
    const counts = new Map<string, number>();
    for (const finding of generation.findings.filter(({ state }) => state === 'open'))
      for (const caveat of new Set(finding.caveats)) counts.set(caveat, (counts.get(caveat) ?? 0) + 1);
    return {
      unread: whyUnread(generation, ['tables', 'table-usage', 'relation-sizes']),
      tables: tables.length,
      smallTables: tables.filter(({ rows }) => rows !== undefined && rows < fewRows).length,
      unknownRows: tables.filter(({ rows }) => rows === undefined).length,
      writeHeavyTables: tables.filter(({ usage }) => {
        if (usage === undefined) return false;
        const written = usage.rowsInsertedTotal + usage.rowsUpdatedTotal + usage.rowsDeletedTotal;
        const scans = usage.indexScansTotal + usage.sequentialScansTotal;
        return written >= fewRows && written >= writesPerReadMin * Math.max(1, scans);
      }).length,
      indexBytes: sumOf(topIndexes(generation).map(({ sizeBytes }) => sizeBytes)),
      tableBytes: sumOf(tables.map(({ sizeBytes }) => sizeBytes)),
      byCaveat: [...counts]
        .map(([caveat, findings]) => ({ caveat, findings }))
        .sort((a, b) => b.findings - a.findings || (a.caveat < b.caveat ? -1 : 1)),
    };
  },
  tell: ({
    unread,
    tables,
    smallTables,
    unknownRows,
    writeHeavyTables,
    indexBytes,
    tableBytes,
    byCaveat,
  }) => [
    ...(unread === null ? [] : [paragraph(`Not all of this could be read: ${unread}.`)]),
    paragraph('When an index is not worth it:'),
    list([
      ...(tables === 0
        ? []
        : [
            `${humaneCount(smallTables)} of ${counted(tables, 'table')} ${smallTables === 1 ? 'has' : 'have'} fewer than ${humaneCount(fewRows)} rows${unknownRows === 0 ? '' : ` (of ${humaneCount(unknownRows)} the rows are not known)`}: reading all of them is as fast as any index.`,
            `${humaneCount(writeHeavyTables)} ${writeHeavyTables === 1 ? 'is' : 'are'} written to ${writesPerReadMin} times as much as read or more: each further index is kept up at every write.`,
          ]),
      'A column with few distinct values, or one that is nearly always null, seldom deserves an index of its own; a partial one may.',
      ...(indexBytes === null || tableBytes === null || tables === 0
        ? []
        : [
            `The indexes take ${humaneBytes(indexBytes)} beside ${humaneBytes(tableBytes)} of tables${tableBytes > 0 ? ` (${shareInWords(indexBytes, tableBytes)})` : ''}.`,
          ]),
      'Column order goes by what the queries ask: columns compared for equality first, then ranges and order. The most selective first is no rule.',
    ]),
    ...(byCaveat.length === 0 ? [] : [paragraph('What could make findings wrong:')]),
    ...table(['Caveat', '!Findings'], byCaveat, (one) => [one.caveat, humaneCount(one.findings)], {
      what: 'caveats',
      max: caveatsShownMax,
    }),
  ],
});
