import type { Finding, Inconclusive } from '../../model/finding.ts';
import { rankFindings } from '../actions.ts';
import type { CheckedTarget, CheckResult } from './result.ts';

/** `{"findings": […], "inconclusive": […], "targets": […]}`: the contract, with its keys in its order. */
export function renderJson(result: CheckResult): string {
  const document = {
    findings: rankFindings(result.findings).map(inContractOrder),
    inconclusive: result.inconclusive.map(inconclusiveInOrder),
    targets: result.targets.map(targetInOrder),
  };
  return `${harmlessJson(document)}\n`;
}

/**
 * JSON that changes nothing on a terminal either: the controls and format characters that `JSON.stringify` leaves alone
 * are written as escapes. They can stand inside strings only, so the value stays the same.
 */
export function harmlessJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replaceAll(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escapeUnits);
}

function escapeUnits(character: string): string {
  let escaped = '';
  for (let unit = 0; unit < character.length; unit++) {
    escaped += `\\u${character.charCodeAt(unit).toString(16).padStart(4, '0')}`;
  }
  return escaped;
}

/** Later keys of a finding (a rename, a mute) follow those of the contract. */
export function inContractOrder(finding: Finding): Finding {
  const { id, kind, severity, confidence, state, origin, server, datname, schemaname, relname, ...rest } =
    finding;
  const { indexrelname, columns, related, title, evidence, caveats, impact, fix, ...life } = rest;
  const { firstSeen, lastSeen, docs, ...others } = life;
  const { sql, rollbackSql, lock, rebuildSeconds, notes, ...otherFix } = fix;
  return {
    ...{ id, kind, severity, confidence, state, origin, server, datname, schemaname, relname },
    ...{ indexrelname, columns, related, title, evidence, caveats, impact },
    fix: { sql, rollbackSql, lock, rebuildSeconds, notes, ...otherFix },
    ...{ firstSeen, lastSeen, docs },
    ...others,
  };
}

const inconclusiveInOrder = ({ kind, server, datname, reason, ...rest }: Inconclusive): Inconclusive => ({
  kind,
  server,
  datname,
  reason,
  ...rest,
});

const targetInOrder = (target: CheckedTarget): CheckedTarget => {
  const { server, datname, isUp, error, versionNum, statisticsSince, ...rest } = target;
  const { failures, missingPermissions, skippedRelations, catalogueReadMs, expectations } = rest;
  return {
    ...{ server, datname, isUp, error, versionNum, statisticsSince },
    ...{ failures, missingPermissions, skippedRelations, catalogueReadMs },
    ...(expectations && { expectations }),
  };
};
