import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Family } from '../../src/metrics/families/declare.ts';
import { families } from '../../src/metrics/families.ts';
import { filesBelow, inRepository, readText } from '../support/repository.ts';
import { isMissing, run } from '../support/tools.ts';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

const ruleFiles = filesBelow('alerts').filter((file) => /^alerts\/[^/]+\.yaml$/.test(file));
const testFiles = filesBelow('alerts/tests');
const rules = ruleFiles.flatMap((file) =>
  (parse(readText(file)) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules),
);
const noPromtool = isMissing('promtool', 'apt-get install prometheus');

describe('alert rules', () => {
  it.skipIf(noPromtool)('are accepted by promtool, linter included', () => {
    run('promtool', [
      'check',
      'rules',
      '--lint=all',
      '--lint-fatal',
      ...ruleFiles.map((file) => inRepository(file)),
    ]);
  });

  it.skipIf(noPromtool)('fire and stay silent as their unit tests say', () => {
    run('promtool', ['test', 'rules', ...testFiles.map((file) => inRepository(file))]);
  });

  it.each(rules.map((rule) => [rule.alert, rule] as const))(
    '%s says what a person on call needs',
    (name, rule) => {
      expect(name).toMatch(/^Indexwarden([A-Z][a-z]+)+$/);
      expect(['critical', 'warning', 'info']).toContain(rule.labels.severity);
      expect(Object.keys(rule.annotations).sort()).toEqual(['description', 'runbook_url', 'summary']);
      expect(rule.annotations.runbook_url?.endsWith(`/docs/runbooks/${name}`)).toBe(true);
      const headings = readText('docs', 'runbooks', `${name}.md`).match(/^#+ .*$/gm);
      expect(headings).toEqual([
        `# ${name}`,
        '## Meaning',
        '## Impact',
        '## How to confirm',
        '## How to fix',
        '## When to ignore',
      ]);
    },
  );

  it.each(rules.map((rule) => [rule.alert, rule] as const))(
    '%s reads only metrics and labels that exist',
    (_, rule) => {
      const declared: readonly Family[] = Object.values(families);
      const used: readonly string[] = rule.expr.match(/\b(?:indexwarden|pgindex)_\w+/g) ?? [];
      expect(used.length).toBeGreaterThan(0);
      for (const name of used) expect(declared.map((family) => family.name)).toContain(name);

      const addedByPrometheus = ['instance', 'job'];
      const allowed = [
        ...declared.filter((family) => used.includes(family.name)).flatMap((f) => f.labels),
        ...addedByPrometheus,
      ];
      const texts = `${rule.annotations.summary}${rule.annotations.description}`;
      const inTexts = [...texts.matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label);
      const inMatchers = [...rule.expr.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label]) => label);
      for (const label of [...inTexts, ...inMatchers]) expect(allowed).toContain(label);
    },
  );

  it('each have a unit test in which they fire and one in which they do not', () => {
    const cases = testFiles.flatMap((file) =>
      (
        parse(readText(file)) as {
          tests: { alert_rule_test: { alertname: string; exp_alerts?: unknown[] }[] }[];
        }
      ).tests.flatMap((test) => test.alert_rule_test),
    );
    for (const { alert } of rules) {
      const firing = cases.filter((test) => test.alertname === alert && test.exp_alerts !== undefined);
      const silent = cases.filter((test) => test.alertname === alert && test.exp_alerts === undefined);
      expect([alert, firing.length > 0, silent.length > 0]).toEqual([alert, true, true]);
    }
  });

  it('leave no runbook without its alert', () => {
    const named = filesBelow('docs/runbooks').map((file) => file.replace(/^docs\/runbooks\/|\.md$/g, ''));
    expect(named).toEqual(rules.map((rule) => rule.alert).sort());
  });
});
