import type { IndexView } from '../../../analysis/catalogue.ts';
import { alignIndexes } from '../../../analysis/key-alignment.ts';
import { shownIndex } from '../../../findings/redact-literals.ts';
import { counted } from '../../../model/units.ts';
import { fewOf, safeLine } from '../../../report/text.ts';
import { tableDetail } from '../../api/relations.ts';
import type { FoundTable } from '../../objects.ts';
import { notFound } from '../../problem.ts';
import {
  factsHtml,
  joined,
  linkHtml,
  listHtml,
  noticeHtml,
  paragraphHtml,
  sectionHtml,
  tableHtml,
} from '../components.ts';
import { type Html, nothing, template } from '../html.ts';
import { aPage, aProblem, type PageHandler, type PageSources } from '../serve.ts';
import { badgeHtml, bytesHtml, countHtml, nameHtml, sentenceHtml, targetHtml, timeHtml } from '../words.ts';
import { noCharts, tableCharts } from './charts.ts';
import { titleOf } from './index-page.ts';
import { badgesHtml, eventsHtml, findingsHtml, headingHtml } from './parts.ts';
import { indexLink, tableLink } from './paths.ts';

/** Columns of keys that stand beside each other; an index with more says so. */
const keyColumnsMax = 8;
const partitionsShown = 100;

/** `/tables/{id}`: everything that is known of one table, with all of its indexes. */
export function tablePage({ objects, knowledge, options }: PageSources): PageHandler {
  return async (request) => {
    const found = objects.table(request.param('id'));
    if (found === undefined)
      return aProblem(
        notFound('no table has this id now: it was dropped or renamed, or its database is gone'),
      );
    const { past } = knowledge;
    const timeline = await past.ofTable(found.generation, found.table, past.daysMax);
    const { schemaname, relname } = found.table;
    return aPage({
      title: `Table ${titleOf(`${schemaname}.${relname}`)}`,
      content: contentOf(found, options, {
        charts: timeline.ok ? tableCharts(timeline.value, 'chart-') : noCharts(timeline.error.message),
        events: timeline.ok ? timeline.value.events : [],
      }),
    });
  };
}

function contentOf(
  found: FoundTable,
  options: { readonly redactLiterals: boolean },
  past: { readonly charts: Html; readonly events: Parameters<typeof eventsHtml>[0] },
): Html {
  const { generation, table } = found;
  const { target, isUp, error } = generation;
  const { schemaname, relname, usage } = table;
  const detail = tableDetail(found, options);
  const own = generation.findings.filter(
    (finding) => finding.schemaname === schemaname && finding.relname === relname,
  );
  return joined([
    headingHtml({ sort: 'Table', name: nameHtml(`${schemaname}.${relname}`) }),
    badgesHtml({
      badges: [
        badgeHtml('plain', '▦', detail.relationKind),
        ...(detail.isUnlogged ? [badgeHtml('plain', '◌', 'unlogged')] : []),
      ],
    }),
    isUp
      ? nothing
      : noticeHtml(
          'warning',
          joined([
            'The database could not be reached at the last look: ',
            sentenceHtml(error ?? 'no answer'),
            '.',
          ]),
        ),
    factsHtml([
      ['Database', targetHtml(target)],
      ['Rows, about', countHtml(table.rows)],
      ['Size without indexes', bytesHtml(table.sizeBytes)],
      ['Indexes', joined([countHtml(table.indexes.length), ', ', bytesHtml(detail.indexBytes), ' together'])],
      ['Sequential scans', countHtml(usage?.sequentialScansTotal)],
      ['Index scans', countHtml(usage?.indexScansTotal)],
      ['Rows inserted', countHtml(usage?.rowsInsertedTotal)],
      ['Rows updated', countHtml(usage?.rowsUpdatedTotal)],
      ['of these HOT', countHtml(usage?.rowsHotUpdatedTotal)],
      ['Rows deleted', countHtml(usage?.rowsDeletedTotal)],
      ['Last analysed', usage === undefined ? timeHtml(null) : momentHtml(usage.lastAnalyzedAtMs)],
      ['Last vacuumed', usage === undefined ? timeHtml(null) : momentHtml(usage.lastVacuumedAtMs)],
      ...(table.parent === undefined ? [] : [['Partition of', tableLink(target, table.parent)] as const]),
    ]),
    sectionHtml('indexes', 'Its indexes, keys aligned', alignedHtml(found, options)),
    sectionHtml(
      'findings',
      'Findings',
      findingsHtml(
        own,
        `/findings?${new URLSearchParams({ ...target, schemaname })}`,
        'No finding is about this table or its indexes, as far as it could be judged.',
      ),
    ),
    sectionHtml('history', 'Over time', past.charts),
    sectionHtml('foreign-keys', 'Foreign keys', foreignKeysHtml(found, detail)),
    partitionsHtml(found),
    sectionHtml(
      'events',
      'What happened to it',
      eventsHtml(past.events, `/events?${new URLSearchParams({ ...target })}`),
    ),
    paragraphHtml(linkHtml(`/api/v1/tables/${detail.id}`, 'This table as JSON')),
  ]);
}

const momentHtml = (atMs: number | null): Html | string =>
  atMs === null ? 'never, as far as is known' : timeHtml(atMs);

/** One row for each index, one column for each place of a key: what leads two of them is marked. */
function alignedHtml(
  { generation, table }: FoundTable,
  { redactLiterals }: { readonly redactLiterals: boolean },
): Html {
  if (table.indexes.length === 0) return paragraphHtml('It has none.');
  const { target } = generation;
  const widest = Math.min(keyColumnsMax, Math.max(...table.indexes.map(({ keys }) => keys.length)));
  const rows = alignIndexes(table.indexes).map(({ index, sharedKeys, overlaps }) => {
    const shown = redactLiterals ? shownIndex(index) : index;
    return {
      name: indexLink(target, index),
      sort: sortOf(index),
      keys: Array.from({ length: widest }, (_, place) => {
        const key = shown.keys[place];
        return key === undefined
          ? undefined
          : {
              text: safeLine(key.text),
              order: orderOf(key),
              isShared: place < sharedKeys,
            };
      }),
      more: Math.max(0, shown.keys.length - widest),
      included: safeLine(shown.included.join(', ')),
      predicate: safeLine(shown.predicate ?? ''),
      size: bytesHtml(index.sizeBytes),
      scans: countHtml(index.usage?.scansTotal),
      overlaps: overlapWords(index, overlaps),
    };
  });
  const isMarked = rows.some(({ overlaps }) => overlaps !== '');
  return joined([
    paragraphHtml(
      isMarked
        ? 'Keys that lead another index as well are marked. That is where to look, and no verdict: order, conditions and uniqueness decide, and the findings say what follows.'
        : 'No two of them begin with the same key.',
    ),
    aligned({
      rows,
      hasIncluded: rows.some(({ included }) => included !== ''),
      hasPredicate: rows.some(({ predicate }) => predicate !== ''),
      isMarked,
      places: Array.from({ length: widest }, (_, place) => place + 1),
    }),
  ]);
}

function sortOf({ fact }: IndexView): string {
  const words = [
    fact.accessMethod,
    ...(fact.isPrimary
      ? ['primary key']
      : fact.isExclusion
        ? ['exclusion']
        : fact.isUnique
          ? ['unique']
          : []),
    ...(fact.isValid ? [] : ['invalid']),
  ];
  return words.join(', ');
}

const orderOf = ({
  isDescending,
  isNullsFirst,
}: {
  readonly isDescending: boolean;
  readonly isNullsFirst: boolean;
}): string =>
  [
    ...(isDescending ? ['DESC'] : []),
    ...(isDescending === isNullsFirst ? [] : [isNullsFirst ? 'NULLS FIRST' : 'NULLS LAST']),
  ].join(' ');

function overlapWords(
  index: IndexView,
  overlaps: ReturnType<typeof alignIndexes>[number]['overlaps'],
): string {
  if (overlaps.length === 0) return '';
  const words = overlaps.map(
    ({ index: other, keys }) =>
      `${other.name} (${keys === index.keys.length && keys === other.keys.length ? 'all keys' : counted(keys, 'key')})`,
  );
  return safeLine(fewOf(words, 3));
}

const aligned = template<{
  readonly places: readonly number[];
  readonly hasIncluded: boolean;
  readonly hasPredicate: boolean;
  readonly isMarked: boolean;
  readonly rows: readonly {
    readonly name: Html;
    readonly sort: string;
    readonly keys: readonly (
      | { readonly text: string; readonly order: string; readonly isShared: boolean }
      | undefined
    )[];
    readonly more: number;
    readonly included: string;
    readonly predicate: string;
    readonly size: Html;
    readonly scans: Html;
    readonly overlaps: string;
  }[];
}>(`<div class="scroll" role="region" aria-label="Indexes, keys aligned" tabindex="0"><table class="aligned">
<thead><tr><th scope="col">Index</th><% for (const place of it.places) { %><th scope="col">Key <%= place %></th><% } %><% if (it.hasIncluded) { %><th scope="col">INCLUDE</th><% } %><% if (it.hasPredicate) { %><th scope="col">WHERE</th><% } %><th scope="col" class="number">Size</th><th scope="col" class="number">Scans</th><% if (it.isMarked) { %><th scope="col">Begins like</th><% } %></tr></thead>
<tbody>
<% for (const row of it.rows) { %>
<tr><th scope="row"><%= row.name %><br><span class="dim"><%= row.sort %></span></th><% row.keys.forEach((key, place) => { %><td><% if (key) { %><% if (key.isShared) { %><mark><bdi><%= key.text %></bdi></mark><span class="hidden-text"> (shared)</span><% } else { %><bdi><%= key.text %></bdi><% } %><% if (key.order !== '') { %> <span class="dim"><%= key.order %></span><% } %><% if (row.more > 0 && place === row.keys.length - 1) { %> <span class="dim">and <%= row.more %> more</span><% } %><% } %></td><% }) %><% if (it.hasIncluded) { %><td><bdi><%= row.included %></bdi></td><% } %><% if (it.hasPredicate) { %><td><bdi><%= row.predicate %></bdi></td><% } %><td class="number"><%= row.size %></td><td class="number"><%= row.scans %></td><% if (it.isMarked) { %><td><bdi><%= row.overlaps %></bdi></td><% } %></tr>
<% } %>
</tbody>
</table></div>
`);

function foreignKeysHtml(
  { generation, table }: FoundTable,
  { foreignKeyDetails, referencedBy }: ReturnType<typeof tableDetail>,
): Html {
  const outcome = generation.snapshot.outcomes.constraints;
  if (outcome?.kind !== 'collected') return paragraphHtml('Unknown: the constraints could not be read.');
  if (foreignKeyDetails.length + referencedBy.length === 0)
    return paragraphHtml('It has none, and none points to it.');
  const linked = (id: string | null, schemaname: string, relname: string): Html =>
    id === null
      ? nameHtml(`${schemaname}.${relname}`)
      : linkHtml(`/tables/${id}`, nameHtml(`${schemaname}.${relname}`));
  const rowOf = (key: (typeof foreignKeyDetails)[number], other: Html): readonly (Html | string)[] => [
    nameHtml(key.name),
    nameHtml(key.columns.join(', ')),
    other,
    `ON DELETE ${key.onDelete}, ON UPDATE ${key.onUpdate}`,
    key.supportedBy.length === 0
      ? badgeHtml('warning', '▲', 'no index')
      : nameHtml(fewOf(key.supportedBy.map(safeLine), 3)),
  ];
  const columns = (other: string) => [
    { title: 'Key', isWide: true },
    { title: 'Columns' },
    { title: other, isWide: true },
    { title: 'What happens' },
    { title: 'Index that supports it', isWide: true },
  ];
  return joined([
    foreignKeyDetails.length === 0
      ? paragraphHtml('It has none.')
      : tableHtml({
          label: `Foreign keys of ${safeLine(table.relname)}`,
          columns: columns('Points to'),
          rows: foreignKeyDetails.map((key) =>
            rowOf(key, linked(key.referencedTableId, key.referencedSchemaname, key.referencedRelname)),
          ),
        }),
    referencedBy.length === 0
      ? paragraphHtml('None points to it.')
      : joined([
          paragraphHtml(
            'Keys that point to it: without an index over there, each delete here reads all of that table.',
          ),
          tableHtml({
            label: `Foreign keys that point to ${safeLine(table.relname)}`,
            columns: columns('Held by'),
            rows: referencedBy.map((key) => rowOf(key, linked(key.tableId, key.schemaname, key.relname))),
          }),
        ]),
  ]);
}

function partitionsHtml({ generation, table }: FoundTable): Html {
  const { partitions } = table;
  if (partitions.length === 0) return nothing;
  const more = partitions.length - partitionsShown;
  return sectionHtml(
    'partitions',
    `Partitions: ${counted(partitions.length, 'table')}`,
    joined([
      listHtml(
        partitions
          .slice(0, partitionsShown)
          .map((partition) =>
            joined([tableLink(generation.target, partition), ', ', bytesHtml(partition.sizeBytes)]),
          ),
      ),
      more > 0 ? paragraphHtml(`And ${more} more.`) : nothing,
    ]),
  );
}
