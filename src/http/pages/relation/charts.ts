import { dayText, type IndexTimeline, type TableTimeline } from '../../../history/timeline/timeline.ts';
import { dayOf } from '../../../history/usage/state.ts';
import type { KeptEvent } from '../../../model/event.ts';
import { counted } from '../../../model/units.ts';
import { type LineChart, linesSvg } from '../../../report/chart/lines.ts';
import { inWords } from '../../../report/chart/scale.ts';
import { safeLine } from '../../../report/text.ts';
import { joined, paragraphHtml } from '../components.ts';
import { type Html, nothing, template, trusted } from '../html.ts';

/** A chart with the numbers it is drawn from, for those who cannot see it and those who want to know exactly. */
export function chartHtml(chart: LineChart, id: string, unknownWords: string): Html {
  const svg = linesSvg(chart, id);
  if (svg === undefined) return empty({ title: chart.title, unknownWords });
  const rows = chart.places.flatMap((place, at) => {
    const cells = chart.lines.map(({ values }) => values[at] ?? null);
    return cells.every((value) => value === null)
      ? []
      : [{ place: safeLine(place), cells: cells.map((value) => wordsOf(value, chart)) }];
  });
  const unknown = chart.places.length - rows.length;
  return figure({
    id,
    title: chart.title,
    svg: trusted(svg),
    heads: chart.lines.map(({ label }) => safeLine(label)),
    rows,
    unknown:
      unknown === 0
        ? ''
        : `${counted(unknown, 'place', 'places')} without a number: nothing is known of them.`,
  });
}

const wordsOf = (value: number | null, { unit }: LineChart): string =>
  value === null ? 'unknown' : inWords(value, unit);

const empty = template<{ readonly title: string; readonly unknownWords: string }>(
  '<figure class="chart"><figcaption><%= it.title %></figcaption><p class="dim"><%= it.unknownWords %></p></figure>\n',
);

const figure = template<{
  readonly id: string;
  readonly title: string;
  readonly svg: Html;
  readonly heads: readonly string[];
  readonly rows: readonly { readonly place: string; readonly cells: readonly string[] }[];
  readonly unknown: string;
}>(`<figure class="chart"><figcaption><%= it.title %></figcaption>
<%= it.svg %>
<details><summary>Numbers<span class="hidden-text"> of <%= it.title %></span></summary>
<div class="scroll" role="region" aria-label="Numbers of <%= it.title %>" tabindex="0"><table>
<thead><tr><th scope="col">When</th><% for (const head of it.heads) { %><th scope="col" class="number"><bdi><%= head %></bdi></th><% } %></tr></thead>
<tbody>
<% for (const row of it.rows) { %><tr><th scope="row"><%= row.place %></th><% for (const cell of row.cells) { %><td class="number"><%= cell %></td><% } %></tr>
<% } %>
</tbody></table></div>
<% if (it.unknown !== '') { %><p class="dim"><%= it.unknown %></p><% } %>
</details></figure>
`);

/** Fewer days than these are no line; where less is known, the days before are shown as the gap they are. */
const daysMin = 7;

/** The days from the first of which something is known. */
function shownFrom<Day extends { readonly day: number }>(
  days: readonly Day[],
  isKnown: (day: Day, place: number) => boolean,
): number {
  const first = days.findIndex(isKnown);
  return Math.max(0, Math.min(first < 0 ? days.length : first, days.length - daysMin));
}

const notYet = 'Nothing is known yet: it is noted from day to day.';

/** Size, uses and bloat of an index. `prefix` keeps ids unique on the page. */
export function indexCharts(timeline: IndexTimeline, prefix: string): Html {
  const { days, nodes } = timeline;
  const from = shownFrom(
    days,
    (day, place) =>
      day.sizeBytes !== null ||
      day.bloat !== null ||
      nodes.some(({ scans }) => (scans[place] ?? null) !== null),
  );
  const shown = days.slice(from);
  const common = { places: shown.map(({ day }) => dayText(day)), marks: marksOf(timeline.events, shown) };
  const isOne = nodes.length <= 1;
  return chartsHtml(
    [
      chartHtml(
        {
          ...common,
          title: 'Size',
          unit: 'bytes',
          lines: [{ label: 'size', values: shown.map(({ sizeBytes }) => sizeBytes) }],
        },
        `${prefix}size`,
        notYet,
      ),
      chartHtml(
        {
          ...common,
          title: 'Uses a day',
          unit: 'count',
          lines: isOne
            ? [{ label: 'uses', values: shown.map(({ scans }) => scans) }]
            : nodes.map(({ node, scans }) => ({ label: node, values: scans.slice(from) })),
        },
        `${prefix}uses`,
        'Nothing is known yet: uses are counted from the second look on.',
      ),
      chartHtml(
        {
          ...common,
          title: 'Bloat, measured or calibrated',
          unit: 'ratio',
          lines: [{ label: 'bloat', values: shown.map(({ bloat }) => bloat?.ratio ?? null) }],
        },
        `${prefix}bloat`,
        'Nothing is known yet: an estimate alone is not drawn, since it may jump with every ANALYZE.',
      ),
    ],
    timeline,
    shown,
  );
}

/** Sizes, reads and writes of a table. */
export function tableCharts(timeline: TableTimeline, prefix: string): Html {
  const { days } = timeline;
  const from = shownFrom(
    days,
    ({ sizeBytes, reads, rowsInserted }) => sizeBytes !== null || reads !== null || rowsInserted !== null,
  );
  const shown = days.slice(from);
  const common = { places: shown.map(({ day }) => dayText(day)), marks: marksOf(timeline.events, shown) };
  return chartsHtml(
    [
      chartHtml(
        {
          ...common,
          title: 'Size',
          unit: 'bytes',
          lines: [
            { label: 'table', values: shown.map(({ sizeBytes }) => sizeBytes) },
            { label: 'all its indexes', values: shown.map(({ indexBytes }) => indexBytes) },
          ],
        },
        `${prefix}size`,
        notYet,
      ),
      chartHtml(
        {
          ...common,
          title: 'Reads a day',
          unit: 'count',
          lines: [
            {
              label: 'by an index',
              values: shown.map(({ reads, sequentialScans }) =>
                reads === null || sequentialScans === null ? null : reads - sequentialScans,
              ),
            },
            { label: 'sequential', values: shown.map(({ sequentialScans }) => sequentialScans) },
          ],
        },
        `${prefix}reads`,
        'Nothing is known yet: reads are counted from the second look on.',
      ),
      chartHtml(
        {
          ...common,
          title: 'Rows written a day',
          unit: 'count',
          lines: [
            { label: 'inserted', values: shown.map(({ rowsInserted }) => rowsInserted) },
            { label: 'updated, not HOT', values: shown.map(({ rowsUpdatedNotHot }) => rowsUpdatedNotHot) },
            { label: 'deleted', values: shown.map(({ rowsDeleted }) => rowsDeleted) },
          ],
        },
        `${prefix}writes`,
        'Nothing is known yet: writes are counted from the second look on.',
      ),
    ],
    timeline,
    shown,
  );
}

function marksOf(
  events: readonly KeptEvent[],
  shown: readonly { readonly day: number }[],
): NonNullable<LineChart['marks']> {
  const [first] = shown;
  return first === undefined
    ? []
    : events.map(({ atMs, title }) => ({
        place: dayOf(atMs) - first.day,
        label: `${dayText(dayOf(atMs))}: ${title}`,
      }));
}

function chartsHtml(
  charts: readonly Html[],
  { isCut, events }: { readonly isCut: boolean; readonly events: readonly KeptEvent[] },
  shown: readonly { readonly day: number }[],
): Html {
  const [first] = shown;
  return joined([
    grid({ charts }),
    paragraphHtml(
      note({
        from: first === undefined ? '' : dayText(first.day),
        hasEvents: events.length > 0,
        isCut,
      }),
    ),
  ]);
}
const grid = template<{ readonly charts: readonly Html[] }>('<div class="charts"><%= it.charts %></div>\n');
const note = template<{ readonly from: string; readonly hasEvents: boolean; readonly isCut: boolean }>(
  '<span class="dim">Days are UTC, from <%= it.from %> to today, which has not ended. Where a line is broken or the ground is shaded nothing is known, which is no zero; the first day after holds what was counted meanwhile.<% if (it.hasEvents) { %> A mark says that something happened: point at it, or see the list of events.<% } %><% if (it.isCut) { %> More is kept than was read for this page (<code>history.chartBytes</code>): what is older is left out.<% } %></span>',
);

/** What stands where the past could not be read. */
export const noCharts = (message: string): Html =>
  message === '' ? nothing : paragraphHtml(`The past cannot be shown: ${safeLine(message)}.`);
