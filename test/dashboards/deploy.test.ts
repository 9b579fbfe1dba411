import { existsSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { usualDaemonUrl } from '../../dashboards/src/variables.ts';
import { loadConfig } from '../../src/config/load.ts';
import { declarations } from '../../src/watch/declarations.ts';
import { filesBelow, inRepository, readText } from '../support/repository.ts';
import { isMissing, run } from '../support/tools.ts';

/*
 * compose.yaml and the examples below deploy/ are not started where the tests run, which has no container engine: they are read, and
 * what they name is there.
 */

interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly depends_on?: readonly string[] | Readonly<Record<string, unknown>>;
}

interface Mount {
  readonly service: string;
  readonly from: string;
  readonly to: string;
  readonly mode: string | undefined;
}

const read = <Shape>(file: string): Shape =>
  parse(readText(file), { strict: true, uniqueKeys: true }) as Shape;
const compose = read<{ services: Readonly<Record<string, Service>>; volumes: object }>('compose.yaml');
const services = Object.entries(compose.services);
const mounts: readonly Mount[] = services.flatMap(([service, { volumes = [] }]) =>
  volumes.map((volume) => {
    const [from = '', to = '', mode] = volume.split(':');
    return { service, from, to, mode };
  }),
);
const daemonPort = '10187';
const noPromtool = isMissing('promtool', 'apt-get install prometheus');

/** The file of the repository that a container sees at a path; undefined where nothing is mounted there. */
function behind(service: string, path: string): string | undefined {
  const mount = mounts.find(
    (one) => one.service === service && (path === one.to || path.startsWith(`${one.to}/`)),
  );
  return mount === undefined ? undefined : mount.from + path.slice(mount.to.length);
}

const isThere = (path: string): boolean => existsSync(inRepository(path));

it('every file below deploy/ that is YAML is YAML', () => {
  const files = filesBelow('deploy').filter((file) => file.endsWith('.yaml'));
  expect(files.length).toBeGreaterThan(5);
  for (const file of files) expect(read(file), file).toBeTypeOf('object');
});

describe('compose.yaml', () => {
  it('has PostgreSQL, the daemon, Prometheus, Alertmanager and Grafana, by name and tag', () => {
    expect(services.map(([name]) => name)).toEqual([
      'postgres',
      'indexwarden',
      'prometheus',
      'alertmanager',
      'grafana',
    ]);
    for (const [, { image }] of services) expect(image).toMatch(/^[a-z]+(\/[a-z]+)?:[a-z0-9.]+$/);
    expect(isThere(`${compose.services.indexwarden?.build}/Dockerfile`)).toBe(true);
  });

  it('mounts what is there, read-only, and volumes that it declares', () => {
    for (const { from, mode } of mounts)
      if (from.startsWith('./')) expect([from, isThere(from), mode]).toEqual([from, true, 'ro']);
      else expect(Object.keys(compose.volumes)).toContain(from);
  });

  it('names files that the containers have', () => {
    const named = services.flatMap(([service, { command = [], environment = {} }]) =>
      [...command, ...Object.values(environment)].flatMap((word) => {
        const path = /(?:^|=)(\/.+\.(?:yaml|json))$/.exec(word)?.[1];
        return path === undefined ? [] : [[service, path] as const];
      }),
    );
    expect(named).toHaveLength(4);
    for (const [service, path] of named) {
      const file = behind(service, path);
      expect([path, file !== undefined && isThere(file)]).toEqual([path, true]);
    }
  });

  it('opens the usual ports, to this machine alone', () => {
    const ports = Object.fromEntries(services.map(([name, { ports: open = [] }]) => [name, open]));
    expect(ports).toEqual({
      postgres: [],
      indexwarden: [`127.0.0.1:${daemonPort}:${daemonPort}`],
      prometheus: ['127.0.0.1:9090:9090'],
      alertmanager: ['127.0.0.1:9093:9093'],
      grafana: ['127.0.0.1:3000:3000'],
    });
    expect(readText('Dockerfile')).toContain(`EXPOSE ${daemonPort}\n`);
    expect(usualDaemonUrl).toBe(`http://localhost:${daemonPort}`);
  });

  it('depends on services that there are', () => {
    for (const [, { depends_on: others = [] }] of services)
      for (const name of Array.isArray(others) ? others : Object.keys(others))
        expect(Object.keys(compose.services)).toContain(name);
  });

  it('runs the daemon with a configuration that is accepted', () => {
    const file = inRepository('deploy/compose/indexwarden.yaml');
    const loaded = loadConfig({ ...declarations, env: { PGPASSWORD: 'x' }, file });
    expect(loaded).toMatchObject({
      ok: true,
      value: { config: { http: { listen: `0.0.0.0:${daemonPort}` } } },
    });
    const { servers } = read<{ servers: { primary: { host: string } }[] }>('deploy/compose/indexwarden.yaml');
    expect(Object.keys(compose.services)).toContain(servers[0]?.primary.host);
  });

  it('fills PostgreSQL by a script that can be run, from scripts that are there', () => {
    const script = 'deploy/compose/postgres-demo.sh';
    expect(statSync(inRepository(script)).mode & 0o111).not.toBe(0);
    const text = readText(script);
    const names = [...text.matchAll(/"\$demo\/([a-z$-]+)\.sql"/g)].map(([, name = '']) => name);
    const files = names.flatMap((name) =>
      name.startsWith('$name')
        ? ['residency', 'backtest'].map((database) => name.replace('$name', database))
        : [name],
    );
    expect(files).toContain('residency-ageing');
    for (const file of files) expect(isThere(`demo/${file}.sql`), file).toBe(true);
    expect(behind('postgres', '/demo-views/column-statistics-view.sql')).toBe(
      './deploy/column-statistics-view.sql',
    );
  });
});

describe('Prometheus', () => {
  interface Scrapes {
    readonly scrape_configs: readonly {
      readonly job_name: string;
      readonly metrics_path?: string;
      readonly static_configs: readonly { readonly targets: readonly string[] }[];
      readonly relabel_configs?: readonly { readonly target_label: string; readonly replacement?: string }[];
    }[];
    readonly alerting?: {
      readonly alertmanagers: readonly Pick<Scrapes['scrape_configs'][number], 'static_configs'>[];
    };
  }
  const examples = ['deploy/prometheus/prometheus.yaml', 'deploy/prometheus/prometheus-by-target.yaml'];

  it.skipIf(noPromtool).each([...examples, 'deploy/compose/prometheus.yaml'])('%s is accepted', (file) => {
    run('promtool', ['check', 'config', inRepository(file)]);
  });

  it.each(examples)('%s scrapes the port that the daemon listens on', (file) => {
    const { scrape_configs: jobs } = read<Scrapes>(file);
    for (const { metrics_path: path, static_configs: statics, relabel_configs: relabel = [] } of jobs) {
      const address =
        path === '/probe'
          ? relabel.find(({ target_label: label }) => label === '__address__')?.replacement
          : statics[0]?.targets[0];
      expect(address).toBe(`127.0.0.1:${daemonPort}`);
    }
  });

  it('hands the name of a target to /probe, and tells targets apart by it', () => {
    const jobs = read<Scrapes>('deploy/prometheus/prometheus-by-target.yaml').scrape_configs;
    const labels = jobs.find(({ metrics_path: path }) => path === '/probe')?.relabel_configs ?? [];
    expect(labels.map(({ target_label: label }) => label)).toEqual([
      '__param_target',
      'instance',
      '__address__',
    ]);
  });

  it('of compose.yaml reaches services by their names and ports', () => {
    const { scrape_configs: jobs, alerting } = read<Scrapes>('deploy/compose/prometheus.yaml');
    const targets = [...jobs, ...(alerting?.alertmanagers ?? [])].flatMap(({ static_configs: statics }) =>
      statics.flatMap((one) => one.targets),
    );
    expect(targets).toEqual([`indexwarden:${daemonPort}`, 'alertmanager:9093']);
  });
});

describe('Grafana', () => {
  it('finds the data source and the folder of dashboards', () => {
    const { datasources } = read<{ datasources: { type: string; url: string; isDefault: boolean }[] }>(
      'deploy/grafana/provisioning/datasources/prometheus.yaml',
    );
    expect(datasources).toMatchObject([
      { type: 'prometheus', url: 'http://prometheus:9090', isDefault: true },
    ]);
    const { providers } = read<{ providers: { type: string; options: { path: string } }[] }>(
      'deploy/grafana/provisioning/dashboards/indexwarden.yaml',
    );
    expect(providers.map(({ type, options }) => [type, behind('grafana', options.path)])).toEqual([
      ['file', './dashboards'],
    ]);
    expect(behind('grafana', '/etc/grafana/provisioning')).toBe('./deploy/grafana/provisioning');
  });
});

describe('the systemd unit', () => {
  const settings = readText('deploy/systemd/indexwarden.service')
    .split('\n')
    .filter((line) => /^\w+=/.test(line));

  it('runs as nobody in particular and writes to its state alone', () => {
    expect(settings).toEqual(
      expect.arrayContaining([
        'DynamicUser=yes',
        'StateDirectory=indexwarden',
        'ProtectSystem=strict',
        'NoNewPrivileges=yes',
        'CapabilityBoundingSet=',
      ]),
    );
    // Node.js could not start with it.
    expect(settings.filter((line) => line.startsWith('MemoryDenyWriteExecute'))).toEqual([]);
  });

  it('reloads by the signal that the daemon knows, and keeps its history where it may write', () => {
    expect(settings).toContain('ExecReload=/bin/kill -HUP $MAINPID');
    expect(settings.find((line) => line.startsWith('Environment='))).toContain(
      'INDEXWARDEN_STORAGE_PATH=/var/lib/indexwarden/',
    );
  });
});
