import { z } from 'zod';
import { targetKey } from '../../../model/ids.ts';
import { counted, humaneBytes, humaneCount } from '../../../model/units.ts';
import { fewActions } from '../../actions.ts';
import { chart, list, paragraph, table } from '../blocks.ts';
import {
  bytes,
  bytesInWords,
  count,
  countInWords,
  instant,
  isoOf,
  sumOf,
  timeInWords,
  topIndexes,
  topTables,
  whyUnread,
} from '../facts.ts';
import { defineSection, type ReportInput } from '../section.ts';

const DatabaseFacts = z.strictObject({
  server: z.string(),
  datname: z.string(),
  isUp: z.boolean(),
  error: z.string().nullable(),
  version: z.string().nullable().meta({ description: 'Of PostgreSQL, as the server says it.' }),
  statisticsSince: instant,
  nodes: z.array(z.string()).meta({ description: 'Nodes whose usage was looked at.' }),
  tables: count,
  indexes: count,
  tableBytes: bytes,
  indexBytes: bytes,
  open: z
    .strictObject({ critical: z.number(), warning: z.number(), info: z.number() })
    .nullable()
    .meta({ description: 'Open findings by severity; null where the database could not be read.' }),
  muted: z.number(),
  notJudged: z
    .number()
    .meta({ description: 'Kinds of findings that could not be judged, or not everywhere.' }),
  reclaimableBytes: bytes,
  expected: z
    .strictObject({ satisfied: z.number(), missing: z.number(), unknown: z.number() })
    .nullable()
    .meta({ description: 'Indexes that manifests expect; null where no manifest holds.' }),
});
type DatabaseFacts = z.infer<typeof DatabaseFacts>;

const SummaryFacts = z.strictObject({
  databases: z.array(DatabaseFacts),
  reclaimableByKind: z
    .array(z.strictObject({ kind: z.string(), bytes: z.number(), indexes: z.number() }))
    .meta({ description: 'What statements can free, by the kind of the finding; each index counted once.' }),
  isHistoryKept: z.boolean(),
});
type SummaryFacts = z.infer<typeof SummaryFacts>;

export const summary = defineSection<ReportInput, SummaryFacts>({
  id: 'summary',
  title: 'Summary',
  schema: SummaryFacts,
  gather: (input) => ({
    databases: input.generations.map(databaseFacts),
    reclaimableByKind: reclaimableByKind(input),
    isHistoryKept: input.history.kind === 'kept',
  }),
  tell: ({ databases, reclaimableByKind: kinds, isHistoryKept }) => [
    list(databases.map((database) => sentence(database, databases.length > 1))),
    ...table(
      [
        'Database',
        'PostgreSQL',
        '!Tables',
        '!Indexes',
        '!In tables',
        '!In indexes',
        '!Open findings',
        '!Can be freed',
        'Counted since',
      ],
      databases,
      (one) => [
        [{ kind: 'name', text: targetKey(one) }],
        one.version ?? 'unknown',
        countInWords(one.tables),
        countInWords(one.indexes),
        bytesInWords(one.tableBytes),
        bytesInWords(one.indexBytes),
        one.open === null ? 'unknown' : humaneCount(one.open.critical + one.open.warning + one.open.info),
        bytesInWords(one.reclaimableBytes),
        timeInWords(one.statisticsSince, 'unknown'),
      ],
    ),
    ...chart({
      title: 'What statements can free, by kind of finding',
      bars: kinds.map(({ kind, bytes: value, indexes }) => ({
        label: kind,
        value,
        text: `${humaneBytes(value)}, ${counted(indexes, 'index', 'indexes')}`,
      })),
    }),
    paragraph(
      isHistoryKept
        ? 'Use is judged by the history that a running indexwarden has kept, and by this look.'
        : 'This is one look: it knows what the servers have counted since their statistics began, and cannot tell when in that time an index was used.',
    ),
  ],
});

function databaseFacts(generation: ReportInput['generations'][number]): DatabaseFacts {
  const { target, isUp, error, catalogue, window, nodes, findings, inconclusive, expectations } = generation;
  const isListed = isUp && whyUnread(generation, ['tables', 'indexes']) === null;
  const openTotal = (severity: string): number =>
    findings.filter((finding) => finding.state === 'open' && finding.severity === severity).length;
  const expectedTotal = (...states: readonly string[]): number =>
    (expectations ?? []).filter(({ state }) => states.includes(state)).length;
  return {
    ...target,
    isUp,
    error,
    version: catalogue.server?.version ?? null,
    statisticsSince: isoOf(window?.sinceMs),
    nodes: nodes.filter(({ state }) => state === 'observed').map(({ node }) => node),
    tables: isListed ? topTables(generation).length : null,
    indexes: isListed ? topIndexes(generation).length : null,
    tableBytes: isListed ? sumOf(topTables(generation).map(({ sizeBytes }) => sizeBytes)) : null,
    indexBytes: isListed ? sumOf(topIndexes(generation).map(({ sizeBytes }) => sizeBytes)) : null,
    open: isUp
      ? { critical: openTotal('critical'), warning: openTotal('warning'), info: openTotal('info') }
      : null,
    muted: findings.filter(({ state }) => state === 'muted').length,
    notJudged: new Set(inconclusive.map(({ kind }) => kind)).size,
    reclaimableBytes: isUp ? fewActions(findings).totalBytes : null,
    expected:
      expectations === undefined
        ? null
        : {
            satisfied: expectedTotal('satisfied', 'alternative'),
            missing: expectedTotal('missing'),
            unknown: expectedTotal('unknown'),
          },
  };
}

function sentence(one: DatabaseFacts, isOneOfMany: boolean): string {
  const where = isOneOfMany ? `${targetKey(one)}: ` : '';
  if (!one.isUp || one.open === null)
    return `${where}could not be read: ${one.error ?? 'the reason is unknown'}.`;
  const { open, expected } = one;
  const total = open.critical + open.warning + open.info;
  const found =
    total === 0
      ? 'no open findings'
      : `${counted(total, 'open finding')} (${open.critical} critical, ${counted(open.warning, 'warning')}, ${counted(open.info, 'info')})`;
  const muted = one.muted === 0 ? '' : `, and ${one.muted} muted`;
  const manifests =
    expected === null
      ? ''
      : ` Of ${counted(expected.satisfied + expected.missing + expected.unknown, 'expected index', 'expected indexes')} ${expected.missing} ${expected.missing === 1 ? 'is' : 'are'} missing${expected.unknown === 0 ? '' : ` and ${expected.unknown} could not be judged`}.`;
  const unjudged =
    one.notJudged === 0
      ? ''
      : ` ${counted(one.notJudged, 'kind')} of findings could not be judged, or not everywhere.`;
  const [tables, indexes] = [one.tables, one.indexes];
  const there =
    tables === null || indexes === null
      ? 'tables and indexes could not be counted'
      : tables === 0
        ? 'no tables'
        : `${counted(tables, 'table')} with ${counted(indexes, 'index', 'indexes')}`;
  return `${where}${there}; ${found}${muted}; ${bytesInWords(one.reclaimableBytes)} can be freed.${manifests}${unjudged}`;
}

/** As `fewActions` counts them, so that the sum is its total. */
function reclaimableByKind({ generations }: ReportInput): SummaryFacts['reclaimableByKind'] {
  const kinds = new Map<string, { bytes: number; indexes: number }>();
  for (const { kind, impact } of generations.flatMap(({ findings }) => fewActions(findings).all)) {
    const known = kinds.get(kind) ?? { bytes: 0, indexes: 0 };
    kinds.set(kind, { bytes: known.bytes + impact.reclaimableBytes, indexes: known.indexes + 1 });
  }
  return [...kinds].map(([kind, sums]) => ({ kind, ...sums })).sort((a, b) => b.bytes - a.bytes);
}
