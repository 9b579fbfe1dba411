import type { Finding, Fix } from '../model/finding.ts';
import { humaneDuration, secondMs } from '../model/units.ts';
import { factsInWords } from './evidence.ts';
import { columnsOf } from './layout.ts';
import { type Paint, paintFor } from './paint.ts';
import { renderMarkdownForTerminal, sectionOf, type TerminalOptions } from './terminal-markdown.ts';
import { displayWidth, isShownVerbatim, safeBlock, safeLine, wrap, wrapHanging } from './text.ts';
import { relationName, targetName } from './where.ts';

/** The documentation page of a kind, for a terminal. */
export const explainKind = (page: string, options: TerminalOptions): string =>
  renderMarkdownForTerminal(page, options);

/**
 * Everything that a finding says, for the person who has to act on it. `page` is the documentation of its kind, which
 * says what would change the verdict.
 */
export function explainFinding(finding: Finding, page: string | undefined, options: TerminalOptions): string {
  const layout: Layout = { ...options, paint: paintFor(options.hasColour) };
  const sections: readonly (readonly string[])[] = [
    headOf(finding, layout),
    section('Evidence', factLines(finding.evidence, layout), layout),
    section('Impact', factLines(finding.impact, layout), layout),
    section('What could make this wrong', bullets(finding.caveats, layout), layout),
    section('Related', bullets(finding.related.map(relatedText), layout), layout),
    section('What would change this verdict', changeLines(finding, page, layout), layout),
    ...fixSections(finding.fix, layout),
    [`More: indexwarden explain ${finding.kind}, or ${safeLine(finding.docs)}`],
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

/** How a finding was named: by its id, or the beginning of one. */
export type Selection =
  | { readonly kind: 'found'; readonly finding: Finding }
  | { readonly kind: 'none' }
  | { readonly kind: 'several'; readonly ids: readonly string[] };

/** Finds by id; the first digits are enough where they fit one finding only. */
export function selectFinding(findings: readonly Finding[], id: string): Selection {
  const fitting = findings.filter((finding) => finding.id.startsWith(id.toLowerCase()));
  const [first] = fitting;
  if (first === undefined) return { kind: 'none' };
  return fitting.length === 1
    ? { kind: 'found', finding: first }
    : { kind: 'several', ids: fitting.map((finding) => finding.id) };
}

interface Layout extends TerminalOptions {
  readonly paint: Paint;
}

function headOf(finding: Finding, layout: Layout): readonly string[] {
  const { severity, kind, confidence, state, origin, muted, firstSeen, lastSeen, columns } = finding;
  const facts: readonly (readonly [string, string])[] = [
    ['Where', `${targetName(finding)} ${relationName(finding)}`],
    ...(columns.length === 0 ? [] : [['Columns', columns.map(safeLine).join(', ')] as const]),
    ['Confidence', `${confidence}: ${meaningOf[confidence]}`],
    [
      'State',
      `${state}, ${origin === 'baseline' ? 'there since the first look' : 'new since the first look'}`,
    ],
    ...(muted === undefined
      ? []
      : [
          [
            'Muted',
            safeLine(
              `${muted.reason} (by ${muted.by}${muted.until === null ? '' : `, until ${muted.until}`})`,
            ),
          ] as const,
        ]),
    ['Seen', firstSeen === lastSeen ? safeLine(firstSeen) : safeLine(`${firstSeen} to ${lastSeen}`)],
    ['Id', finding.id],
  ];
  return [
    layout.paint.severity(severity, `${severity.toUpperCase()} ${kind}`),
    ...wrap(safeLine(finding.title), layout.width).map(layout.paint.strong),
    '',
    ...alignedLines(facts, layout),
  ];
}

const meaningOf: Readonly<Record<Finding['confidence'], string>> = {
  proven: 'follows from the structure alone',
  likely: 'the evidence is strong; the caveats say what it rests on',
  possible: 'worth a look; not enough was seen to act on it alone',
};

const relatedText = ({ role, schemaname, indexrelname, why }: Finding['related'][number]): string =>
  `${role}: ${schemaname}.${indexrelname}${why === '' ? '' : ` (${why})`}`;

function changeLines(finding: Finding, page: string | undefined, layout: Layout): readonly string[] {
  const fromPage = page === undefined ? undefined : sectionOf(page, /what would change|when it closes/i);
  if (fromPage !== undefined && fromPage !== '') {
    return renderMarkdownForTerminal(fromPage, { ...layout, width: layout.width - 2 })
      .trimEnd()
      .split('\n')
      .map((line) => `  ${line}`.trimEnd());
  }
  return bullets(
    [
      ...(finding.caveats.length === 0 ? [] : ['Any of the above turning out to be so.']),
      finding.fix.verifySql === null
        ? 'It closes when a later look no longer finds what the evidence says.'
        : 'It closes when a later look no longer finds it; the statement under "Verify" then returns true.',
    ],
    layout,
  );
}

function fixSections(fix: Fix, layout: Layout): readonly (readonly string[])[] {
  if (fix.sql === null)
    return [section('Fix', ['  No statement is safe to print.', ...noteLines(fix, layout)], layout)];
  return [
    section('Before: run this first, stop if it complains', sqlLines(fix.preflightSql, layout), layout),
    section('Fix', [...sqlLines(fix.sql, layout), ...noteLines(fix, layout)], layout),
    section('Verify: must return true', sqlLines(fix.verifySql, layout), layout),
    section('Rollback', sqlLines(fix.rollbackSql, layout), layout),
  ];
}

function noteLines(fix: Fix, layout: Layout): readonly string[] {
  const facts: readonly (readonly [string, string])[] = [
    ...(fix.lock === null ? [] : [['Locks', safeLine(fix.lock)] as const]),
    ...(fix.rebuildSeconds === null
      ? []
      : [
          [
            'Rebuild',
            `about ${humaneDuration(fix.rebuildSeconds * secondMs)}${rehearsal(fix.rebuildSeconds)}`,
          ] as const,
        ]),
    ...(fix.notes === '' ? [] : [['Notes', safeLine(fix.notes)] as const]),
  ];
  return alignedLines(facts, layout);
}

/** Above half an hour a rollback is no quick way out. */
const rehearsal = (rebuildSeconds: number): string => (rebuildSeconds > 1800 ? '; rehearse first' : '');

function sqlLines(sql: string | null, { paint }: Layout): readonly string[] {
  if (sql === null) return [];
  const hidden = isShownVerbatim(sql)
    ? []
    : ['  Holds hidden characters, shown as escapes: take the statement from --format json.'];
  const lines = safeBlock(sql).trimEnd().split('\n');
  return [...hidden, ...lines.map((line) => (line === '' ? '' : `  ${paint.code(line)}`))];
}

const section = (title: string, lines: readonly string[], { paint }: Layout): readonly string[] =>
  lines.length === 0 ? [] : [paint.strong(title), ...lines];

const bullets = (texts: readonly string[], { width }: Layout): readonly string[] =>
  texts.flatMap((text) => wrapHanging(safeLine(text), width, '  - '));

function factLines(facts: Finding['evidence'], layout: Layout): readonly string[] {
  return alignedLines(
    factsInWords(facts).map(({ label, value }) => [label, value] as const),
    layout,
  );
}

function alignedLines(
  facts: readonly (readonly [string, string])[],
  { width, paint }: Layout,
): readonly string[] {
  const labelWidth = Math.min(
    Math.max(0, ...facts.map(([label]) => displayWidth(label))),
    Math.floor(width / 3),
  );
  const valueWidth = width - labelWidth - 6;
  const rows = facts.map(([label, value]) => [
    wrap(label, labelWidth).map(paint.faint).join('\n'),
    wrap(value, valueWidth).join('\n'),
  ]);
  return columnsOf(rows).map((line) => `  ${line}`);
}
