import type { Bloat } from '../../../analysis/bloat/bloat.ts';
import type { IndexView } from '../../../analysis/catalogue.ts';
import { whyKept } from '../../../analysis/index-identity.ts';
import { shapeOf } from '../../../detectors/words.ts';
import { shownIndex } from '../../../findings/redact-literals.ts';
import type { Finding } from '../../../model/finding.ts';
import { safeLine } from '../../../report/text.ts';
import { indexDetail } from '../../api/relations.ts';
import type { FoundIndex } from '../../objects.ts';
import { notFound } from '../../problem.ts';
import {
  factsHtml,
  joined,
  linkHtml,
  noticeHtml,
  paragraphHtml,
  sectionHtml,
  statementsHtml,
  tableHtml,
} from '../components.ts';
import { type Html, nothing } from '../html.ts';
import { aPage, aProblem, type PageHandler, type PageSources } from '../serve.ts';
import {
  badgeHtml,
  bytesHtml,
  codeHtml,
  countHtml,
  findingPath,
  nameHtml,
  sentenceHtml,
  targetHtml,
  timeHtml,
} from '../words.ts';
import { indexCharts, noCharts } from './charts.ts';
import { badgesHtml, eventsHtml, findingsHtml, headingHtml, subheadingHtml } from './parts.ts';
import { indexLink, tableLink } from './paths.ts';

/** `/indexes/{id}`: everything that is known of one index. */
export function indexPage({ objects, knowledge, options }: PageSources): PageHandler {
  return async (request) => {
    const found = objects.index(request.param('id'));
    if (found === undefined)
      return aProblem(
        notFound('no index has this id now: it was dropped or renamed, or its database is gone'),
      );
    const { past } = knowledge;
    const timeline = await past.ofIndex(found.generation, found.index, past.daysMax);
    return aPage({
      title: `Index ${titleOf(found.index.name)}`,
      content: contentOf(found, options, {
        charts: timeline.ok ? indexCharts(timeline.value, 'chart-') : noCharts(timeline.error.message),
        events: timeline.ok ? timeline.value.events : [],
      }),
    });
  };
}

/** A name in the browser's tab. */
export const titleOf = (name: string): string => {
  const safe = safeLine(name === '' ? '(empty)' : name);
  return safe.length > 80 ? `${safe.slice(0, 80)}…` : safe;
};

function contentOf(
  found: FoundIndex,
  options: { readonly redactLiterals: boolean },
  past: { readonly charts: Html; readonly events: Parameters<typeof eventsHtml>[0] },
): Html {
  const { generation, index } = found;
  const { target, isUp, error } = generation;
  const detail = indexDetail(found, options);
  const shown = options.redactLiterals ? shownIndex(index) : index;
  const own = generation.findings.filter((finding) => isAbout(finding, index));
  const kept = whyKept(index);
  return joined([
    headingHtml({ sort: 'Index', name: nameHtml(index.name) }),
    badgesHtml({ badges: badgesOf(index) }),
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
      ['Table', tableLink(target, index.table)],
      ['Method and keys', codeHtml(`${index.fact.accessMethod} ${shapeOf(shown)}`)],
      ['Size', bytesHtml(index.sizeBytes)],
      ['Scans', countHtml(index.usage?.scansTotal)],
      ['Last scan', index.usage?.scansTotal === 0 ? 'none is counted' : timeHtml(index.usage?.lastScanAtMs)],
      ['Entries read', countHtml(index.usage?.tuplesReadTotal)],
      ['Rows fetched', countHtml(index.usage?.tuplesFetchedTotal)],
      ...(index.fact.constraintName === null
        ? []
        : [['Constraint', nameHtml(index.fact.constraintName)] as const]),
      ...(index.parent === undefined ? [] : [['Part of', indexLink(target, index.parent)] as const]),
      ...(index.children.length === 0 ? [] : [['Parts', countHtml(index.children.length)] as const]),
      ...(detail.foreignKeys.length === 0
        ? []
        : [['Supports the foreign keys', nameHtml(detail.foreignKeys.join(', '))] as const]),
      ...(kept === undefined ? [] : [['Not to be dropped, since', sentenceHtml(kept)] as const]),
      ...(detail.options.length === 0
        ? []
        : [['Storage options', codeHtml(detail.options.join(', '))] as const]),
      ...(detail.comment === null ? [] : [['Comment', sentenceHtml(detail.comment)] as const]),
    ]),
    sectionHtml(
      'findings',
      'Findings',
      findingsHtml(
        own,
        `/findings?${new URLSearchParams({ ...target, schemaname: index.table.schemaname })}`,
        'No finding is about this index, as far as it could be judged.',
      ),
    ),
    sectionHtml('history', 'Over time', past.charts),
    sectionHtml('bloat', 'Bloat', bloatHtml(generation.bloat.get(index.oid))),
    sectionHtml('nodes', 'Use on each node', nodesHtml(detail.nodes)),
    sectionHtml('definition', 'Definition', definitionHtml(detail.definition, options)),
    wayBackHtml(own),
    sectionHtml(
      'events',
      'What happened to it',
      eventsHtml(past.events, `/events?${new URLSearchParams({ ...target })}`),
    ),
    paragraphHtml(linkHtml(`/api/v1/indexes/${detail.id}`, 'This index as JSON')),
  ]);
}

/** Of it, or naming it. */
const isAbout = (finding: Finding, { name, table }: IndexView): boolean =>
  (finding.indexrelname === name && finding.schemaname === table.schemaname) ||
  finding.related.some(
    ({ schemaname, indexrelname }) => indexrelname === name && schemaname === table.schemaname,
  );

function badgesOf({ fact }: IndexView): readonly Html[] {
  return [
    fact.isValid && fact.isReady && fact.isLive
      ? badgeHtml('good', '✓', 'valid')
      : badgeHtml('critical', '✗', fact.isLive ? 'invalid' : 'being dropped'),
    ...(fact.isPrimary ? [badgeHtml('plain', '⚿', 'primary key')] : []),
    ...(fact.isUnique && !fact.isPrimary ? [badgeHtml('plain', '=', 'unique')] : []),
    ...(fact.isExclusion ? [badgeHtml('plain', '≠', 'exclusion')] : []),
    ...(fact.isReplicaIdentity ? [badgeHtml('plain', '⇉', 'replica identity')] : []),
    ...(fact.isClustered ? [badgeHtml('plain', '≡', 'clustered on')] : []),
    ...(fact.relkind === 'I' ? [badgeHtml('plain', '⊞', 'partitioned')] : []),
  ];
}

const percent = (ratio: number | null): string =>
  ratio === null ? 'unknown' : `${(ratio * 100).toFixed(0)} %`;

function bloatHtml(bloat: Bloat | undefined): Html {
  if (bloat === undefined) return paragraphHtml('Nothing is known of it.');
  const { low, high } = bloat;
  return joined([
    factsHtml([
      ['How it is known', bloat.method],
      ['How sure', bloat.confidence],
      ['Size after a rebuild', bytesHtml(bloat.expectedSizeBytes)],
      ['A rebuild would free', bytesHtml(bloat.wastedBytes)],
      ['Share', percent(bloat.ratio)],
      ['Between', low === null || high === null ? 'unknown' : `${percent(low)} and ${percent(high)}`],
      ...(bloat.measuredAtMs === null ? [] : [['As of', timeHtml(bloat.measuredAtMs)] as const]),
    ]),
    bloat.reason === null ? nothing : paragraphHtml(sentenceHtml(bloat.reason)),
    bloat.improvement === null
      ? nothing
      : paragraphHtml(joined(['What would make it surer: ', sentenceHtml(bloat.improvement)])),
  ]);
}

function nodesHtml(nodes: ReturnType<typeof indexDetail>['nodes']): Html {
  if (nodes.length === 0)
    return paragraphHtml('No history of use is kept; only the counters of the server stand above.');
  return tableHtml({
    label: 'Use on each node',
    columns: [
      { title: 'Node' },
      { title: 'Watched since' },
      { title: 'Watched to' },
      { title: 'Last use seen' },
      { title: 'Scans counted', isNumber: true },
    ],
    rows: nodes.map((node) =>
      node.observedSince === null
        ? [nameHtml(node.node), sentenceHtml(node.reason ?? 'unknown'), '', '', '']
        : [
            joined([
              nameHtml(node.node),
              node.reason === null ? nothing : joined([': ', sentenceHtml(node.reason)]),
            ]),
            timeHtml(node.observedSince),
            timeHtml(node.observedTo),
            node.lastUsedAt === null ? 'none was seen' : timeHtml(node.lastUsedAt),
            countHtml(node.scansTotal),
          ],
    ),
  });
}

function definitionHtml(
  definition: string | null,
  { redactLiterals }: { readonly redactLiterals: boolean },
): Html {
  if (definition === null)
    return paragraphHtml(
      'The server is asked for the definition of an index when a finding prints it. Method, keys and condition stand above, as the catalogue has them.',
    );
  return joined([
    redactLiterals
      ? paragraphHtml(
          'Constants are withheld (privacy.redactLiterals), so that it may not be run as it stands.',
        )
      : nothing,
    statementsHtml('sql-definition', 'Definition as SQL', `${definition};`),
  ]);
}

/** What brings it back after what its findings propose. */
function wayBackHtml(findings: readonly Finding[]): Html {
  const parts = findings.flatMap((finding, place) =>
    finding.state !== 'open' || finding.fix.rollbackSql === null
      ? []
      : [
          joined([
            subheadingHtml({ title: `After the fix of ${finding.kind}` }),
            paragraphHtml(linkHtml(`${findingPath(finding)}#fix`, 'The fix')),
            statementsHtml(`sql-rollback-${place + 1}`, `Way back ${place + 1}`, finding.fix.rollbackSql),
          ]),
        ],
  );
  return parts.length === 0 ? nothing : sectionHtml('rollback', 'The way back', joined(parts));
}
