import { Eta } from 'eta/core';
import { displayWidth, safeLine } from '../text.ts';

/** Quantities side by side. */
export interface BarChart {
  /** What is shown, as a caption: `The largest indexes`. */
  readonly title: string;
  readonly bars: readonly Bar[];
}

export interface Bar {
  readonly label: string;
  /** Not negative. */
  readonly value: number;
  /** The value in words and with its unit: `3.4 MiB`. */
  readonly text: string;
  /** The part of the value that stands out, at most `value`. */
  readonly marked?: number;
}

const width = 720;
const labelWidth = 270;
const textWidth = 120;
const rowHeight = 22;
const barHeight = 14;
/** Below this a quantity cannot be seen. */
const barWidthMin = 1;
const labelLengthMax = 40;

/**
 * A chart of horizontal bars as one SVG element, for a page that allows neither scripts nor styles of elements: looks are attributes,
 * and colours the page's own where it names them. Screen readers get the title, and all values as description. `id` must be unique on its page.
 */
export function barsSvg({ title, bars }: BarChart, id: string): string {
  const most = Math.max(1, ...bars.map(({ value }) => value));
  const scale = (width - labelWidth - textWidth) / most;
  const sizeOf = (value: number): string => (value > 0 ? Math.max(barWidthMin, value * scale) : 0).toFixed(1);
  return render({
    id,
    title: safeLine(title),
    description: bars.map(({ label, text }) => `${safeLine(label)}: ${text}`).join('; '),
    width,
    height: bars.length * rowHeight + 4,
    bars: bars.map((bar, place) => ({
      y: place * rowHeight + 4,
      middle: place * rowHeight + 4 + barHeight / 2 + 4,
      label: clipped(safeLine(bar.label)),
      text: bar.text,
      width: sizeOf(bar.value),
      marked: bar.marked === undefined ? undefined : sizeOf(Math.min(bar.marked, bar.value)),
      end: labelWidth + Number(sizeOf(bar.value)) + 6,
    })),
  });
}

/** Cut where it would run into the bars. */
function clipped(label: string): string {
  if (displayWidth(label) <= labelLengthMax) return label;
  let short = '';
  for (const character of label) {
    if (displayWidth(short + character) >= labelLengthMax) break;
    short += character;
  }
  return `${short}…`;
}

interface Drawing {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly width: number;
  readonly height: number;
  readonly bars: readonly {
    readonly y: number;
    readonly middle: number;
    readonly label: string;
    readonly text: string;
    readonly width: string;
    readonly marked: string | undefined;
    readonly end: number;
  }[];
}

const template = `<svg xmlns="http://www.w3.org/2000/svg" class="bars" role="img" aria-labelledby="<%= it.id %>-title <%= it.id %>-desc" viewBox="0 0 <%= it.width %> <%= it.height %>" width="<%= it.width %>" height="<%= it.height %>" font-family="system-ui, sans-serif" font-size="12">
<title id="<%= it.id %>-title"><%= it.title %></title>
<desc id="<%= it.id %>-desc"><%= it.description %></desc>
<% for (const bar of it.bars) { %>
<text x="${labelWidth - 8}" y="<%= bar.middle %>" text-anchor="end" fill="currentColor"><%= bar.label %></text>
<rect x="${labelWidth}" y="<%= bar.y %>" width="<%= bar.width %>" height="${barHeight}" fill="#7a9cc6"/>
<% if (bar.marked !== undefined) { %>
<rect x="${labelWidth}" y="<%= bar.y %>" width="<%= bar.marked %>" height="${barHeight}" fill="#b3541e"/>
<% } %>
<text x="<%= bar.end %>" y="<%= bar.middle %>" fill="currentColor"><%= bar.text %></text>
<% } %>
</svg>`;

const eta = new Eta({ autoEscape: true });
const compiled = eta.compile(template);
const render = (drawing: Drawing): string => eta.render(compiled, drawing);
