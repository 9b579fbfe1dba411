import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { alertFiles, alertSettings } from '../../scripts/alerts/files.ts';
import { prometheusFile, ruleFiles } from '../../scripts/alerts/render.ts';
import { scaled } from '../../scripts/alerts/settings.ts';
import { parseDuration } from '../../src/config/durations.ts';
import type { Family } from '../../src/metrics/families/declare.ts';
import { families } from '../../src/metrics/families.ts';
import { findingKinds } from '../../src/model/finding.ts';
import { minuteMs } from '../../src/model/units.ts';
import { filesBelow, inRepository, readText } from '../support/repository.ts';
import { isMissing, run } from '../support/tools.ts';
import {
  committedAlerts,
  committedGroups,
  committedRules,
  queriesIn,
  readingOf,
  ruleFilePaths,
  testFilePaths,
} from './alert-rules.ts';

const noPromtool = isMissing('promtool', 'apt-get install prometheus');
const declared = new Map<string, Family>(
  (Object.values(families) as readonly Family[]).map((family) => [family.name, family]),
);
/** What Prometheus itself writes of every scrape, and adds to every series. */
const ofPrometheus = ['up'];
const addedByPrometheus = ['instance', 'job'];
/** Labels that recording rules make. */
const recordedLabels = ['alert', 'fact'];
const recorded = new Set(committedRules.flatMap(({ record }) => record ?? []));

describe('the committed rule files', () => {
  it.each(alertFiles.map((file) => [file.path, file] as const))(
    '%s is what alerts/settings.yaml renders (npm run generate)',
    (path, file) => {
      expect(readText(path)).toBe(file.content());
    },
  );

  it('are all rendered, and nothing else is beside them', () => {
    const rendered = alertFiles.map(({ path }) => path);
    expect(rendered).toEqual(expect.arrayContaining([...filesBelow('alerts/rules')]));
  });

  it('have the same rules as the object for the operator', () => {
    const object = parse(readText('alerts', 'prometheusrule.yaml')) as {
      kind: string;
      spec: { groups: unknown };
    };
    expect(object.kind).toBe('PrometheusRule');
    const byName = (groups: readonly { readonly name: string }[]) =>
      groups.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    expect(byName(object.spec.groups as { name: string }[])).toEqual(byName(committedGroups));
  });

  it.skipIf(noPromtool)('are accepted by promtool, linter included', () => {
    run('promtool', ['check', 'rules', '--lint=all', '--lint-fatal', ...ruleFilePaths]);
  });

  it.skipIf(noPromtool)('fire and stay silent as their unit tests say', () => {
    run('promtool', ['test', 'rules', ...testFilePaths]);
  });
});

describe('settings', () => {
  it('can be scaled by one factor, with a shortest duration', () => {
    const settings = scaled(alertSettings(), { factor: 1000, durationMsMin: 2000 });
    expect(settings.tickets.bloatedIndex.for).toMatchObject({ ms: 86_400 });
    expect(settings.pages.lostIndex.for).toMatchObject({ ms: 2000 });
    expect(settings.tickets.bloatedIndex.bytesMin).toMatchObject({ bytes: 10_737_418 });
    expect(settings.tickets.unindexedForeignKey.tableRowsMin).toMatchObject({ rows: 1000 });
    expect(settings.pages.lostIndex.tableScansPerSecondMin).toEqual(
      alertSettings().pages.lostIndex.tableScansPerSecondMin,
    );
    for (const file of ruleFiles(settings)) expect(prometheusFile(file)).not.toMatch(/\[0|NaN|undefined/);
  });
});

describe.each(
  committedAlerts.map((rule) => [`${rule.alert} ${rule.labels.scope ?? ''}`.trim(), rule] as const),
)('%s', (_, rule) => {
  it('says what a person on call needs', () => {
    expect(rule.alert).toMatch(/^Indexwarden([A-Z][a-z]+)+$/);
    expect(['critical', 'warning', 'info']).toContain(rule.labels.severity);
    expect(Object.keys(rule.annotations).sort()).toEqual([
      'dashboard_url',
      'description',
      'runbook_url',
      'summary',
    ]);
    expect(rule.annotations.runbook_url?.endsWith(`/docs/runbooks/${rule.alert}`)).toBe(true);
    expect(rule.annotations.dashboard_url).toMatch(/^https:\/\/[^/]+\/d\/indexwarden-[a-z]+(?:\?|$)/);
    const headings = readText('docs', 'runbooks', `${rule.alert}.md`).match(/^#+ .*$/gm);
    expect(headings).toEqual([
      `# ${rule.alert}`,
      '## Meaning',
      '## Impact',
      '## How to confirm',
      '## How to fix',
      '## When to ignore',
    ]);
  });

  it('waits longer than it takes to collect', () => {
    expect(parseDuration(rule.for)?.ms).toBeGreaterThan(minuteMs);
  });

  it('is one for each server, or daemon, and kind: never one for each index', () => {
    const [, by = ''] = /^(?:count|sum|max) by \(([^)]*)\)/.exec(rule.expr) ?? [];
    const labels = by.split(',').map((label) => label.trim());
    const isOfDaemon = /^indexwarden_|^\(up |^up /.test(rule.expr);
    if (!isOfDaemon) expect(labels[0]).toBe('server');
    expect(labels).not.toContain('indexrelname');
  });
});

const everyExpression = [
  ...committedRules.map((rule) => [rule.alert ?? rule.record ?? '', rule.expr] as const),
  ...committedAlerts.flatMap(({ alert, annotations }) =>
    Object.values(annotations)
      .flatMap(queriesIn)
      .map((query) => [`a query in the texts of ${alert}`, query] as const),
  ),
];

describe('every expression', () => {
  it.each(everyExpression)('of %s reads only metrics and labels that exist: %s', (_, expr) => {
    const { metrics, labels } = readingOf(expr);
    expect(metrics.length).toBeGreaterThan(0);
    for (const name of metrics)
      expect(declared.has(name) || recorded.has(name) || ofPrometheus.includes(name), name).toBe(true);
    const known = new Set([
      ...[...declared.values()]
        .filter(({ name }) => metrics.includes(name) || metrics.some((m) => recorded.has(m)))
        .flatMap((family) => family.labels),
      ...addedByPrometheus,
      ...recordedLabels,
    ]);
    for (const label of labels) expect([...known]).toContain(label);
  });

  it('names kinds of findings that there are', () => {
    const named = everyExpression.flatMap(([, expr]) =>
      [...expr.matchAll(/\bkind="([^"]+)"/g)].map(([, kind]) => kind),
    );
    expect(named.length).toBeGreaterThan(10);
    for (const kind of named) expect([...findingKinds]).toContain(kind);
  });
});

describe('pages', () => {
  const pages = committedAlerts.filter(({ labels }) => labels.severity === 'critical');

  it('are few, and no baseline silences them', () => {
    expect(pages.map(({ alert }) => alert)).toEqual([
      'IndexwardenIndexLost',
      'IndexwardenProbeTooSlow',
      'IndexwardenIndexStoppedBeingUsed',
      'IndexwardenCollationDrift',
    ]);
    for (const { alert } of pages) {
      const recording = committedRules.find(({ labels }) => labels?.alert === alert);
      expect(recording?.expr).toBeDefined();
      expect(recording?.expr).not.toMatch(/origin|new_finding/);
    }
  });
});

describe('tickets about findings', () => {
  it('look at none that was there on the first look', () => {
    const tickets = new Set(
      committedAlerts.filter(({ labels }) => labels.severity === 'warning').map(({ alert }) => alert),
    );
    const about = committedRules.filter(({ labels }) => tickets.has(labels?.alert ?? ''));
    expect(about.length).toBeGreaterThan(8);
    for (const { expr } of about)
      if (!expr.includes('pgindex_oldest_build'))
        expect(expr).toContain('indexwarden:new_finding:size_bytes');
    const source = committedRules.find(({ record }) => record === 'indexwarden:new_finding:size_bytes');
    expect(source?.expr.match(/pgindex_finding\{origin="new"\}/g)).toHaveLength(2);
    expect(source?.expr).not.toMatch(/pgindex_finding\{(?!origin="new"\})/);
  });
});

describe('unit tests of the rules', () => {
  interface Sample {
    readonly labels: string;
  }
  interface Case {
    readonly promql_expr_test?: readonly {
      readonly expr: string;
      readonly exp_samples?: readonly Sample[];
    }[];
    readonly alert_rule_test?: readonly {
      readonly alertname: string;
      readonly exp_alerts?: readonly unknown[];
    }[];
  }
  const cases = testFilePaths.flatMap((file) => {
    const { tests } = parse(readText(file.slice(inRepository('').length))) as {
      readonly tests: readonly Case[];
    };
    return tests.flatMap((test) => [
      ...(test.promql_expr_test ?? []).map(({ expr, exp_samples: expected = [] }) => ({
        alerts: [...expr.matchAll(/alertname="(\w+)"/g)].map(([, name]) => name),
        fires: expected.length > 0,
      })),
      ...(test.alert_rule_test ?? []).map(({ alertname, exp_alerts: expected = [] }) => ({
        alerts: [alertname],
        fires: expected.length > 0,
      })),
    ]);
  });

  it.each([...new Set(committedAlerts.map(({ alert }) => alert))])(
    'let %s fire, and stay silent',
    (alert) => {
      const about = cases.filter(({ alerts }) => alerts.includes(alert));
      expect(about.some(({ fires }) => fires)).toBe(true);
      // A near miss and the end of it.
      expect(about.filter(({ fires }) => !fires).length).toBeGreaterThanOrEqual(2);
    },
  );
});

describe('runbooks', () => {
  it('are there for each alert and for nothing else', () => {
    const named = filesBelow('docs/runbooks').map((file) => file.replace(/^docs\/runbooks\/|\.md$/g, ''));
    expect(named).toEqual([...new Set(committedAlerts.map(({ alert }) => alert))].sort());
  });
});

describe('the example for Alertmanager', () => {
  it.skipIf(isMissing('amtool', 'apt-get install prometheus-alertmanager'))('is accepted by amtool', () => {
    run('amtool', ['check-config', inRepository('alerts', 'alertmanager.yaml')]);
  });
});
