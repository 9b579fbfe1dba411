import { z } from 'zod';
import { type Block, paragraph } from '../blocks.ts';
import { defineSection, type ReportInput } from '../section.ts';

const CheckingFacts = z.strictObject({
  queries: z.array(z.strictObject({ title: z.string(), sql: z.string() })),
});
type CheckingFacts = z.infer<typeof CheckingFacts>;

/** Read-only statements by which a reader can look at the same facts. They name the views' own columns, and run on 13 and later. */
export const checkingQueries: CheckingFacts['queries'] = [
  {
    title: 'Every index with its definition, and whether it is valid',
    sql: [
      'SELECT n.nspname, t.relname, c.relname AS indexrelname, i.indisvalid, pg_get_indexdef(c.oid)',
      'FROM pg_index i',
      'JOIN pg_class c ON c.oid = i.indexrelid',
      'JOIN pg_class t ON t.oid = i.indrelid',
      'JOIN pg_namespace n ON n.oid = t.relnamespace',
      "WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'",
      'ORDER BY 1, 2, 3;',
    ].join('\n'),
  },
  {
    title: 'Use of every index on this node, and since when it is counted',
    sql: [
      'SELECT s.schemaname, s.relname, s.indexrelname, s.idx_scan, s.idx_tup_read, d.stats_reset',
      'FROM pg_stat_user_indexes s',
      'JOIN pg_stat_database d ON d.datname = current_database()',
      'ORDER BY s.idx_scan DESC;',
    ].join('\n'),
  },
  {
    title:
      'Indexes without a scan that enforce nothing (those that do are no waste, however rarely they are read)',
    sql: [
      'SELECT s.schemaname, s.relname, s.indexrelname, pg_size_pretty(pg_relation_size(s.indexrelid))',
      'FROM pg_stat_user_indexes s',
      'JOIN pg_index i ON i.indexrelid = s.indexrelid',
      'WHERE s.idx_scan = 0 AND NOT i.indisunique AND NOT i.indisexclusion AND NOT i.indisreplident',
      'ORDER BY pg_relation_size(s.indexrelid) DESC;',
    ].join('\n'),
  },
  {
    title: 'Size of every table and of its indexes',
    sql: [
      'SELECT n.nspname, c.relname, pg_size_pretty(pg_total_relation_size(c.oid)) AS total,',
      '  pg_size_pretty(pg_table_size(c.oid)) AS in_table, pg_size_pretty(pg_indexes_size(c.oid)) AS in_indexes',
      'FROM pg_class c',
      'JOIN pg_namespace n ON n.oid = c.relnamespace',
      "WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'",
      'ORDER BY pg_total_relation_size(c.oid) DESC;',
    ].join('\n'),
  },
];

export const checking = defineSection<ReportInput, CheckingFacts>({
  id: 'checking',
  title: 'How to check it',
  schema: CheckingFacts,
  gather: () => ({ queries: [...checkingQueries] }),
  tell: ({ queries }) => [
    paragraph('These statements change nothing and show what the numbers above come from.'),
    ...queries.flatMap(({ title, sql }): readonly Block[] => [paragraph(`${title}:`), { kind: 'sql', sql }]),
  ],
});
