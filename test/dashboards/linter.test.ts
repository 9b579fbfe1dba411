import { describe, expect, it } from 'vitest';
import { allFamilies } from '../../src/metrics/families.ts';
import { dashboards, expressions, queryOf, shownPanels } from './model.ts';
import { anyValues, parsePromql, substituted } from './promql.ts';

/*
 * The rules of Grafana's dashboard linter, by its names for them, as checks of our own:
 *
 * - template-datasource-rule, template-job-rule, template-label-promql-rule, template-on-time-change-reload-rule: here.
 * - template-instance-rule, target-instance-rule: on the Daemon dashboard alone. The other four are about databases, and a database
 *   is the same whichever instance of the daemon watches it today; a variable for it would split its history at each move.
 * - panel-datasource-rule, panel-title-description-rule, panel-units-rule, panel-no-targets-rule: here and, in more detail, in
 *   structure.test.ts.
 * - target-promql-rule: here and in expressions.test.ts. target-job-rule, target-rate-interval-rule, target-counter-agg-rule: here.
 * - uneditable-dashboard: here.
 * - target-logql-rule, target-logql-auto-rule: nothing asks Loki.
 */

const all = [...dashboards.entries()];
const ofDaemon = 'indexwarden-daemon';
const parsed = (text: string) => parsePromql(substituted(text, anyValues));

describe.each(all)('%s', (_file, dashboard) => {
  const variable = (name: string) => dashboard.templating.list.find((one) => one.name === name);

  it('template-datasource-rule', () => {
    expect(variable('datasource')).toMatchObject({
      type: 'datasource',
      label: 'Data source',
      query: 'prometheus',
    });
    expect(dashboard.templating.list[0]?.name).toBe('datasource');
  });

  it('template-job-rule', () => {
    expect(variable('job')).toMatchObject({
      type: 'query',
      label: 'Job',
      multi: true,
      includeAll: true,
      allValue: '.+',
      datasource: { type: 'prometheus', uid: '${datasource}' },
    });
  });

  it('template-instance-rule, where it applies', () => {
    const instance = { type: 'query', label: 'Instance', multi: true, includeAll: true, allValue: '.+' };
    if (dashboard.uid === ofDaemon) expect(variable('instance')).toMatchObject(instance);
    else expect(variable('instance')).toBeUndefined();
  });

  it('template-label-promql-rule', () => {
    for (const one of dashboard.templating.list)
      if (one.type === 'query') expect(queryOf(one)).toMatch(/^label_values\([a-z_]+(?:\{.*\})?, [a-z]+\)$/);
  });

  it('template-on-time-change-reload-rule', () => {
    for (const one of dashboard.templating.list)
      if (one.type === 'query') expect(one.refresh, one.name).toBe(2);
  });

  it('panel-datasource-rule, panel-title-description-rule, panel-units-rule, panel-no-targets-rule', () => {
    for (const panel of shownPanels(dashboard)) {
      expect(panel.datasource?.uid, panel.title).toBe('${datasource}');
      expect([panel.title, panel.description ?? '', panel.fieldConfig?.defaults.unit ?? '']).not.toContain(
        '',
      );
      expect(panel.targets?.length ?? 0, panel.title).toBeGreaterThan(0);
    }
  });

  it('uneditable-dashboard', () => {
    expect(dashboard.editable).toBe(false);
  });
});

describe.each(expressions.map((one) => [one.place, one] as const))(
  '%s',
  (_place, { dashboard, kind, text }) => {
    const { errors, selectors } = parsed(text);

    it('target-promql-rule', () => {
      expect(errors).toEqual([]);
    });

    it('target-job-rule, target-instance-rule', () => {
      // The choice of jobs itself is made among all of them.
      const isChoiceOfJobs = kind === 'variable' && !text.includes('{');
      const hasInstance = dashboard.uid === ofDaemon && kind !== 'variable';
      const { selectors: asWritten } = parsePromql(
        substituted(text, { ...anyValues, job: '$job', instance: '$instance' }),
      );
      for (const { metric, matchers } of asWritten) {
        const ofScrape = matchers.filter(({ label }) => label === 'job' || label === 'instance');
        expect(ofScrape, metric).toEqual(
          isChoiceOfJobs
            ? []
            : [
                { label: 'job', operator: '=~', value: '$job' },
                ...(hasInstance ? [{ label: 'instance', operator: '=~', value: '$instance' }] : []),
              ],
        );
      }
    });

    it('target-rate-interval-rule', () => {
      const { ranges } = parsePromql(
        substituted(text, { ...anyValues, __rate_interval: '7m', __range: '8h' }),
      );
      for (const range of ranges) expect(['7m', '8h']).toContain(range);
      for (const [, name, range] of text.matchAll(/\b(rate|increase) ?\([^[]*\[([^\]]*)\]/g))
        expect(range).toBe(name === 'rate' ? '$__rate_interval' : '$__range');
    });

    it('target-counter-agg-rule', () => {
      const counters = new Set(allFamilies.filter(({ type }) => type === 'counter').map(({ name }) => name));
      for (const { metric, rangeFunction } of selectors)
        if (counters.has(metric)) expect(rangeFunction, metric).toMatch(/^(rate|increase)$/);
    });
  },
);
