import type { KeptEvent } from '../../../model/event.ts';
import type { Finding } from '../../../model/finding.ts';
import { joined, linkHtml, paragraphHtml, tableHtml } from '../components.ts';
import { type Html, template } from '../html.ts';
import {
  bytesHtml,
  confidenceHtml,
  findingPath,
  sentenceHtml,
  severityHtml,
  stateHtml,
  timeHtml,
} from '../words.ts';

export const headingHtml = template<{ readonly sort: string; readonly name: Html }>(
  '<h1><span class="dim"><%= it.sort %></span> <%= it.name %></h1>\n',
);
export const badgesHtml = template<{ readonly badges: readonly Html[] }>(
  '<div class="badges"><% for (const badge of it.badges) { %><%= badge %> <% } %></div>\n',
);
export const subheadingHtml = template<{ readonly title: string }>('<h3><%= it.title %></h3>\n');

/** Findings listed on one page; a table with more has a list of its own. */
const findingsShown = 30;
const eventsShown = 20;

/** Findings of any state, those that are open first. `otherwise` stands where there are none. */
export function findingsHtml(findings: readonly Finding[], allPath: string, otherwise: string): Html {
  if (findings.length === 0) return paragraphHtml(otherwise);
  const sorted = findings.toSorted((a, b) => Number(b.state === 'open') - Number(a.state === 'open'));
  const more = findings.length - findingsShown;
  return joined([
    tableHtml({
      label: 'Findings',
      columns: [
        { title: 'Severity' },
        { title: 'Finding', isWide: true },
        { title: 'Confidence' },
        { title: 'State' },
        { title: 'Can be reclaimed', isNumber: true },
      ],
      rows: sorted
        .slice(0, findingsShown)
        .map((finding) => [
          severityHtml(finding.severity),
          linkHtml(findingPath(finding), sentenceHtml(finding.title)),
          confidenceHtml(finding.confidence),
          stateHtml(finding.state),
          finding.impact.reclaimableBytes > 0 ? bytesHtml(finding.impact.reclaimableBytes) : '',
        ]),
    }),
    more > 0 ? paragraphHtml(linkHtml(allPath, `And ${more} more`)) : '',
  ]);
}

export function eventsHtml(events: readonly KeptEvent[], eventsPath: string): Html {
  const all = paragraphHtml(linkHtml(eventsPath, 'All events of this database'));
  if (events.length === 0) return joined([paragraphHtml('Nothing that the diary knows of.'), all]);
  return joined([
    tableHtml({
      label: 'Events',
      columns: [{ title: 'When' }, { title: 'What' }, { title: 'Event', isWide: true }],
      rows: events
        .slice(0, eventsShown)
        .map(({ atMs, kind, title }) => [timeHtml(atMs), kind, sentenceHtml(title)]),
    }),
    all,
  ]);
}
