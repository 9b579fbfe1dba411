import type { Finding, Inconclusive, Severity } from '../../model/finding.ts';
import { humaneBytes } from '../../model/units.ts';
import { fewActions, rankFindings } from '../actions.ts';
import { escapeMarkdown, fenced, row } from '../markdown-text.ts';
import { fewOf, isShownVerbatim } from '../text.ts';
import { relationName, targetName } from '../where.ts';
import { type CheckResult, countsBySeverity, isUnreadable, openFindings, whyUnreadable } from './result.ts';
import { summaryLine } from './summary.ts';

/** Statements are long; beyond so many findings a comment on a pull request would be cut by its host. */
const fixesShownMax = 50;

/** The result as GitHub-flavoured Markdown, for a comment on a pull request or a job summary. */
export function renderMarkdown(result: CheckResult): string {
  const sections = [
    ['# Index check', '', escapeMarkdown(summaryLine(result))],
    actionsSection(result),
    ...countsBySeverity(openFindings(result)).map(([severity]) => severitySection(result, severity)),
    unjudgedSection(result),
    grantsSection(result),
    fixesSection(result),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function actionsSection(result: CheckResult): readonly string[] {
  const { actions, bytes, totalBytes } = fewActions(result.findings);
  if (actions.length === 0) return [];
  const share = Math.floor((bytes / totalBytes) * 100);
  const these = actions.length === 1 ? 'This action gives' : `These ${actions.length} actions give`;
  return [
    `**${these} ${share} % of what can be reclaimed (${humaneBytes(bytes)} of ${humaneBytes(totalBytes)}):**`,
    '',
    ...actions
      .slice(0, 5)
      .map((action) => `1. ${humaneBytes(action.impact.reclaimableBytes)}: ${escapeMarkdown(action.title)}`),
    ...(actions.length > 5 ? ['', `and ${actions.length - 5} more of those below.`] : []),
  ];
}

function severitySection(result: CheckResult, severity: Severity): readonly string[] {
  const findings = rankFindings(openFindings(result).filter((finding) => finding.severity === severity));
  if (findings.length === 0) return [];
  return [
    `## ${severity[0]?.toUpperCase()}${severity.slice(1)} (${findings.length})`,
    '',
    '| Finding | Where | Frees | Confidence | Kind |',
    '|---|---|--:|---|---|',
    ...findings.map((finding) =>
      row([
        escapeMarkdown(finding.title),
        escapeMarkdown(`${targetName(finding)} ${relationName(finding)}`),
        finding.impact.reclaimableBytes > 0 ? humaneBytes(finding.impact.reclaimableBytes) : '',
        finding.confidence,
        linkTo(finding),
      ]),
    ),
  ];
}

function unjudgedSection(result: CheckResult): readonly string[] {
  const unreadable = result.targets
    .filter(isUnreadable)
    .map((target) =>
      row(['everything', escapeMarkdown(targetName(target)), escapeMarkdown(whyUnreadable(target))]),
    );
  const inconclusive = result.inconclusive.map((one) =>
    row([
      one.kind,
      escapeMarkdown([targetName(one), ...relationsOf(one)].join(', ')),
      escapeMarkdown(one.reason),
    ]),
  );
  if (unreadable.length + inconclusive.length === 0) return [];
  return [
    '## Could not be judged',
    '',
    '| What | Where | Why |',
    '|---|---|---|',
    ...unreadable,
    ...inconclusive,
  ];
}

function grantsSection(result: CheckResult): readonly string[] {
  const grants = result.targets.flatMap((target) =>
    target.missingPermissions.map((missing) => ({ ...missing, target: targetName(target) })),
  );
  if (grants.length === 0) return [];
  return [
    '## Grants that would mend it',
    ...grants.flatMap((missing) => [
      '',
      `${escapeMarkdown(`${missing.permission} is missing on ${missing.target}: ${missing.facts}`)}`,
      '',
      ...fenced(missing.grant),
    ]),
  ];
}

function fixesSection(result: CheckResult): readonly string[] {
  const all = rankFindings(openFindings(result)).filter((finding) => finding.fix.sql !== null);
  if (all.length === 0) return [];
  const left = all.length - fixesShownMax;
  return [
    '## Fixes',
    '',
    'Nothing here has been run. Read the caveats, then run statement by statement.',
    ...all.slice(0, fixesShownMax).flatMap(fixLines),
    ...(left <= 0 ? [] : ['', `… and ${left} more: \`indexwarden check --format json\` has them all.`]),
  ];
}

function fixLines(finding: Finding): readonly string[] {
  const { sql, lock, rollbackSql, notes } = finding.fix;
  const isVerbatim = [sql, rollbackSql].every((text) => text === null || isShownVerbatim(text));
  return [
    '',
    `### ${escapeMarkdown(finding.title)}`,
    '',
    ...finding.caveats.map((caveat) => `- ${escapeMarkdown(caveat)}`),
    ...(lock === null ? [] : [`- Lock: ${escapeMarkdown(lock)}`]),
    ...(notes === '' ? [] : [`- ${escapeMarkdown(notes)}`]),
    ...(isVerbatim
      ? []
      : ['- Holds hidden characters, shown as escapes: take the statement from `--format json`.']),
    '',
    ...fenced(sql ?? ''),
    ...(rollbackSql === null ? [] : ['', 'To undo:', '', ...fenced(rollbackSql)]),
  ];
}

/** Relations beyond these are left to the JSON output. */
const relationsShownMax = 10;

const relationsOf = ({ relations }: Inconclusive): readonly string[] =>
  relations === undefined ? [] : [fewOf(relations, relationsShownMax)];

/** A link only to where a browser may safely go. */
function linkTo({ kind, docs }: Finding): string {
  return /^https?:\/\/[^\s()<>[\]|\\`]+$/.test(docs) ? `[${kind}](${docs})` : kind;
}
