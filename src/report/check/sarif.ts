import type { Finding, Severity } from '../../model/finding.ts';
import { rankFindings } from '../actions.ts';
import type { ToolInfo } from '../kinds.ts';
import { fewOf, safeLine } from '../text.ts';
import { qualifiedName, targetName } from '../where.ts';
import { harmlessJson } from './json.ts';
import { type CheckResult, isUnreadable, whyUnreadable } from './result.ts';

/** SARIF's levels; `error` is what code scanning blocks a merge on. */
const levels: Readonly<Record<Severity, 'error' | 'warning' | 'note'>> = {
  critical: 'error',
  warning: 'warning',
  info: 'note',
};

/**
 * SARIF 2.1.0 (OASIS standard, sections 3.13 to 3.59): a rule per kind, a result per finding, and what could not be
 * read or judged as notifications of the invocation.
 */
export function renderSarif(result: CheckResult, tool: ToolInfo): string {
  const ruleIndexOf = new Map(result.judged.map((kind, index) => [kind.id, index]));
  const log = {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'indexwarden',
            version: tool.version,
            informationUri: tool.informationUri,
            rules: result.judged.map((kind) => ({
              id: kind.id,
              shortDescription: { text: kind.title },
              // SARIF wants an absolute address; without a documentation server there is none.
              ...(URL.canParse(kind.docs) ? { helpUri: kind.docs } : {}),
              help: { text: `${kind.title}. See ${kind.docs}` },
            })),
            notifications: [
              { id: 'inconclusive', shortDescription: { text: 'A detector could not judge' } },
              { id: 'unreadable', shortDescription: { text: 'A target could not be read' } },
            ],
          },
        },
        invocations: [
          {
            executionSuccessful: result.targets.length > 0 && !result.targets.some(isUnreadable),
            toolExecutionNotifications: notificationsOf(result),
          },
        ],
        columnKind: 'utf16CodeUnits',
        results: rankFindings(result.findings).map((finding) =>
          resultOf(finding, ruleIndexOf.get(finding.kind)),
        ),
      },
    ],
  };
  return `${harmlessJson(log)}\n`;
}

function resultOf(finding: Finding, ruleIndex: number | undefined) {
  const { fix, muted } = finding;
  return {
    ruleId: finding.kind,
    ...(ruleIndex === undefined ? {} : { ruleIndex }),
    level: levels[finding.severity],
    message: { text: messageOf(finding) },
    locations: [locationOf(finding)],
    partialFingerprints: { 'indexwardenFindingId/v1': finding.id },
    ...(finding.state === 'muted'
      ? {
          suppressions: [
            { kind: 'external', status: 'accepted', justification: safeLine(muted?.reason ?? 'muted') },
          ],
        }
      : {}),
    properties: {
      confidence: finding.confidence,
      reclaimableBytes: finding.impact.reclaimableBytes,
      ...(fix.sql === null ? {} : { fixSql: fix.sql }),
      ...(fix.rollbackSql === null ? {} : { rollbackSql: fix.rollbackSql }),
    },
  };
}

function messageOf({ title, caveats, fix }: Finding): string {
  return [
    `${safeLine(title)}.`.replace(/([.!?])\.$/, '$1'),
    ...caveats.map((caveat) => `Caveat: ${safeLine(caveat)}`),
    fix.sql === null ? safeLine(fix.notes) : `Fix: ${fix.sql}`,
  ]
    .filter((line) => line !== '')
    .join('\n');
}

/**
 * An index has no line in a file; its name is the location. Code scanning services refuse results without a file, so
 * the path of the table stands for one.
 */
function locationOf(finding: Finding) {
  const path = [finding.server, finding.datname, finding.schemaname, finding.relname];
  return {
    physicalLocation: {
      artifactLocation: { uri: path.map((part) => encodeURIComponent(wellFormed(part))).join('/') },
      region: { startLine: 1 },
    },
    logicalLocations: [
      {
        name: finding.indexrelname ?? finding.relname,
        fullyQualifiedName: qualifiedName(finding),
        kind: finding.indexrelname === null ? 'table' : 'index',
      },
    ],
  };
}

/** `encodeURIComponent` throws on half of a surrogate pair. */
const wellFormed = (text: string): string => text.replaceAll(/\p{Cs}/gu, '\uFFFD');

function notificationsOf(result: CheckResult) {
  const unreadable = result.targets.filter(isUnreadable).map((target) => ({
    descriptor: { id: 'unreadable' },
    level: 'error',
    message: { text: `${targetName(target)} could not be read: ${safeLine(whyUnreadable(target))}` },
  }));
  const inconclusive = result.inconclusive.map((one) => ({
    descriptor: { id: 'inconclusive' },
    associatedRule: { id: one.kind },
    level: 'warning',
    message: {
      text: `${one.kind} could not judge ${targetName(one)}${one.relations === undefined ? '' : ` (${fewOf(one.relations.map(safeLine), 10)})`}: ${safeLine(one.reason)}`,
    },
  }));
  return [...unreadable, ...inconclusive];
}
