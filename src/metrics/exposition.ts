import { assertNever } from '../model/result.ts';
import type { Sliced } from '../model/sliced.ts';
import type { Family } from './families/declare.ts';
import { allFamilies, families } from './families.ts';
import type { RenderedFamilies } from './samples.ts';

export type ExpositionFormat = 'text' | 'openmetrics';

/** Exactly these: Prometheus 3 refuses a page whose content type it does not know. */
export const contentTypes: Readonly<Record<ExpositionFormat, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/**
 * One page of everything: each family once and in one piece over all targets, in the order of its declaration. Sample lines are
 * taken as they are; the formats differ in what they say about a family and in the end mark.
 */
export const buildPage = (parts: readonly RenderedFamilies[], format: ExpositionFormat): string =>
  [...pieces(parts, format)].join('');

/** The same as bytes, with a pause after each piece. */
export function* buildBody(parts: readonly RenderedFamilies[], format: ExpositionFormat): Sliced<Buffer> {
  const body: Buffer[] = [];
  for (const piece of pieces(parts, format)) {
    yield;
    body.push(Buffer.from(piece, 'utf8'));
  }
  return Buffer.concat(body);
}

function* pieces(parts: readonly RenderedFamilies[], format: ExpositionFormat): Generator<string> {
  for (const family of allFamilies) {
    const samples = parts.map((part) => part.lines.get(family.name)).filter((lines) => lines !== undefined);
    if (samples.length === 0) continue;
    yield headerOf(family, format);
    yield* samples;
  }
  if (format === 'openmetrics') yield '# EOF\n';
}

function headerOf(family: Family, format: ExpositionFormat): string {
  switch (format) {
    case 'text': {
      // The text format has no "info": such a family is a gauge that is always 1.
      const type = family.type === 'info' ? 'gauge' : family.type;
      return `# HELP ${family.name} ${escapeHelp(family.help)}\n# TYPE ${family.name} ${type}\n`;
    }
    case 'openmetrics': {
      const name = openMetricsName(family);
      const unit = family.unit === undefined ? '' : `# UNIT ${name} ${family.unit}\n`;
      const help = escapeHelp(family.help).replaceAll('"', '\\"');
      return `# TYPE ${name} ${family.type}\n${unit}# HELP ${name} ${help}\n`;
    }
    default:
      return assertNever(format);
  }
}

/** OpenMetrics names a family without the suffix that its type gives to the samples. */
export function openMetricsName(family: Family): string {
  if (family.type === 'counter') return family.name.replace(/_total$/, '');
  if (family.type === 'info') return family.name.replace(/_info$/, '');
  return family.name;
}

const escapeHelp = (help: string): string => help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');

/**
 * The page's own measure, to be added to its parts: how many series it has and how many bytes as text, these two included (their
 * digits count, hence the loop; it ends since a longer number makes the page only longer).
 */
export function measureOf(parts: readonly RenderedFamilies[]): RenderedFamilies {
  const series = parts.reduce((sum, part) => sum + part.series, 0) + 2;
  const measured = (bytes: number): RenderedFamilies => ({
    series: 2,
    lines: new Map([
      [families.expositionSeries.name, `${families.expositionSeries.name} ${series}\n`],
      [families.expositionBytes.name, `${families.expositionBytes.name} ${bytes}\n`],
    ]),
  });
  let withoutDigits = -1;
  for (const piece of pieces([...parts, measured(0)], 'text')) withoutDigits += Buffer.byteLength(piece);
  let bytes = withoutDigits;
  while (withoutDigits + String(bytes).length !== bytes) bytes = withoutDigits + String(bytes).length;
  return measured(bytes);
}
