import * as units from '@grafana/grafana-foundation-sdk/units';
import { describe, expect, it } from 'vitest';
import { dashboardFiles } from '../../dashboards/src/all.ts';
import { readText } from '../support/repository.ts';
import {
  type Dashboard,
  dashboardPaths,
  dashboards,
  fieldLinks,
  type Link,
  type Panel,
  queryOf,
  shownPanels,
} from './model.ts';
import { variablesIn } from './promql.ts';

/*
 * What makes a file a dashboard that Grafana loads whole, from a folder or by import, and that a person finds their way in.
 */

const all = [...dashboards.entries()];
const knownUnits: ReadonlySet<unknown> = new Set<unknown>(Object.values(units));
const uids = new Set(all.map(([, { uid }]) => uid));
const isOfGrafana = (variable: string): boolean => variable.startsWith('__');

it('the committed files are what the sources say', () => {
  expect(dashboardFiles.map(({ path }) => path).sort()).toEqual(dashboardPaths);
  for (const { path, content } of dashboardFiles)
    expect(readText(path), 'run `npm run generate`').toBe(content());
});

it('there are five, each with a name that does not change', () => {
  expect(all.map(([, { uid }]) => uid).sort()).toEqual([
    'indexwarden-daemon',
    'indexwarden-database',
    'indexwarden-fleet',
    'indexwarden-index',
    'indexwarden-maintenance',
  ]);
});

describe.each(all)('%s', (_file, dashboard) => {
  const panels = shownPanels(dashboard);
  const variables = new Set(dashboard.templating.list.map(({ name }) => name));

  it('is of the classic model', () => {
    expect(Object.keys(dashboard)).not.toContain('apiVersion');
    expect(Object.keys(dashboard)).not.toContain('spec');
    expect(Object.keys(dashboard)).not.toContain('elements');
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(36);
    expect(dashboard.uid).toMatch(/^[a-z0-9-]{8,40}$/);
    expect(dashboard.description).not.toBe('');
    expect(dashboard.tags).toEqual(['indexwarden']);
    // Neither a number that another Grafana gave it nor inputs that provisioning would leave open.
    expect(Object.keys(dashboard)).not.toContain('id');
    expect(Object.keys(dashboard)).not.toContain('__inputs');
  });

  it('numbers its panels and rows, each once', () => {
    const numbers = dashboard.panels.map(({ id }) => id);
    expect(numbers.every((id) => Number.isInteger(id) && id > 0)).toBe(true);
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(dashboard.panels.flatMap((panel) => panel.panels ?? [])).toEqual([]);
  });

  it('lays its panels out below their headings without overlap, in 24 columns', () => {
    const taken = new Map<string, string>();
    for (const { title, gridPos } of dashboard.panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.get(`${x} ${y}`), `${title} lies on another panel`).toBeUndefined();
          taken.set(`${x} ${y}`, title);
        }
    }
    expect(dashboard.panels[0]?.type).toBe('row');
  });

  it('has one data source, chosen by a variable, and asks no other', () => {
    const chosen = dashboard.templating.list.filter(({ type }) => type === 'datasource');
    expect(chosen.map(({ name, query }) => [name, query])).toEqual([['datasource', 'prometheus']]);
    const asked = [
      ...panels.flatMap((panel) => [
        panel.datasource,
        ...(panel.targets ?? []).map((target) => target.datasource),
      ]),
      ...dashboard.templating.list
        .filter((variable) => queryOf(variable) !== undefined)
        .map((one) => one.datasource),
      ...dashboard.annotations.list.map((annotation) => annotation.datasource),
    ];
    expect(new Set(asked.map((one) => JSON.stringify(one)))).toEqual(
      new Set([JSON.stringify({ type: 'prometheus', uid: '${datasource}' })]),
    );
  });

  it('titles and describes its panels, and says what to do', () => {
    for (const panel of panels) {
      expect(panel.title).not.toBe('');
      expect(panel.description ?? '', panel.title).toMatch(/^\S.{30,}[.”]$/s);
    }
  });

  it('gives no two panels the same title, so that each can be named', () => {
    const titles = panels.map(({ title }) => title);
    expect(titles.filter((title, place) => titles.indexOf(title) !== place)).toEqual([]);
  });

  it('gives its panels units that Grafana knows, columns of tables included', () => {
    for (const panel of panels) {
      expect(knownUnits, panel.title).toContain(panel.fieldConfig?.defaults.unit);
      for (const { properties } of panel.fieldConfig?.overrides ?? [])
        for (const { id, value } of properties) if (id === 'unit') expect(knownUnits).toContain(value);
    }
  });

  it('says "none" or better where there is nothing to show', () => {
    for (const panel of panels) expect(panel.fieldConfig?.defaults.noValue ?? '', panel.title).not.toBe('');
  });

  it('has queries with names of their own in every panel, and values to reduce to', () => {
    for (const panel of panels) {
      const refs = (panel.targets ?? []).map(({ refId }) => refId);
      expect(refs.length, panel.title).toBeGreaterThan(0);
      expect(new Set(refs).size, panel.title).toBe(refs.length);
      if (panel.type === 'stat' || panel.type === 'bargauge')
        expect(panel.options?.reduceOptions?.calcs, panel.title).toEqual(['lastNotNull']);
      for (const target of panel.targets ?? []) {
        expect(target.instant, `${panel.title} ${target.refId}`).toBe(panel.type !== 'timeseries');
        expect(target.range, `${panel.title} ${target.refId}`).toBe(panel.type === 'timeseries');
        if (panel.type === 'table') expect(target.format, panel.title).toBe('table');
      }
    }
  });

  it('orders, names and formats columns that its tables have', () => {
    for (const panel of panels.filter(({ type }) => type === 'table'))
      expect(strayColumns(panel), panel.title).toEqual([]);
  });

  it('knows every variable that it mentions', () => {
    const texts = [
      dashboard.title,
      ...dashboard.panels.flatMap((panel) => [
        panel.title,
        panel.description ?? '',
        ...(panel.targets ?? []).flatMap(({ expr, legendFormat = '' }) => [expr, legendFormat]),
      ]),
      ...dashboard.templating.list.map((variable) => queryOf(variable) ?? ''),
      ...dashboard.annotations.list.map(({ expr }) => expr),
      ...linksOf(dashboard).map(({ url = '' }) => url),
    ];
    const unknown = texts.flatMap(variablesIn).filter((name) => !isOfGrafana(name) && !variables.has(name));
    expect(unknown).toEqual([]);
  });

  it('chooses from what was chosen before: no variable asks for a later one', () => {
    const known = new Set<string>();
    for (const variable of dashboard.templating.list) {
      for (const name of variablesIn(queryOf(variable) ?? '')) expect(known, variable.name).toContain(name);
      known.add(variable.name);
    }
  });

  it('links to what there is', () => {
    for (const link of linksOf(dashboard))
      expect(whyDead(link), `${link.title}: ${link.url}`).toBeUndefined();
  });
});

const linksOf = (dashboard: Dashboard): readonly Link[] => [
  ...dashboard.links,
  ...shownPanels(dashboard).flatMap((panel) => fieldLinks(panel).map(({ link }) => link)),
];

/** Columns that overrides, order or sorting name and that no label or value of the table can have. */
function strayColumns(panel: Panel): readonly string[] {
  const organize = (panel.transformations ?? []).find(({ id }) => id === 'organize')?.options;
  const columns = new Set(
    Object.keys(organize?.indexByName ?? {}).map((name) => organize?.renameByName?.[name] ?? name),
  );
  const values = (panel.targets ?? []).length;
  expect(Object.keys(organize?.renameByName ?? {})).toHaveLength(values);
  return (panel.fieldConfig?.overrides ?? [])
    .filter(({ matcher }) => matcher.id === 'byName' && !columns.has(matcher.options))
    .map(({ matcher }) => matcher.options);
}

/** Pages of the documentation that links name by a part of their address, with what that part may be. */
const documentationPattern = /^\$\{daemon:raw\}\/docs\/(.*)$/;

/** Why a link leads nowhere; undefined where it leads somewhere. */
function whyDead({ type, url = '', tags = [] }: Link): string | undefined {
  if (type === 'dashboards')
    return all.every(([, one]) => tags.every((tag) => one.tags.includes(tag)))
      ? undefined
      : 'no dashboard has the tag';
  const path = new URL(url.replace('${daemon:raw}', 'http://daemon'), 'http://grafana');
  const [, uid] = /^\/d\/([^/?]+)/.exec(url) ?? [];
  if (uid !== undefined) return whyNotOpened(uid, url);
  if (!url.startsWith('${daemon:raw}/')) return 'neither a dashboard nor the daemon';
  if (path.pathname === '/' || path.pathname === '/docs/') return undefined;
  if (url === '${daemon:raw}/api/v1/findings/${__data.fields.finding_id:percentencode}') return undefined;
  const [, page = ''] = documentationPattern.exec(url) ?? [];
  if (/^detectors\/\$\{__(?:data\.fields|field\.labels)\.kind:percentencode\}$/.test(page)) return undefined;
  return existsInDocs(page) ? undefined : 'no such page';
}

/** Whether a dashboard is there, and has every variable that the link sets. */
function whyNotOpened(uid: string, url: string): string | undefined {
  const opened = all.find(([, one]) => one.uid === uid)?.[1];
  if (opened === undefined || !uids.has(uid)) return 'no such dashboard';
  const names = new Set(opened.templating.list.map(({ name }) => name));
  const set = [
    ...[...url.matchAll(/[?&]var-(\w+)=/g)].map(([, name]) => name ?? ''),
    ...[...url.matchAll(/\$\{(\w+):queryparam\}/g)].map(([, name]) => name ?? ''),
  ];
  const missing = set.filter((name) => !names.has(name));
  return missing.length === 0 ? undefined : `it has no variable ${missing.join(', ')}`;
}

function existsInDocs(page: string): boolean {
  try {
    return readText('docs', `${page}.md`) !== '';
  } catch {
    return false;
  }
}
