import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { staleFiles } from '../../scripts/generate-docs.ts';
import { expectationsFor, probesFor } from '../../src/config/config.ts';
import { exampleConfigYaml } from '../../src/config/example.ts';
import { loadConfig } from '../../src/config/load.ts';
import { environmentName, overridable } from '../../src/config/overrides.ts';
import { policyFor } from '../../src/config/policy.ts';
import { formatConfigError } from '../../src/config/problems.ts';
import { configFileSchema } from '../../src/config/schema.ts';
import { flatten, settingsOf } from '../../src/config/settings-tree.ts';
import { dayMs } from '../../src/model/units.ts';
import { declarations } from '../../src/watch/declarations.ts';

const nodes = settingsOf(configFileSchema(declarations));

function loadText(text: string) {
  const readFile = (path: string): string => {
    if (path === '/config.yaml') return text;
    // The manifests that the worked example names beside itself.
    if (/^\/(?:expectations|probes)\//.test(path))
      return readFileSync(new URL(`../..${path}`, import.meta.url), 'utf8');
    throw Object.assign(new Error(path), { code: 'ENOENT' });
  };
  const result = loadConfig({ ...declarations, file: '/config.yaml', env: {}, readFile });
  if (!result.ok) throw new Error(formatConfigError(result.error));
  return result.value;
}

describe('what is generated from the schema', () => {
  it('is up to date', () => {
    expect(staleFiles(), 'run `npm run generate`').toEqual([]);
  });

  it('has a description for every key, and a reason for every bound', () => {
    const all = flatten(nodes);
    expect(all.filter((node) => node.description === '').map((node) => node.path.join('.'))).toEqual([]);
    const bounded = all.filter((node) => node.maximum !== undefined || (node.minimum ?? '0') !== '0');
    expect(bounded.filter((node) => node.reason === undefined).map((node) => node.path.join('.'))).toEqual(
      [],
    );
  });

  it('has a variable of its own for every setting', () => {
    const names = overridable(nodes).map((node) => environmentName(node.path));
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain('INDEXWARDEN_HTTP_LISTEN');
    expect(names).toContain('INDEXWARDEN_POLICY_UNUSED_AFTER');
  });
});

describe('the example', () => {
  it('is a configuration that changes nothing but the servers', () => {
    const { config, warnings } = loadText(exampleConfigYaml(declarations));
    const presets = loadText('servers: [{name: main, primary: {host: db.example.com}}]').config;
    expect(warnings).toEqual([]);
    expect({ ...config, servers: [] }).toEqual({ ...presets, servers: [] });
    expect(config.servers.map(({ name, policy }) => [name, policy])).toEqual([['main', {}]]);
  });

  it('mentions every key', () => {
    const example = exampleConfigYaml(declarations);
    const absent = flatten(nodes).filter(
      ({ path }) =>
        !path.slice(0, -1).some((step) => /standbys|policy|databases/.test(step)) &&
        !example.includes(`${path.at(-1)}:`),
    );
    expect(absent.map(({ path }) => path.join('.'))).toEqual([]);
  });
});

describe('config/residency-and-backtest.yaml', () => {
  it('judges each database by its own policy and its own manifest', () => {
    const { config, warnings } = loadText(
      readFileSync(new URL('../../config/residency-and-backtest.yaml', import.meta.url), 'utf8'),
    );
    expect(warnings).toEqual([]);
    const [server] = config.servers;
    const expected = (datname: string) => server && expectationsFor(server, datname).length;
    expect([expected('residency'), expected('backtest'), expected('other')]).toEqual([28, 11, 0]);
    const watched = (datname: string) => server && probesFor(server, datname).length;
    expect([watched('residency'), watched('backtest'), watched('other')]).toEqual([8, 12, 0]);
    expect(policyFor(config, 'main', 'residency', 'public').unusedAfterMs).toBe(30 * dayMs);
    expect(policyFor(config, 'main', 'backtest', 'public').unusedAfterMs).toBe(7 * dayMs);
  });
});
