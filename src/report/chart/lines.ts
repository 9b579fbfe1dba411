import { Eta } from 'eta/core';
import { counted } from '../../model/units.ts';
import { displayWidth, safeLine } from '../text.ts';
import { inWords, scaleFor, type Unit } from './scale.ts';

/** Quantities over time. */
export interface LineChart {
  /** What is shown: `Size of the index`. */
  readonly title: string;
  readonly unit: Unit;
  /** What stands along the bottom, at equal distances: days as `2026-03-01`, or moments. */
  readonly places: readonly string[];
  readonly lines: readonly Line[];
  /** What happened, by the place in the row. */
  readonly marks?: readonly { readonly place: number; readonly label: string }[];
  /** A value that all others are to be seen against, such as a target. */
  readonly limit?: { readonly value: number; readonly label: string };
}

export interface Line {
  readonly label: string;
  /** One for each place; null where nothing is known: there the line is broken. Not negative. */
  readonly values: readonly (number | null)[];
}

const width = 440;
const height = 210;
const left = 66;
const right = 12;
const top = 12;
const bottom = 26;
const legendHeight = 18;
const fontSize = 12;
/** More lines than can be told apart; what is beyond stands in the table beside the chart. */
const linesMax = 4;
/** Lines are told apart by their strokes as well as by their colours. */
const dashes = ['', '6 3', '2 3', '8 3 2 3'];
/** Of the letters of the legend, on average; and so many of them fit beside the strokes. */
const columnWidth = 6.4;
const legendColumns = 68;
/** Of a stroke and the room behind a label. */
const strokeColumns = 6;

/**
 * A chart of lines as one SVG element, for a page that allows neither scripts nor styles of elements: looks are attributes and classes
 * (`line-0` to `line-3`, `gap`, `grid`, `mark`, `limit`), colours those of the page. Screen readers get the title, and a description in a
 * sentence for each line; the numbers belong into a table beside it. Unknown is a gap, with a shade where nothing at all is known.
 * Undefined where there is nothing to draw. `id` must be unique on its page.
 */
export function linesSvg(chart: LineChart, id: string): string | undefined {
  const lines = chart.lines.filter(({ values }) => values.some(isKnown)).slice(0, linesMax);
  if (lines.length === 0 || chart.places.length === 0) return undefined;
  const largest = Math.max(chart.limit?.value ?? 0, ...lines.flatMap(({ values }) => values.filter(isKnown)));
  const { most, ticks } = scaleFor(largest, chart.unit);
  const hasLegend = lines.length > 1;
  const labels = legendLabels(lines);
  const legendXs = legendPlaces(labels);
  const ceiling = top + (hasLegend ? legendHeight : 0);
  const floor = height - bottom;
  const last = Math.max(1, chart.places.length - 1);
  const x = (place: number): number =>
    chart.places.length === 1 ? (left + width - right) / 2 : left + (place * (width - left - right)) / last;
  const y = (value: number): number => floor - (value / most) * (floor - ceiling);
  return render({
    id,
    title: safeLine(chart.title),
    description: descriptionOf(chart, lines),
    ceiling,
    floor,
    ticks: ticks.map(({ value, text }) => ({ y: fixed(y(value)), text })),
    days: labelledPlaces(chart.places).map(({ place, text, anchor }) => ({
      x: fixed(x(place)),
      text,
      anchor,
    })),
    gaps: gapsOf(lines, chart.places.length).map(([from, to]) => {
      const half = (width - left - right) / last / 2;
      const start = Math.max(left, x(from) - half);
      return { x: fixed(start), width: fixed(Math.min(width - right, x(to) + half) - start) };
    }),
    lines: lines.map(({ values }, place) => ({
      place,
      dash: dashes[place] ?? '',
      path: pathOf(values, x, y),
      points: lonely(values).map((at) => ({ x: fixed(x(at)), y: fixed(y(values[at] ?? 0)) })),
      label: labels[place] ?? '',
      legendX: fixed(legendXs[place] ?? left),
    })),
    hasLegend,
    marks: (chart.marks ?? [])
      .filter(({ place }) => place >= 0 && place < chart.places.length)
      .map(({ place, label }) => ({ x: fixed(x(place)), label: safeLine(label) })),
    limit:
      chart.limit === undefined
        ? undefined
        : { y: fixed(y(chart.limit.value)), label: safeLine(chart.limit.label) },
  });
}

const isKnown = (value: number | null): value is number => value !== null;
const fixed = (value: number): string => value.toFixed(1);

/** In a sentence for each line: where it begins and ends, its bounds, and how much of it is unknown. */
function descriptionOf({ places, unit, marks = [] }: LineChart, lines: readonly Line[]): string {
  const sentences = lines.map(({ label, values }) => {
    const known = values.filter(isKnown);
    const words = (value: number | undefined): string => inWords(value ?? 0, unit);
    const unknown = values.length - known.length;
    const gaps = unknown === 0 ? '' : `, unknown at ${unknown} of ${values.length}`;
    return `${safeLine(label)}: ${words(known[0])} at first, ${words(known.at(-1))} at last, between ${words(Math.min(...known))} and ${words(Math.max(...known))}${gaps}.`;
  });
  const happened = marks.length === 0 ? '' : ` ${counted(marks.length, 'event')} marked.`;
  return `From ${places[0]} to ${places.at(-1)}. ${sentences.join(' ')}${happened}`;
}

/** A path that is broken where nothing is known. */
function pathOf(
  values: readonly (number | null)[],
  x: (place: number) => number,
  y: (value: number) => number,
): string {
  const parts: string[] = [];
  let isDrawing = false;
  for (const [place, value] of values.entries()) {
    if (value === null) isDrawing = false;
    else {
      parts.push(`${isDrawing ? 'L' : 'M'}${fixed(x(place))} ${fixed(y(value))}`);
      isDrawing = true;
    }
  }
  return parts.join('');
}

/** Places of values that no line reaches. */
const lonely = (values: readonly (number | null)[]): readonly number[] =>
  values.flatMap((value, place) =>
    value !== null && (values[place - 1] ?? null) === null && (values[place + 1] ?? null) === null
      ? [place]
      : [],
  );

/** First and last places of where no line has a value. */
function gapsOf(lines: readonly Line[], length: number): readonly (readonly [number, number])[] {
  const gaps: [number, number][] = [];
  for (let place = 0; place < length; place += 1) {
    if (lines.some(({ values }) => (values[place] ?? null) !== null)) continue;
    const last = gaps.at(-1);
    if (last !== undefined && last[1] === place - 1) last[1] = place;
    else gaps.push([place, place]);
  }
  return gaps;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Days are named by day and month, everything else by itself; the first, the last and one or two between. */
function labelledPlaces(
  places: readonly string[],
): readonly { readonly place: number; readonly text: string; readonly anchor: string }[] {
  const last = places.length - 1;
  const wanted = last < 6 ? [0, last] : [0, Math.round(last / 3), Math.round((2 * last) / 3), last];
  return [...new Set(wanted)].map((place) => ({
    place,
    text: dayInWords(places[place] ?? ''),
    anchor: last === 0 ? 'middle' : place === 0 ? 'start' : place === last ? 'end' : 'middle',
  }));
}

function dayInWords(text: string): string {
  const match = /^\d{4}-(\d{2})-(\d{2})/.exec(text);
  if (match === null) return safeLine(text);
  return `${Number(match[2])} ${months[Number(match[1]) - 1] ?? ''}`;
}

/** In full where they fit beside each other, else each with its share. */
function legendLabels(lines: readonly Line[]): readonly string[] {
  const labels = lines.map(({ label }) => safeLine(label));
  const room = legendColumns - strokeColumns * labels.length;
  const wanted = labels.reduce((sum, label) => sum + displayWidth(label), 0);
  return wanted <= room ? labels : labels.map((label) => clipped(label, Math.floor(room / labels.length)));
}

/** Where each entry of the legend begins: behind the one before it. */
function legendPlaces(labels: readonly string[]): readonly number[] {
  let x = 4;
  return labels.map((label) => {
    const begins = x;
    x += 23 + displayWidth(label) * columnWidth + 14;
    return begins;
  });
}

function clipped(label: string, columns: number): string {
  if (displayWidth(label) <= columns) return label;
  let short = '';
  for (const character of label) {
    if (displayWidth(short + character) >= columns) break;
    short += character;
  }
  return `${short}…`;
}

interface Drawing {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly ceiling: number;
  readonly floor: number;
  readonly ticks: readonly { readonly y: string; readonly text: string }[];
  readonly days: readonly { readonly x: string; readonly text: string; readonly anchor: string }[];
  readonly gaps: readonly { readonly x: string; readonly width: string }[];
  readonly lines: readonly {
    readonly place: number;
    readonly dash: string;
    readonly path: string;
    readonly points: readonly { readonly x: string; readonly y: string }[];
    readonly label: string;
    readonly legendX: string;
  }[];
  readonly hasLegend: boolean;
  readonly marks: readonly { readonly x: string; readonly label: string }[];
  readonly limit: { readonly y: string; readonly label: string } | undefined;
}

const source = `<svg xmlns="http://www.w3.org/2000/svg" class="lines" role="img" aria-labelledby="<%= it.id %>-title <%= it.id %>-desc" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="${fontSize}">
<title id="<%= it.id %>-title"><%= it.title %></title>
<desc id="<%= it.id %>-desc"><%= it.description %></desc>
<% for (const gap of it.gaps) { %>
<rect class="gap" x="<%= gap.x %>" y="<%= it.ceiling %>" width="<%= gap.width %>" height="<%= it.floor - it.ceiling %>" fill="currentColor" fill-opacity="0.06"/>
<% } %>
<% for (const tick of it.ticks) { %>
<line class="grid" x1="${left}" x2="${width - right}" y1="<%= tick.y %>" y2="<%= tick.y %>" stroke="currentColor" stroke-opacity="0.18"/>
<text x="${left - 6}" y="<%= tick.y %>" dy="0.32em" text-anchor="end" fill="currentColor"><%= tick.text %></text>
<% } %>
<% for (const day of it.days) { %>
<text x="<%= day.x %>" y="${height - 8}" text-anchor="<%= day.anchor %>" fill="currentColor"><%= day.text %></text>
<% } %>
<% for (const mark of it.marks) { %>
<g class="mark"><title><%= mark.label %></title><line x1="<%= mark.x %>" x2="<%= mark.x %>" y1="<%= it.ceiling %>" y2="<%= it.floor %>" stroke="currentColor" stroke-opacity="0.55" stroke-dasharray="1 3"/><path d="M<%= mark.x %> <%= it.ceiling %>m-4 -6h8l-4 6z" fill="currentColor"/></g>
<% } %>
<% if (it.limit !== undefined) { %>
<g class="limit"><title><%= it.limit.label %></title><line x1="${left}" x2="${width - right}" y1="<%= it.limit.y %>" y2="<%= it.limit.y %>" stroke="currentColor" stroke-dasharray="4 4"/></g>
<% } %>
<% for (const line of it.lines) { %>
<g class="line-<%= line.place %>" color="currentColor">
<path d="<%= line.path %>" fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round"<% if (line.dash !== '') { %> stroke-dasharray="<%= line.dash %>"<% } %>/>
<% for (const point of line.points) { %><circle cx="<%= point.x %>" cy="<%= point.y %>" r="2.5" fill="currentColor"/><% } %>
<% if (it.hasLegend) { %>
<path transform="translate(<%= line.legendX %> 10)" d="M0 0h18" stroke="currentColor" stroke-width="2"<% if (line.dash !== '') { %> stroke-dasharray="<%= line.dash %>"<% } %>/>
<% } %>
</g>
<% if (it.hasLegend) { %><text transform="translate(<%= line.legendX %> 10)" x="23" y="0" dy="0.32em" fill="currentColor"><%= line.label %></text><% } %>
<% } %>
</svg>`;

const eta = new Eta({ autoEscape: true });
const compiled = eta.compile(source);
const render = (drawing: Drawing): string => eta.render(compiled, drawing);
