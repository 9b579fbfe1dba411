import { counted, humaneBytes } from '../../model/units.ts';
import { columnsOf } from '../layout.ts';
import { type Paint, paintFor } from '../paint.ts';
import { fewOf, safeLine, wrapHanging } from '../text.ts';
import { targetName } from '../where.ts';
import type { BloatReport, BloatRow } from './result.ts';

export interface BloatTableOptions {
  /** Columns of the terminal. */
  readonly width: number;
  readonly hasColour: boolean;
}

/** Indexes that are named for one reason; the others are counted. */
const namedMax = 6;

/** The report for a person: what is known, what is not and why, what would help, and one last line that sums up. */
export function renderBloatTable(report: BloatReport, options: BloatTableOptions): string {
  const page = { ...options, paint: paintFor(options.hasColour) };
  const known = report.rows.filter((row) => row.wastedBytes !== null);
  const unknown = report.rows.filter((row) => row.wastedBytes === null);
  const sections = [
    knownSection(known, report, page.paint),
    unknownSection(unknown, page),
    improvementSection(report, page),
    unreadableSection(report, page),
    [summaryOf(known, unknown)],
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

interface Page extends BloatTableOptions {
  readonly paint: Paint;
}

function knownSection(rows: readonly BloatRow[], report: BloatReport, paint: Paint): readonly string[] {
  if (rows.length === 0) return [];
  const isOneTarget = new Set(report.rows.map(targetName)).size === 1;
  const head = ['index', 'table', 'size', 'rebuilt', 'wasted', '%', 'range', 'known by'].map(paint.strong);
  const lines = rows.map((row) => [
    `${isOneTarget ? '' : `${targetName(row)} `}${safeLine(`${row.schemaname}.${row.indexrelname}`)}`,
    safeLine(row.relname),
    bytes(row.sizeBytes),
    bytes(row.expectedSizeBytes),
    bytes(row.wastedBytes),
    percent(row.ratio),
    rangeOf(row),
    `${row.method}, ${row.confidence}`,
  ]);
  return columnsOf([head, ...lines]);
}

const bytes = (value: number | null): string => (value === null ? '?' : humaneBytes(value));
const percent = (ratio: number | null): string => (ratio === null ? '?' : `${Math.round(ratio * 100)}`);

function rangeOf({ low, high }: BloatRow): string {
  if (low === null || high === null) return '?';
  const [from, to] = [Math.round(low * 100), Math.round(high * 100)];
  return from === to ? `${from}` : `${from}–${to}`;
}

function unknownSection(rows: readonly BloatRow[], page: Page): readonly string[] {
  if (rows.length === 0) return [];
  const byReason = new Map<string, string[]>();
  for (const row of rows) {
    const reason = row.reason ?? 'no reason is known';
    const names = byReason.get(reason) ?? [];
    names.push(safeLine(`${row.schemaname}.${row.indexrelname}`));
    byReason.set(reason, names);
  }
  return [
    page.paint.strong(`Not known (${rows.length}):`),
    ...[...byReason].flatMap(([reason, names]) =>
      wrapHanging(`${fewOf(names, namedMax)}: ${safeLine(reason)}`, page.width, '  '),
    ),
  ];
}

function improvementSection({ improvements }: BloatReport, page: Page): readonly string[] {
  if (improvements.length === 0) return [];
  return [
    page.paint.strong('To know more:'),
    ...improvements.flatMap((improvement) =>
      wrapHanging(
        `${targetName(improvement)}, ${counted(improvement.indexes, 'index', 'indexes')}: ${safeLine(improvement.what)}`,
        page.width,
        '  ',
      ),
    ),
  ];
}

function unreadableSection({ unreadable }: BloatReport, page: Page): readonly string[] {
  if (unreadable.length === 0) return [];
  return [
    page.paint.severity('critical', 'Could not be read:'),
    ...unreadable.flatMap((target) =>
      wrapHanging(`${targetName(target)}: ${safeLine(target.reason)}`, page.width, '  '),
    ),
  ];
}

function summaryOf(known: readonly BloatRow[], unknown: readonly BloatRow[]): string {
  const total = (pick: (row: BloatRow) => number | null): number =>
    known.reduce((sum, row) => sum + (pick(row) ?? 0), 0);
  const rest = unknown.length === 0 ? '' : `; ${unknown.length} more are not known`;
  return `${counted(known.length, 'index', 'indexes')}, ${humaneBytes(total((row) => row.sizeBytes))}, of which rebuilds would free ${humaneBytes(total((row) => row.wastedBytes))}${rest}`;
}
