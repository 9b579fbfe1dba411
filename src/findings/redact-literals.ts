import type { EvidenceValue, Fix } from '../model/finding.ts';
import type { FoundNow } from './ledger.ts';

const literal = /E?'(?:[^']|'')*'|(?<![\w$.])\d+(?:\.\d+)?(?![\w$])/g;

/** `status = 'fired'` becomes `status = ?`: for definitions whose constants nobody outside should read. */
export const withoutLiterals = (text: string): string => text.replace(literal, '?');

/**
 * A finding about an expression or partial index with the constants of its definition taken out of every text. SQL that would need
 * them is withheld, since without them it would build another index.
 */
export function redactLiterals(found: FoundNow): FoundNow {
  const shape = found.evidence.shape;
  const redactedShape = typeof shape === 'string' ? withoutLiterals(shape) : undefined;
  const clean = (text: string): string =>
    typeof shape === 'string' && redactedShape !== undefined ? text.replaceAll(shape, redactedShape) : text;
  return {
    ...found,
    columns: found.columns.map(withoutLiterals),
    title: clean(found.title),
    evidence: Object.fromEntries(
      Object.entries(found.evidence).map(([fact, value]) => [fact, cleanValue(value)]),
    ),
    fix: withholdDefinitions(found.fix),
  };
}

const cleanValue = (value: EvidenceValue): EvidenceValue =>
  typeof value === 'string' ? withoutLiterals(value) : value;

function withholdDefinitions(fix: Fix): Fix {
  const isPlainDrop = fix.sql !== null && !/CREATE STATISTICS/.test(fix.sql);
  return {
    ...fix,
    sql: isPlainDrop ? fix.sql : null,
    rollbackSql: null,
    notes:
      `${fix.notes} Literals are redacted (privacy.redactLiterals), so the definition is not shown: read it with pg_get_indexdef before dropping anything.`.trim(),
  };
}
