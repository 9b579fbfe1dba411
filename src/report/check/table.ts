import { type ExpectedStatus, satisfiedUnderOtherName } from '../../findings/expected-status.ts';
import type { Finding, Inconclusive, Severity } from '../../model/finding.ts';
import { counted, humaneBytes, humaneCount } from '../../model/units.ts';
import { type FewActions, fewActions, rankFindings } from '../actions.ts';
import { columnsOf } from '../layout.ts';
import { type Paint, paintFor } from '../paint.ts';
import { fewOf, isShownVerbatim, safeBlock, safeLine, wrap, wrapHanging } from '../text.ts';
import { relationName, targetName } from '../where.ts';
import {
  type CheckedTarget,
  type CheckResult,
  countsBySeverity,
  isUnreadable,
  openFindings,
} from './result.ts';
import { summaryLine } from './summary.ts';

export interface TableOptions {
  /** Columns of the terminal. */
  readonly width: number;
  readonly hasColour: boolean;
  /** How many infos are listed; the rest is counted. Without it all are. */
  readonly infosMax?: number;
}

/** Of the actions to begin with, so many are shown; the others stand in the list below. */
const actionsShownMax = 5;
/** Longer statements are left to `explain`: half of a script is worse than none. */
const sqlLinesMax = 6;

/**
 * The result for a person at a terminal: what to do first, every finding by severity, what could not be judged and the
 * statement that would mend it, and one last line that sums up.
 */
export function renderTable(result: CheckResult, options: TableOptions): string {
  const page = { ...options, paint: paintFor(options.hasColour) };
  const sections = [
    actionsSection(fewActions(result.findings), page),
    ...countsBySeverity(openFindings(result)).map(([severity]) => severitySection(result, severity, page)),
    unreadableSection(result, page),
    inconclusiveSection(result.inconclusive, page),
    grantsSection(result.targets, page),
    targetsSection(result, page),
    [summaryLine(result)],
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

interface Page extends TableOptions {
  readonly paint: Paint;
}

function actionsSection(few: FewActions, page: Page): readonly string[] {
  const { actions, bytes, totalBytes, reviewBytes } = few;
  if (actions.length === 0) return [];
  const share = Math.floor((bytes / totalBytes) * 100);
  const these = actions.length === 1 ? 'This action gives' : `These ${actions.length} actions give`;
  const head = `${these} ${share} % of what can be reclaimed (${humaneBytes(bytes)} of ${humaneBytes(totalBytes)}):`;
  const left = actions.length - actionsShownMax;
  return [
    ...wrap(head, page.width).map(page.paint.strong),
    ...actions
      .slice(0, actionsShownMax)
      .flatMap((action, index) => ['', ...actionLines(action, index + 1, page)]),
    ...(left <= 0 ? [] : ['', `  … and ${counted(left, 'more action')}, the first of those listed below.`]),
    ...(reviewBytes === 0
      ? []
      : [
          '',
          ...wrap(
            `${humaneBytes(reviewBytes)} more need a person’s judgement first; no SQL is printed for them.`,
            page.width,
          ),
        ]),
  ];
}

function actionLines(action: Finding, number: number, page: Page): readonly string[] {
  const what = `${humaneBytes(action.impact.reclaimableBytes)} on ${targetName(action)}: ${action.kind}, ${action.confidence}`;
  const rebuild = action.fix.rebuildSeconds;
  const caution =
    rebuild !== null && rebuild > rehearseAboveSeconds ? '; long to rebuild, rehearse first' : '';
  return [
    ...wrapHanging(`${what}${caution} (explain ${action.id})`, page.width, `  ${number}. `),
    ...sqlLines(action).map((line) => `     ${page.paint.code(line)}`),
  ];
}

const rehearseAboveSeconds = 30 * 60;

function sqlLines({ fix, id }: Finding): readonly string[] {
  const sql = fix.sql ?? '';
  if (!isShownVerbatim(sql)) {
    return [
      ...safeBlock(sql).split('\n').slice(0, 1),
      `-- not as it must be run (hidden characters): explain ${id} --format json`,
    ];
  }
  const lines = sql.split('\n').filter((line) => line.trim() !== '');
  return lines.length <= sqlLinesMax
    ? lines
    : [`-- ${lines.length} lines, to be run as a whole: indexwarden explain ${id}`];
}

function severitySection(result: CheckResult, severity: Severity, page: Page): readonly string[] {
  const all = rankFindings(openFindings(result).filter((finding) => finding.severity === severity));
  if (all.length === 0) return [];
  const listed = severity === 'info' ? all.slice(0, page.infosMax ?? all.length) : all;
  const left = all.length - listed.length;
  return [
    page.paint.severity(severity, `${severity.toUpperCase()} (${humaneCount(all.length)})`),
    ...(page.width >= wideFrom ? wideTable(listed, page) : narrowTable(listed, page)),
    ...(left === 0
      ? []
      : wrapHanging(
          `… and ${counted(left, 'more info')}: --format json lists all, --only and --min-size narrow.`,
          page.width,
          '  ',
        )),
  ];
}

/** From here there is room to put place and id beside the sentence instead of under it. */
const wideFrom = 120;

const idWidth = 16;
const freesWidth = 8;
const confidenceWidth = 10;
const gap = 2;

function wideTable(findings: readonly Finding[], { width, paint }: Page): readonly string[] {
  const rest = width - (freesWidth + confidenceWidth + idWidth + 5 * gap);
  const placeWidth = Math.floor(rest * 0.38);
  const titleWidth = rest - placeWidth;
  const rows = findings.map((finding) => [
    framed(frees(finding)),
    finding.confidence,
    wrap(safeLine(finding.title), titleWidth).join('\n'),
    [...wrap(targetName(finding), placeWidth), ...wrap(relationName(finding), placeWidth)]
      .map(paint.faint)
      .join('\n'),
    paint.faint(finding.id),
  ]);
  // Padded heads keep the columns of all severities below each other.
  const head = [
    framed('Frees'),
    'Confidence',
    'What'.padEnd(titleWidth),
    'Where'.padEnd(placeWidth),
    'Explain',
  ];
  return columnsOf([head.map(paint.faint), ...rows]).map(indented);
}

function narrowTable(findings: readonly Finding[], { width, paint }: Page): readonly string[] {
  const whatWidth = width - (freesWidth + confidenceWidth + 3 * gap);
  const rows = findings.map((finding) => {
    const where = `${targetName(finding)} ${relationName(finding)}`;
    const faint = [...wrap(where, whatWidth), ...wrap(`${finding.kind} ${finding.id}`, whatWidth)];
    return [
      framed(frees(finding)),
      finding.confidence,
      [...wrap(safeLine(finding.title), whatWidth), ...faint.map(paint.faint)].join('\n'),
    ];
  });
  const head = [framed('Frees'), 'Confidence', 'What'].map(paint.faint);
  return columnsOf([head, ...rows]).map(indented);
}

const frees = ({ impact }: Finding): string =>
  impact.reclaimableBytes > 0 ? humaneBytes(impact.reclaimableBytes) : '-';

const framed = (text: string): string => text.padStart(freesWidth);

const indented = (line: string): string => `  ${line}`.trimEnd();

function unreadableSection({ targets }: CheckResult, page: Page): readonly string[] {
  const lines = targets.flatMap((target) => {
    if (!target.isUp)
      return [`${targetName(target)}: ${safeLine(target.error ?? 'it could not be reached')}`];
    return target.failures.map(
      (failure) => `${targetName(target)}: ${failure.collector} failed: ${safeLine(failure.reason)}`,
    );
  });
  if (lines.length === 0) return [];
  const gravity = targets.some(isUnreadable) ? 'critical' : 'warning';
  return [
    page.paint.severity(gravity, 'COULD NOT BE READ'),
    ...lines.flatMap((line) => wrapHanging(line, page.width, '  - ')),
  ];
}

function inconclusiveSection(inconclusive: readonly Inconclusive[], page: Page): readonly string[] {
  if (inconclusive.length === 0) return [];
  const groups = new Map<string, Inconclusive[]>();
  for (const one of inconclusive) {
    const key = JSON.stringify([one.server, one.datname, one.reason, one.relations ?? null]);
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [
    page.paint.severity('warning', 'COULD NOT BE JUDGED'),
    ...[...groups.values()].flatMap((group) => inconclusiveLines(group, page)),
  ];
}

/** Relations named in one line; the JSON output has them all. */
const relationsShownMax = 3;

function inconclusiveLines(group: readonly Inconclusive[], { width, paint }: Page): readonly string[] {
  const [first] = group;
  if (first === undefined) return [];
  const relations = first.relations?.map(safeLine);
  const extent = relations === undefined ? '' : `, ${fewOf(relations, relationsShownMax)}`;
  const kinds = group.map((one) => one.kind).join(', ');
  return [
    ...wrapHanging(`${kinds} on ${targetName(first)}${extent}`, width, '  - '),
    ...wrapHanging(safeLine(first.reason), width, '    ').map(paint.faint),
  ];
}

function grantsSection(targets: readonly CheckedTarget[], page: Page): readonly string[] {
  const targetsOf = new Map<string, { readonly why: string; readonly targets: string[] }>();
  for (const target of targets) {
    for (const { permission, facts, grant } of target.missingPermissions) {
      const known = targetsOf.get(grant) ?? {
        why: `${permission} is missing, and with it: ${facts}`,
        targets: [],
      };
      known.targets.push(targetName(target));
      targetsOf.set(grant, known);
    }
  }
  if (targetsOf.size === 0) return [];
  return [
    page.paint.severity('warning', 'GRANTS THAT WOULD MEND IT'),
    ...[...targetsOf].flatMap(([grant, { why, targets: on }]) => [
      ...wrapHanging(safeLine(`${why} (on ${fewOf(on, 3)})`), page.width, '  - '),
      ...safeBlock(grant)
        .split('\n')
        .map((line) => `    ${page.paint.code(line)}`),
    ]),
  ];
}

/** More targets than this are only counted; what is wrong with one of them is said above anyway. */
const targetsShownMax = 12;

function targetsSection(result: CheckResult, page: Page): readonly string[] {
  const reached = result.targets.filter((target) => target.isUp);
  const muted = result.findings.filter((finding) => finding.state === 'muted').length;
  const lines = reached
    .slice(0, targetsShownMax)
    .flatMap((target) => [targetLine(target), ...expectationLines(target)]);
  return [
    ...lines.flatMap((line) => wrapHanging(line, page.width, '')),
    ...(reached.length > targetsShownMax ? [`… and ${reached.length - targetsShownMax} more targets`] : []),
    ...(muted === 0 ? [] : [`${counted(muted, 'muted finding')} not shown; --format json has them.`]),
  ].map(page.paint.faint);
}

function targetLine(target: CheckedTarget): string {
  const version =
    target.versionNum === null ? 'version unknown' : `PostgreSQL ${versionText(target.versionNum)}`;
  const since =
    target.statisticsSince === null
      ? 'no reset time of the statistics is known'
      : `statistics since ${target.statisticsSince.slice(0, 16).replace('T', ' ')} UTC`;
  const skipped =
    target.skippedRelations === 0 ? '' : `, ${counted(target.skippedRelations, 'locked relation')} left out`;
  return `Looked at ${targetName(target)}: ${version}, ${since}${skipped}`;
}

/** How many of the expected indexes are there, and which of them under another name. */
function expectationLines(target: CheckedTarget): readonly string[] {
  const statuses = target.expectations ?? [];
  if (statuses.length === 0) return [];
  const countOf = (state: ExpectedStatus['state']): number =>
    statuses.filter((status) => status.state === state).length;
  const others = satisfiedUnderOtherName(statuses).map(({ expectedIndex, satisfiedBy }) =>
    safeLine(`${expectedIndex} as ${satisfiedBy[0] ?? ''}`),
  );
  const parts = [
    `${countOf('satisfied')} there${others.length === 0 ? '' : ` (${fewOf(others, otherNamesShownMax)})`}`,
    ...(countOf('alternative') === 0 ? [] : [`${countOf('alternative')} replaced by an alternative`]),
    `${countOf('missing')} missing`,
    ...(countOf('unknown') === 0 ? [] : [`${countOf('unknown')} that could not be judged`]),
  ];
  return [
    `Of ${counted(statuses.length, 'expected index', 'expected indexes')} in ${targetName(target)}: ${parts.join(', ')}`,
  ];
}

const otherNamesShownMax = 5;

/** 170002 is 17.2: since version 10 there are two parts. */
const versionText = (versionNum: number): string =>
  `${Math.floor(versionNum / 10_000)}.${versionNum % 10_000}`;
