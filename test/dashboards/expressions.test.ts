import { describe, expect, it } from 'vitest';
import type { Family } from '../../src/metrics/families/declare.ts';
import { allFamilies } from '../../src/metrics/families.ts';
import { findingKinds, severities } from '../../src/model/finding.ts';
import { expressions, fieldLinks, shownPanels } from './model.ts';
import { anyValues, type Parsed, parsePromql, substituted, variablesIn } from './promql.ts';

/*
 * Every expression of every panel, variable and annotation is PromQL, and asks only for what the daemon exports.
 */

const byName: ReadonlyMap<string, Family> = new Map(
  allFamilies.flatMap((family) =>
    family.type === 'histogram'
      ? ['_bucket', '_sum', '_count'].map((end) => [`${family.name}${end}`, family] as const)
      : [[family.name, family] as const],
  ),
);
/** Labels that Prometheus adds when it scrapes. */
const ofScrape = ['job', 'instance'];
/** Values that a label can have, where they are a closed set. */
const vocabularies: Readonly<Record<string, readonly string[]>> = {
  kind: findingKinds,
  severity: severities,
  origin: ['baseline', 'new'],
  exported: ['true', 'false'],
  valid: ['true', 'false'],
};

const parsed = (text: string): Parsed => parsePromql(substituted(text, anyValues));

describe.each(expressions.map((one) => [one.place, one] as const))('%s', (_place, { text, label }) => {
  const { errors, selectors, groupingLabels } = parsed(text);

  it('is PromQL', () => {
    expect(errors).toEqual([]);
    expect(selectors.length).toBeGreaterThan(0);
  });

  it('asks for metrics and labels that are declared', () => {
    const labels = new Set(ofScrape);
    for (const { metric, matchers } of selectors) {
      const family = byName.get(metric);
      expect(family, metric).toBeDefined();
      const own = new Set([...(family?.labels ?? []), ...ofScrape]);
      for (const matcher of matchers) expect(own, metric).toContain(matcher.label);
      for (const name of own) labels.add(name);
    }
    for (const name of [...groupingLabels, ...(label === undefined ? [] : [label])])
      expect(labels).toContain(name);
  });

  it('asks for values that those labels can have', () => {
    for (const { matchers } of selectors)
      for (const { label: name, operator, value } of matchers) {
        const words = vocabularies[name];
        if (words === undefined) continue;
        for (const word of operator.includes('~') ? value.split('|') : [value]) expect(words).toContain(word);
      }
  });

  it('sees counters as rates and gauges as they are', () => {
    for (const { metric, rangeFunction } of selectors) {
      const family = byName.get(metric);
      const isCounter = family?.type === 'counter' || family?.type === 'histogram';
      expect(rangeFunction, metric).toEqual(
        isCounter ? expect.stringMatching(/^(rate|increase)$/) : undefined,
      );
    }
  });
});

describe('legends and links', () => {
  it('name labels that the series keep', () => {
    for (const { place, text, target } of expressions) {
      const { groupingLabels } = parsed(text);
      for (const [, name = ''] of (target?.legendFormat ?? '').matchAll(/\{\{(\w+)\}\}/g))
        expect(groupingLabels, place).toContain(name);
    }
  });

  it('take from a row what the row has', () => {
    for (const { dashboard } of expressions)
      for (const panel of shownPanels(dashboard)) {
        const labels = (panel.targets ?? []).flatMap(({ expr }) => parsed(expr).groupingLabels);
        const taken = fieldLinks(panel).flatMap(({ link }) => variablesIn(link.url ?? ''));
        const fields = taken.flatMap(
          (name) => /^__(?:data\.fields|field\.labels)\.(\w+)$/.exec(name)?.[1] ?? [],
        );
        for (const field of fields) expect(labels, panel.title).toContain(field);
      }
  });
});

describe('the parser', () => {
  it.each(['sum(', 'rate(x[5m]', 'max by (a (x)', 'x{job=~}'])('refuses %s', (text) => {
    expect(parsePromql(text).errors).not.toEqual([]);
  });

  it('sees what there is in an expression', () => {
    expect(parsePromql('sum by (a) (rate(x{b=~"c|d"}[5m])) * on (e) group_left (f) y')).toEqual({
      errors: [],
      selectors: [
        { metric: 'x', matchers: [{ label: 'b', operator: '=~', value: 'c|d' }], rangeFunction: 'rate' },
        { metric: 'y', matchers: [], rangeFunction: undefined },
      ],
      groupingLabels: ['a', 'e', 'f'],
      ranges: ['5m'],
    });
  });
});
