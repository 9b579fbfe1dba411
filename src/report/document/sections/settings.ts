import { z } from 'zod';
import type { TableView } from '../../../analysis/catalogue.ts';
import type { ServerFact } from '../../../collectors/server.ts';
import { humaneCount } from '../../../model/units.ts';
import { foldedTable, heading, name, paragraph, table } from '../blocks.ts';
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

const SettingsFacts = z.strictObject({
  unread: z.string().nullable(),
  settings: z.array(
    z.strictObject({
      setting: z.string(),
      value: z.string(),
      advice: z.string().meta({ description: 'What it means for indexes.' }),
      isGood: z.boolean().meta({ description: 'False where it stands in the way.' }),
    }),
  ),
  ginTables: z
    .array(
      z.strictObject({
        schemaname: z.string(),
        relname: z.string(),
        ginIndexes: z.number(),
        ginBytes: bytes,
        fastUpdate: z.boolean().meta({ description: 'Whether one of them keeps a list of pending entries.' }),
        isAutovacuumOn: z.boolean(),
        options: z.array(z.string()).meta({ description: 'Settings of the table’s own.' }),
        rowsWrittenTotal: count,
        lastVacuumedAt: instant,
      }),
    )
    .meta({ description: 'Tables with GIN indexes: vacuum moves their pending entries into place.' }),
});
type SettingsFacts = z.infer<typeof SettingsFacts>;

export const settings = defineSection<DatabaseInput, SettingsFacts>({
  id: 'settings',
  title: 'Settings that matter',
  schema: SettingsFacts,
  gather({ generation }) {
    const { server } = generation.catalogue;
    return {
      unread: whyUnread(generation, ['server']),
      settings: server === undefined ? [] : settingsOf(server),
      ginTables: topTables(generation)
        .flatMap((one) => ginFacts(one, server))
        .sort((a, b) => bySize(a.ginBytes, b.ginBytes)),
    };
  },
  tell: ({ unread, settings: all, ginTables }) => [
    ...(unread === null ? [] : [paragraph(`The settings could not be read: ${unread}.`)]),
    ...table(['Setting', 'Value', 'Good as it is', 'What it means here'], all, (one) => [
      [name(one.setting)],
      [name(one.value)],
      one.isGood ? 'yes' : 'no',
      one.advice,
    ]),
    ...(ginTables.length === 0
      ? []
      : [
          heading('Tables with GIN indexes'),
          paragraph(
            'New entries wait in a list that every search reads from its start to its end; vacuum, ANALYZE by autovacuum, or the insert that finds the list full moves them into place. On a table that is written to much, let autovacuum come often (autovacuum_vacuum_insert_scale_factor, autovacuum_vacuum_scale_factor of the table), or turn fastupdate off.',
          ),
          ...foldedTable(
            'All tables with GIN indexes',
            [
              'Table',
              '!GIN indexes',
              '!Size',
              'Pending list',
              'Autovacuum',
              'Own settings',
              '!Rows written',
              'Last vacuumed',
            ],
            ginTables,
            (one) => [
              [name(relationOf(one))],
              String(one.ginIndexes),
              bytesInWords(one.ginBytes),
              one.fastUpdate ? 'yes' : 'no (fastupdate off)',
              one.isAutovacuumOn ? 'on' : 'off',
              one.options.length === 0 ? 'none' : [name(one.options.join(', '))],
              countInWords(one.rowsWrittenTotal),
              timeInWords(one.lastVacuumedAt, 'not since counting began'),
            ],
            { what: 'tables' },
          ),
        ]),
  ],
});

function settingsOf(server: ServerFact): SettingsFacts['settings'] {
  const isLogging = server.logMinDurationStatement !== '-1';
  const has = (extension: string): boolean => server.extensions.includes(extension);
  return [
    {
      setting: 'track_counts',
      value: server.trackCounts ? 'on' : 'off',
      isGood: server.trackCounts,
      advice: server.trackCounts
        ? 'Use is counted.'
        : 'Nothing counts use: no verdict about it is possible, and autovacuum does not run.',
    },
    {
      setting: 'autovacuum',
      value: server.autovacuum ? 'on' : 'off',
      isGood: server.autovacuum,
      advice: server.autovacuum
        ? `Statistics are taken again after ${humaneCount(server.autovacuumAnalyzeThresholdRows)} + ${server.autovacuumAnalyzeScaleFactor} × rows have changed, where a table says nothing else.`
        : 'Statistics grow old and indexes keep entries of dead rows until somebody runs VACUUM and ANALYZE.',
    },
    {
      setting: 'log_min_duration_statement',
      value: server.logMinDurationStatement,
      isGood: isLogging,
      advice: isLogging
        ? 'Slower statements stand in the log, with the values that made them slow.'
        : 'Slow statements are not logged. 1000 (ms) shows those that an index may help; the log then holds their values.',
    },
    {
      setting: 'pg_stat_statements',
      value: has('pg_stat_statements') ? 'installed' : 'not in this database',
      isGood: has('pg_stat_statements'),
      advice: has('pg_stat_statements')
        ? 'Says which statements cost most.'
        : 'With it one sees which statements cost most, before and after an index.',
    },
    {
      setting: 'pgstattuple',
      value: has('pgstattuple') ? 'installed' : 'not in this database',
      isGood: has('pgstattuple'),
      advice: has('pgstattuple')
        ? 'Bloat can be measured.'
        : 'Without it bloat is estimated; with it indexwarden bloat --measure measures.',
    },
  ];
}

function ginFacts(one: TableView, server: ServerFact | undefined): SettingsFacts['ginTables'] {
  const gin = one.indexes.filter(({ fact }) => fact.accessMethod === 'gin');
  if (gin.length === 0) return [];
  const { options } = one.fact;
  const isTurnedOff = options.some((option) => /^autovacuum_enabled=(?:false|off|no|0)$/i.test(option));
  const { usage } = one;
  return [
    {
      schemaname: one.schemaname,
      relname: one.relname,
      ginIndexes: gin.length,
      ginBytes: sumOf(gin.map(({ sizeBytes }) => sizeBytes)),
      fastUpdate: gin.some(
        ({ fact }) => !fact.options.some((option) => /^fastupdate=(?:false|off|no|0)$/i.test(option)),
      ),
      isAutovacuumOn: server?.autovacuum !== false && !isTurnedOff,
      options: options.filter((option) => option.startsWith('autovacuum_')),
      rowsWrittenTotal:
        usage === undefined
          ? null
          : usage.rowsInsertedTotal + usage.rowsUpdatedTotal + usage.rowsDeletedTotal,
      lastVacuumedAt: isoOf(usage?.lastVacuumedAtMs),
    },
  ];
}
