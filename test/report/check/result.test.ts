import { expect, it } from 'vitest';
import { checkResultOf, isUnreadable, whyUnreadable } from '../../../src/report/check/result.ts';
import { aFinding, aGeneration, anInconclusive, failed } from '../../support/builders.ts';
import { kinds } from '../samples.ts';

it('keeps only the kinds that were asked for', () => {
  const generation = aGeneration({
    findings: [aFinding(), aFinding({ id: 'f'.repeat(16), kind: 'unused-index' })],
    inconclusive: [anInconclusive({ kind: 'unused-index' }), anInconclusive({ kind: 'null-heavy-index' })],
  });
  const result = checkResultOf(
    [generation],
    kinds.filter((kind) => kind.id === 'unused-index'),
  );
  expect(result.findings.map((finding) => finding.kind)).toEqual(['unused-index']);
  expect(result.inconclusive.map((one) => one.kind)).toEqual(['unused-index']);
});

it('says of each target what was seen of it', () => {
  const [target] = checkResultOf([aGeneration()], kinds).targets;
  expect(target).toMatchObject({ isUp: true, error: null, failures: [], skippedRelations: 0 });
  expect(target?.versionNum).toBeGreaterThan(130_000);
  expect(target?.statisticsSince).toMatch(/^\d{4}-.*Z$/);
});

it('calls a target unreadable when a collector failed that verdicts need, and only then', () => {
  const failing = (name: 'indexes' | 'column-statistics') => {
    const [target] = checkResultOf(
      [aGeneration({ facts: { outcomes: { [name]: failed('too slow', 'QueryTimeout') } } })],
      kinds,
    ).targets;
    return target!;
  };
  expect(isUnreadable(failing('indexes'))).toBe(true);
  expect(whyUnreadable(failing('indexes'))).toContain('indexes: ');
  expect(isUnreadable(failing('column-statistics'))).toBe(false);
  expect(failing('column-statistics').failures).toHaveLength(1);
});

it('counts only collectors without which the asked verdicts cannot do', () => {
  const generation = aGeneration({
    facts: { outcomes: { constraints: failed('too slow', 'QueryTimeout') } },
  });
  const isUnreadableFor = (...needed: readonly ('constraints' | 'tables')[]): boolean =>
    checkResultOf([generation], kinds, new Set(needed)).targets.some(isUnreadable);
  expect(isUnreadableFor('tables', 'constraints')).toBe(true);
  expect(isUnreadableFor('tables')).toBe(false);
});
