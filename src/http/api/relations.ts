import type { RequestHandler } from 'express';
import type { ForeignKeyView, TableView } from '../../analysis/catalogue.ts';
import { supportsForeignKey } from '../../analysis/index-identity.ts';
import { alignIndexes } from '../../analysis/key-alignment.ts';
import { withoutLiterals } from '../../findings/redact-literals.ts';
import { indexSubject } from '../../history/subjects.ts';
import { dayText, type IndexTimeline, type TableTimeline } from '../../history/timeline/timeline.ts';
import { usageOfIndex } from '../../history/usage/observation.ts';
import { KiB, secondMs } from '../../model/units.ts';
import type { NotNow, Past } from '../knowledge.ts';
import type { FoundIndex, FoundTable, Objects } from '../objects.ts';
import { badRequest, notFound, type Problem, sendProblem } from '../problem.ts';
import { queryOf } from '../query.ts';
import { createParameterReader } from './asked.ts';
import { viewOf as eventView } from './events.ts';
import {
  indexEntry,
  indexId,
  indexItem,
  isoTime,
  openFindingsOf,
  tableEntry,
  tableId,
  tableItem,
} from './listings.ts';
import type { Parameter } from './operations.ts';

/** Direct partitions that are named. */
const partitionsMax = 1_000;
/** Of a comment on an index, which may hold a novel. */
const commentMax = 4 * KiB;

/** Everything that is known of one index. Unknown facts are null. */
export function indexDetail(
  { generation, index }: FoundIndex,
  options: { readonly redactLiterals: boolean },
) {
  const { target, findings, definitions, usage } = generation;
  const shown = options.redactLiterals ? withoutLiterals : (text: string) => text;
  const definition = definitions?.get(index.oid)?.definition;
  const subject = usage?.subjectOf?.(index) ?? indexSubject(index);
  return {
    ...indexItem(indexEntry(generation, index, openFindingsOf(findings)), options),
    tableId: tableId(target, index.table),
    definition: definition === undefined || definition === null ? null : shown(definition),
    options: index.fact.options,
    comment: index.fact.comment === null ? null : index.fact.comment.slice(0, commentMax),
    foreignKeys: index.table.foreignKeys
      .filter((key) => supportsForeignKey(index, key))
      .map(({ name }) => name),
    nodes: (usage?.nodes ?? []).map(({ node, history, unreachable }) => {
      const seen =
        history === undefined || subject === undefined ? undefined : usageOfIndex(history, subject);
      return {
        node,
        observedSince: isoTime(seen?.observedSinceMs),
        observedTo: isoTime(seen?.observedToMs),
        lastUsedAt: isoTime(seen?.lastUsedAtMs),
        scansTotal: seen?.counters?.scansTotal ?? null,
        reason: unreachable ?? (seen === undefined ? 'it has not been seen on this node yet' : null),
      };
    }),
  };
}

/** Everything that is known of one table, with all of its indexes. */
export function tableDetail(
  { generation, table }: FoundTable,
  options: { readonly redactLiterals: boolean },
) {
  const { target, findings } = generation;
  const open = openFindingsOf(findings);
  const shown = options.redactLiterals ? withoutLiterals : (text: string) => text;
  const named = (of: TableView) => ({
    id: tableId(target, of),
    schemaname: of.schemaname,
    relname: of.relname,
  });
  return {
    ...tableItem(tableEntry(target, table, open)),
    indexDetails: table.indexes.map((index) => indexItem(indexEntry(generation, index, open), options)),
    alignment: alignIndexes(table.indexes).map(({ index, overlaps, sharedKeys }) => ({
      indexId: indexId(target, index),
      indexrelname: index.name,
      keys: index.keys.map((key) => (key.columnNumber === null ? shown(key.text) : key.text)),
      sharedKeys,
      overlaps: overlaps.map((overlap) => ({
        indexId: indexId(target, overlap.index),
        indexrelname: overlap.index.name,
        keys: overlap.keys,
      })),
    })),
    foreignKeyDetails: table.foreignKeys.map((key) => foreignKeyFacts(key, generation)),
    referencedBy: table.referencedBy.map((key) => foreignKeyFacts(key, generation)),
    parent: table.parent === undefined ? null : named(table.parent),
    partitionTables: table.partitions.slice(0, partitionsMax).map(named),
  };
}

/** What happens to the rows, by `pg_constraint.confdeltype` and `confupdtype`. */
const actions: Readonly<Record<string, string>> = {
  a: 'NO ACTION',
  r: 'RESTRICT',
  c: 'CASCADE',
  n: 'SET NULL',
  d: 'SET DEFAULT',
};

const foreignKeyFacts = (key: ForeignKeyView, { target }: FoundTable['generation']) => ({
  name: key.name,
  schemaname: key.table.schemaname,
  relname: key.table.relname,
  columns: key.columns,
  referencedSchemaname: key.fact.referencedSchemaname,
  referencedRelname: key.fact.referencedRelname,
  tableId: tableId(target, key.table),
  referencedTableId: key.referenced === undefined ? null : tableId(target, key.referenced),
  onDelete: actions[key.fact.onDelete] ?? key.fact.onDelete,
  onUpdate: actions[key.fact.onUpdate] ?? key.fact.onUpdate,
  supportedBy: key.table.indexes.filter((index) => supportsForeignKey(index, key)).map(({ name }) => name),
});

export const indexHistoryView = ({ generation, index }: FoundIndex, timeline: IndexTimeline) => ({
  id: indexId(generation.target, index),
  ...generation.target,
  schemaname: index.table.schemaname,
  relname: index.table.relname,
  indexrelname: index.name,
  ...spanOf(timeline),
  days: timeline.days.map(({ day, sizeBytes, bloat, scans, observedMs }) => ({
    day: dayText(day),
    sizeBytes,
    bloatRatio: bloat?.ratio ?? null,
    bloatMethod: bloat?.method ?? null,
    scans,
    observedSeconds: secondsOf(observedMs),
  })),
  nodes: timeline.nodes,
  events: timeline.events.map(eventView),
  isCut: timeline.isCut,
});

export const tableHistoryView = ({ generation, table }: FoundTable, timeline: TableTimeline) => ({
  id: tableId(generation.target, table),
  ...generation.target,
  schemaname: table.schemaname,
  relname: table.relname,
  ...spanOf(timeline),
  days: timeline.days.map(({ day, observedMs, ...facts }) => ({
    day: dayText(day),
    ...facts,
    observedSeconds: secondsOf(observedMs),
  })),
  nodes: timeline.nodes,
  events: timeline.events.map(eventView),
  isCut: timeline.isCut,
});

const spanOf = ({ days }: { readonly days: readonly { readonly day: number }[] }) => ({
  fromDay: dayText(days[0]?.day ?? 0),
  toDay: dayText(days.at(-1)?.day ?? 0),
});

const secondsOf = (ms: number | null): number | null => (ms === null ? null : Math.round(ms / secondMs));

export interface RelationRoutes {
  readonly objects: Objects;
  readonly past: Past;
  readonly options: { readonly redactLiterals: boolean };
}

const gone = (what: 'index' | 'table'): Problem =>
  notFound(`no ${what} has this id now; the lists have those that there are`);

export const serveIndex =
  ({ objects, options }: RelationRoutes): RequestHandler<{ id: string }> =>
  (request, response) => {
    const found = objects.index(request.params.id);
    if (found === undefined) return sendProblem(response, gone('index'));
    response.set('Cache-Control', 'no-cache').json(indexDetail(found, options));
  };

export const serveTable =
  ({ objects, options }: RelationRoutes): RequestHandler<{ id: string }> =>
  (request, response) => {
    const found = objects.table(request.params.id);
    if (found === undefined) return sendProblem(response, gone('table'));
    response.set('Cache-Control', 'no-cache').json(tableDetail(found, options));
  };

export function serveIndexHistory(
  { objects, past }: RelationRoutes,
  parameters: readonly Parameter[],
): RequestHandler<{ id: string }> {
  const read = createParameterReader(parameters);
  return async (request, response) => {
    const asked = read(queryOf(request.url));
    if (!asked.ok) return sendProblem(response, badRequest(asked.error));
    const found = objects.index(request.params.id);
    if (found === undefined) return sendProblem(response, gone('index'));
    const days = asked.value.number('days') ?? past.daysMax;
    const timeline = await past.ofIndex(found.generation, found.index, days);
    if (!timeline.ok) return sendProblem(response, notNow(timeline.error));
    response.set('Cache-Control', 'no-cache').json(indexHistoryView(found, timeline.value));
  };
}

export function serveTableHistory(
  { objects, past }: RelationRoutes,
  parameters: readonly Parameter[],
): RequestHandler<{ id: string }> {
  const read = createParameterReader(parameters);
  return async (request, response) => {
    const asked = read(queryOf(request.url));
    if (!asked.ok) return sendProblem(response, badRequest(asked.error));
    const found = objects.table(request.params.id);
    if (found === undefined) return sendProblem(response, gone('table'));
    const days = asked.value.number('days') ?? past.daysMax;
    const timeline = await past.ofTable(found.generation, found.table, days);
    if (!timeline.ok) return sendProblem(response, notNow(timeline.error));
    response.set('Cache-Control', 'no-cache').json(tableHistoryView(found, timeline.value));
  };
}

export const notNow = ({ message }: NotNow): Problem => ({
  status: 503,
  title: 'Not now',
  detail: `${message}; ask again in a moment`,
});
