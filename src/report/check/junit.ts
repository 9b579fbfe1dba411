import { type Finding, type FindingKind, type Severity, severities } from '../../model/finding.ts';
import { assertNever } from '../../model/result.ts';
import { humaneBytes } from '../../model/units.ts';
import { rankFindings } from '../actions.ts';
import { fewOf, safeBlock, safeLine } from '../text.ts';
import { relationName, targetName } from '../where.ts';
import { type CheckedTarget, type CheckResult, isUnreadable, whyUnreadable } from './result.ts';

/** From which severity on a finding fails its test case; `never`: none does. */
export type FailOn = Severity | 'never';

/**
 * JUnit XML as CI systems read it: a suite per target with one case that says whether it could be read, one case per
 * finding (failed from `failOn` on, passed with its text below), one skipped case per verdict that could not be
 * given, and one passed case per kind that found nothing.
 */
export function renderJunit(result: CheckResult, failOn: FailOn): string {
  const suites = result.targets.map((target) => suiteOf(target, result, failOn));
  const counts = countsOf(suites.flatMap((suite) => suite.cases));
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="indexwarden" ${counts}>`,
    ...suites.flatMap(({ name, cases }) => [
      `  <testsuite name="${escapeXml(name)}" ${countsOf(cases)}>`,
      ...cases.flatMap((one) => caseLines(one)),
      '  </testsuite>',
    ]),
    '</testsuites>',
    '',
  ].join('\n');
}

interface Case {
  readonly className: string;
  readonly name: string;
  readonly outcome:
    | { readonly kind: 'passed'; readonly output?: string }
    | { readonly kind: 'failure'; readonly type: string; readonly message: string; readonly text: string }
    | { readonly kind: 'skipped' | 'error'; readonly message: string };
}

interface Suite {
  readonly name: string;
  readonly cases: readonly Case[];
}

function suiteOf(target: CheckedTarget, result: CheckResult, failOn: FailOn): Suite {
  const isHere = (of: { readonly server: string; readonly datname: string }): boolean =>
    of.server === target.server && of.datname === target.datname;
  const findings = rankFindings(result.findings.filter(isHere));
  const inconclusive = result.inconclusive.filter(isHere);
  const name = targetName(target);
  const mentioned = new Set<FindingKind>([...findings, ...inconclusive].map((one) => one.kind));
  const silent = result.judged.filter((kind) => !mentioned.has(kind.id));
  const canRead: Case = {
    className: name,
    name: 'the target can be read',
    outcome: isUnreadable(target)
      ? { kind: 'error', message: safeLine(whyUnreadable(target)) }
      : { kind: 'passed' },
  };
  return {
    name,
    cases: [
      canRead,
      ...findings.map((finding) => findingCase(finding, name, failOn)),
      ...inconclusive.map(
        (one): Case => ({
          className: `${name}.${one.kind}`,
          name: `${one.kind}${one.relations === undefined ? '' : ` (${fewOf(one.relations.map(safeLine), 10)})`}`,
          outcome: { kind: 'skipped', message: `inconclusive: ${safeLine(one.reason)}` },
        }),
      ),
      ...silent.map(
        (kind): Case => ({
          className: `${name}.${kind.id}`,
          name: kind.id,
          // Of a target that was never reached silence says nothing.
          outcome: target.isUp
            ? { kind: 'passed' }
            : { kind: 'skipped', message: 'the target could not be read' },
        }),
      ),
    ],
  };
}

function findingCase(finding: Finding, target: string, failOn: FailOn): Case {
  const head = { className: `${target}.${finding.kind}`, name: `${relationName(finding)} [${finding.id}]` };
  if (finding.state === 'muted')
    return {
      ...head,
      outcome: { kind: 'skipped', message: `muted: ${safeLine(finding.muted?.reason ?? '')}` },
    };
  const text = detailsOf(finding);
  if (failOn === 'never' || severities.indexOf(finding.severity) < severities.indexOf(failOn))
    return { ...head, outcome: { kind: 'passed', output: text } };
  return {
    ...head,
    outcome: { kind: 'failure', type: finding.severity, message: safeLine(finding.title), text },
  };
}

function detailsOf({ severity, confidence, title, caveats, impact, fix, docs }: Finding): string {
  return [
    `${severity}, ${confidence}: ${safeLine(title)}`,
    ...(impact.reclaimableBytes > 0 ? [`frees ${humaneBytes(impact.reclaimableBytes)}`] : []),
    ...caveats.map((caveat) => `caveat: ${safeLine(caveat)}`),
    ...(fix.sql === null ? [safeBlock(fix.notes)] : ['fix:', safeBlock(fix.sql)]),
    docs,
  ].join('\n');
}

function caseLines({ className, name, outcome }: Case): readonly string[] {
  const open = `    <testcase classname="${escapeXml(className)}" name="${escapeXml(name)}"`;
  const wrapped = (inner: string): readonly string[] => [`${open}>`, `      ${inner}`, '    </testcase>'];
  switch (outcome.kind) {
    case 'passed':
      return outcome.output === undefined
        ? [`${open}/>`]
        : wrapped(`<system-out>${escapeXml(outcome.output)}</system-out>`);
    case 'failure':
      return wrapped(
        `<failure type="${outcome.type}" message="${escapeXml(outcome.message)}">${escapeXml(outcome.text)}</failure>`,
      );
    case 'skipped':
    case 'error':
      return wrapped(`<${outcome.kind} message="${escapeXml(outcome.message)}"/>`);
    default:
      return assertNever(outcome);
  }
}

function countsOf(cases: readonly Case[]): string {
  const of = (kind: Case['outcome']['kind']): number =>
    cases.filter((one) => one.outcome.kind === kind).length;
  return `tests="${cases.length}" failures="${of('failure')}" errors="${of('error')}" skipped="${of('skipped')}"`;
}

/** Markup characters as entities; expects text without controls. XML 1.0 also forbids U+FFFE and U+FFFF. */
function escapeXml(text: string): string {
  return text
    .replaceAll(/[\uFFFE\uFFFF]/g, '\uFFFD')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
