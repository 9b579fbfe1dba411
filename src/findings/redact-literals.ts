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
  const shapes = [found.evidence.shape, found.evidence.keptShape].filter(
    (shape) => typeof shape === 'string',
  );
  const clean = (text: string): string =>
    shapes.reduce((sofar, shape) => sofar.replaceAll(shape, withoutLiterals(shape)), text);
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

/** Times are the only strings in evidence whose digits mean something. */
const isInstant = (text: string): boolean => /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text);

const cleanValue = (value: EvidenceValue): EvidenceValue =>
  typeof value === 'string' && !isInstant(value) ? withoutLiterals(value) : value;

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
