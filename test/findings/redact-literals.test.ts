import { describe, expect, it, test } from 'vitest';
import { redactLiterals, withoutLiterals } from '../../src/findings/redact-literals.ts';
import { aFinding } from '../support/builders.ts';

test.each([
  ["(a) WHERE status = 'fired'::text", '(a) WHERE status = ?::text'],
  ["(a) WHERE name = 'O''Brien'::text", '(a) WHERE name = ?::text'],
  ['(a) WHERE salary > 100000', '(a) WHERE salary > ?'],
  ['(a1, c10) WHERE "col 5" > 1.5', '(a1, c10) WHERE "col ?" > ?'],
  [`(COALESCE(note, E'tab\\t'::text))`, '(COALESCE(note, ?::text))'],
])('%s', (text, expected) => {
  expect(withoutLiterals(text)).toBe(expected);
});

describe('a finding whose definition holds what is private', () => {
  const shape = "(a) WHERE status = 'fired'::text";
  const keptShape = "(a, b) WHERE status = 'fired'::text";
  const redacted = redactLiterals(
    aFinding({
      title: `i on public.orders ${shape} is covered by j ${keptShape}: dropping it frees 5.2 MiB`,
      columns: ["COALESCE(a, 'fired'::text)"],
      evidence: {
        shape,
        keptShape,
        sizeBytes: 5_452_595,
        statisticsSince: '2026-01-01T00:00:00.000Z',
        nodes: ['primary'],
      },
      fix: {
        ...aFinding().fix,
        rollbackSql:
          "CREATE INDEX CONCURRENTLY i ON public.orders USING btree (a) WHERE (status = 'fired'::text);",
      },
    }),
  );

  it('says it nowhere', () => {
    expect(JSON.stringify(redacted)).not.toContain('fired');
  });

  it('keeps names, numbers and times', () => {
    expect(redacted.title).toContain(
      'is covered by j (a, b) WHERE status = ?::text: dropping it frees 5.2 MiB',
    );
    expect(redacted.evidence).toMatchObject({
      sizeBytes: 5_452_595,
      statisticsSince: '2026-01-01T00:00:00.000Z',
      nodes: ['primary'],
    });
  });

  it('withholds the SQL that would need it, and says so', () => {
    expect(redacted.fix.sql).toBe('DROP INDEX CONCURRENTLY public.orders_a_idx1;');
    expect(redacted.fix.rollbackSql).toBeNull();
    expect(redacted.fix.notes).toMatch(/pg_get_indexdef/);
    const kept = redactLiterals(
      aFinding({
        fix: {
          ...aFinding().fix,
          sql: "CREATE STATISTICS s ON (COALESCE(a, 'fired')) FROM t;\nDROP INDEX i;",
        },
      }),
    );
    expect(kept.fix.sql).toBeNull();
  });
});
