import { z } from 'zod';
import type { IndexView } from '../../../analysis/catalogue.ts';
import { subjectIn } from '../../../history/usage/across.ts';
import { lastWholeDay, usesAcross } from '../../../history/usage/rates.ts';
import { recentDays } from '../../../history/usage/state.ts';
import { counted, dayMs, humaneBytes, humaneCount } from '../../../model/units.ts';
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
  shapeFor,
  sumOf,
  timeInWords,
  topIndexes,
  whyUnread,
} from '../facts.ts';
import { type DatabaseInput, defineSection } from '../section.ts';

const chartMax = 12;

const roles = ['primary key', 'unique', 'exclusion', 'plain'] as const;

const IndexFacts = z.strictObject({
  schemaname: z.string(),
  relname: z.string(),
  indexrelname: z.string(),
  shape: z.string(),
  accessMethod: z.string(),
  role: z.enum(roles),
  isPartial: z.boolean(),
  isValid: z.boolean(),
  partitions: z.number(),
  sizeBytes: bytes,
  scansTotal: count.meta({ description: 'On the primary, since its statistics began.' }),
  lastScanAt: instant.meta({ description: 'As the primary says it, from PostgreSQL 16 on.' }),
  daysUsed: count.meta({
    description: 'Whole days (UTC) of the window with use on any node, by the history; null without one.',
  }),
});
type IndexFacts = z.infer<typeof IndexFacts>;

const IndexesFacts = z.strictObject({
  unread: z.string().nullable(),
  total: z.number(),
  onPartitions: z.number().meta({ description: 'Indexes of partitions that belong to one of the total.' }),
  totalBytes: bytes,
  byRole: z.array(z.strictObject({ role: z.enum(roles), indexes: z.number() })),
  byMethod: z.array(z.strictObject({ accessMethod: z.string(), indexes: z.number(), bytes })),
  daysLooked: z.number().nullable().meta({ description: 'How many whole days `daysUsed` is out of.' }),
  versionHasLastScan: z.boolean(),
  indexes: z.array(IndexFacts),
});
type IndexesFacts = z.infer<typeof IndexesFacts>;

export const indexes = defineSection<DatabaseInput, IndexesFacts>({
  id: 'indexes',
  title: 'Existing indexes',
  schema: IndexesFacts,
  gather(input) {
    const { generation } = input;
    const days = daysOf(input);
    const all = topIndexes(generation)
      .map((index) => factsOfIndex(index, input, days))
      .sort((a, b) => bySize(a.sizeBytes, b.sizeBytes) || (a.indexrelname < b.indexrelname ? -1 : 1));
    return {
      unread: whyUnread(generation, ['indexes', 'relation-sizes', 'index-usage']),
      total: all.length,
      onPartitions: generation.catalogue.indexes.length - all.length,
      totalBytes: sumOf(all.map(({ sizeBytes }) => sizeBytes)),
      byRole: roles
        .map((role) => ({ role, indexes: all.filter((index) => index.role === role).length }))
        .filter((one) => one.indexes > 0),
      byMethod: [...new Set(all.map(({ accessMethod }) => accessMethod))]
        .map(
          (accessMethod) => [accessMethod, all.filter((one) => one.accessMethod === accessMethod)] as const,
        )
        .map(([accessMethod, some]) => ({
          accessMethod,
          indexes: some.length,
          bytes: sumOf(some.map(({ sizeBytes }) => sizeBytes)),
        }))
        .sort((a, b) => b.indexes - a.indexes),
      daysLooked: days?.length ?? null,
      versionHasLastScan: (generation.catalogue.server?.versionNum ?? 0) >= 160_000,
      indexes: all,
    };
  },
  tell: (facts) => [
    ...(facts.unread === null ? [] : [paragraph(`Not all of this could be read: ${facts.unread}.`)]),
    ...(facts.total === 0
      ? [paragraph(facts.unread === null ? 'There are no indexes.' : 'No index could be listed.')]
      : [paragraph(counting(facts)), ...usageWords(facts)]),
    ...chart({
      title: 'The largest indexes',
      bars: facts.indexes
        .slice(0, chartMax)
        .flatMap(({ indexrelname, sizeBytes }) =>
          sizeBytes === null ? [] : [{ label: indexrelname, value: sizeBytes, text: humaneBytes(sizeBytes) }],
        ),
    }),
    ...foldedTable(
      'All indexes, the largest first',
      [
        ...['Index', 'Table', 'Keys', 'Role', '!Size', '!Scans'],
        ...(facts.versionHasLastScan ? ['Last scan'] : []),
        ...(facts.daysLooked === null ? [] : [`!Days used of ${facts.daysLooked}`]),
      ],
      facts.indexes,
      (one) => [
        [name(one.indexrelname)],
        [name(relationOf(one))],
        [name(one.shape)],
        [one.role, one.isPartial ? ', partial' : '', one.isValid ? '' : ', invalid'],
        bytesInWords(one.sizeBytes),
        countInWords(one.scansTotal),
        ...(facts.versionHasLastScan
          ? [timeInWords(one.lastScanAt, one.scansTotal === null ? 'unknown' : 'never')]
          : []),
        ...(facts.daysLooked === null ? [] : [countInWords(one.daysUsed)]),
      ],
      { what: 'indexes' },
    ),
  ],
});

function factsOfIndex(
  index: IndexView,
  input: DatabaseInput,
  days: readonly number[] | undefined,
): IndexFacts {
  const { fact, table, usage } = index;
  return {
    schemaname: table.schemaname,
    relname: table.relname,
    indexrelname: index.name,
    shape: fact.isDefinitionKnown ? shapeFor(index, input.report) : '(unknown while its table is locked)',
    accessMethod: fact.accessMethod,
    role: fact.isPrimary
      ? 'primary key'
      : fact.isExclusion
        ? 'exclusion'
        : fact.isUnique
          ? 'unique'
          : 'plain',
    isPartial: fact.hasPredicate,
    isValid: fact.isValid,
    partitions: index.children.length,
    sizeBytes: index.sizeBytes ?? null,
    scansTotal: usage?.scansTotal ?? null,
    lastScanAt: isoOf(usage?.lastScanAtMs),
    daysUsed: days === undefined ? null : daysUsed(index, input, days),
  };
}

/** The whole days of the window that the history remembers day by day; undefined without one. */
function daysOf({ report, generation }: DatabaseInput): readonly number[] | undefined {
  const { usage } = generation;
  if (report.history.kind !== 'kept' || usage === undefined) return undefined;
  const last = lastWholeDay(usage);
  const fromDay = Math.ceil((report.nowMs - report.windowMs) / dayMs);
  const startedAtMs = Math.min(
    ...usage.nodes.flatMap(({ history }) => (history === undefined ? [] : [history.state.startedAtMs])),
  );
  const days = Array.from({ length: recentDays - 1 }, (_, age) => last - age).filter(
    (day) => day >= fromDay && (day + 1) * dayMs > startedAtMs,
  );
  return days.length === 0 ? undefined : days;
}

function daysUsed(index: IndexView, { generation }: DatabaseInput, days: readonly number[]): number | null {
  const { usage } = generation;
  const leaves = index.children.length === 0 ? [index] : index.children;
  const subjects = usage === undefined ? [] : leaves.map((leaf) => subjectIn(usage, leaf));
  if (usage === undefined || subjects.length === 0 || subjects.includes(undefined)) return null;
  return days.filter((day) =>
    subjects.some((subject) => subject !== undefined && usesAcross(usage, subject, day) > 0),
  ).length;
}

function counting({ total, onPartitions, totalBytes, byRole, byMethod }: IndexesFacts): string {
  const inAll = totalBytes === null ? '' : `, ${humaneBytes(totalBytes)} together`;
  const parts =
    onPartitions === 0
      ? ''
      : ` They stand for ${counted(onPartitions, 'more index', 'more indexes')} on partitions, which count with their parents.`;
  const role = byRole
    .map((one) =>
      one.role === 'primary key' ? counted(one.indexes, one.role) : `${humaneCount(one.indexes)} ${one.role}`,
    )
    .join(', ');
  const method = byMethod.map((one) => `${humaneCount(one.indexes)} ${one.accessMethod}`).join(', ');
  return `Counted in the catalogue: ${counted(total, 'index', 'indexes')}${inAll}. By role: ${role}. By access method: ${method}.${parts}`;
}

const usageWords = ({ daysLooked }: IndexesFacts) => [
  paragraph(
    `Scans are those of the primary since its statistics began; planning a query can count as a scan.${daysLooked === null ? '' : ` Days used count every node that is configured.`}`,
  ),
];
