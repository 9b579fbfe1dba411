import type { Inconclusive } from '../../model/finding.ts';
import { counted, humaneCount } from '../../model/units.ts';
import { fewOf, safeLine } from '../text.ts';
import { targetName } from '../where.ts';
import {
  type CheckedTarget,
  type CheckResult,
  countsBySeverity,
  isUnreadable,
  openFindings,
  whyUnreadable,
} from './result.ts';

/**
 * The one line that ends every check: how many findings on how many targets, what a baseline holds back, and by name
 * what could not be read or judged. Without findings it says so only of what was looked at.
 */
export function summaryLine(result: CheckResult): string {
  const { targets, inconclusive, suppressedByBaseline } = result;
  const unreached = targets.filter((target) => !target.isUp);
  const inPart = targets.filter((target) => target.isUp && isUnreadable(target));
  const isComplete = targets.length > 0 && unreached.length + inPart.length + inconclusive.length === 0;
  return [
    `${whatWasFound(result)} ${whereLooked(result)}`,
    suppressedByBaseline === 0 ? '' : `${humaneCount(suppressedByBaseline)} more in the baseline`,
    unreached.length === 0 ? '' : `could not be read: ${withReasons(unreached)}`,
    inPart.length === 0 ? '' : `read in part only: ${withReasons(inPart)}`,
    inconclusive.length === 0 ? '' : `inconclusive: ${namesOf(inconclusive)}`,
    isComplete ? 'every detector could judge' : '',
  ]
    .filter((part) => part !== '')
    .join('; ');
}

const withReasons = (targets: readonly CheckedTarget[]): string =>
  fewOf(
    targets.map((target) => `${targetName(target)} (${clip(safeLine(whyUnreadable(target)))})`),
    3,
  );

function whatWasFound(result: CheckResult): string {
  const open = openFindings(result);
  const isNarrowed = result.suppressedByBaseline > 0;
  if (open.length === 0) return isNarrowed ? 'no new findings' : 'no findings';
  return countsBySeverity(open)
    .filter(([, count]) => count > 0)
    .map(([severity, count]) =>
      severity === 'critical'
        ? `${count} critical`
        : counted(count, `${isNarrowed ? 'new ' : ''}${severity}`),
    )
    .join(', ');
}

function whereLooked({ targets }: CheckResult): string {
  const all = targets.length;
  const reached = targets.filter((target) => target.isUp).length;
  return reached === all ? `on ${counted(all, 'target')}` : `on ${reached} of ${counted(all, 'target')}`;
}

/** `unused-index (reason), null-heavy-index (reason)`: each kind once; kinds with the same reasons share them. */
function namesOf(inconclusive: readonly Inconclusive[]): string {
  const reasonsOf = new Map<string, Set<string>>();
  for (const { kind, reason } of inconclusive) {
    const reasons = reasonsOf.get(kind) ?? new Set();
    reasonsOf.set(kind, reasons.add(clip(safeLine(reason))));
  }
  const kindsOf = new Map<string, string[]>();
  for (const [kind, reasons] of reasonsOf) {
    const why = fewOf([...reasons], 1);
    kindsOf.set(why, [...(kindsOf.get(why) ?? []), kind]);
  }
  return [...kindsOf].map(([why, kinds]) => `${kinds.join(', ')} (${why})`).join('; ');
}

/** Longer reasons are told in full above the line. */
const reasonLengthMax = 120;

const clip = (text: string): string =>
  text.length <= reasonLengthMax ? text : `${text.slice(0, reasonLengthMax - 1).trimEnd()}…`;
