import type { Expectation } from '../model/expectation.ts';
import type { Probe } from '../model/probe.ts';
import type { DatabaseChoice, Server, ServerNode } from './config.ts';
import type { Connection, ConnectionContext, WrittenConnection } from './connection.ts';
import { resolveConnection } from './connection.ts';
import type { FoundManifests } from './manifests.ts';
import { formatPath, showValue } from './problems.ts';
import type { ServerSettings } from './schema.ts';
import type { Surroundings } from './surroundings.ts';
import type { LocatedProblem } from './validation.ts';
import { isRecord } from './yaml-file.ts';

/** A server that no file names: from the command line or the environment. */
export interface ImplicitServer {
  readonly connection: WrittenConnection;
  /** Where a key of its connection comes from: `--url`, `DATABASE_URL`, `PGHOST`. */
  readonly place: (key: string) => string;
}

/** Name of the server that stands for an address given without a file. */
export const implicitServerName = 'default';

/** Prefers `DATABASE_URL` to libpq's variables; `undefined` if none of them names a place to connect to. */
export function implicitServerFrom(env: Surroundings['env']): ImplicitServer | undefined {
  if (env.DATABASE_URL) {
    return {
      connection: { url: env.DATABASE_URL },
      place: (key) => (key === 'url' ? 'DATABASE_URL' : libpqVariable(key)),
    };
  }
  const isNamed = ['PGHOST', 'PGPORT', 'PGUSER', 'PGDATABASE'].some((name) => env[name]);
  return isNamed ? { connection: {}, place: libpqVariable } : undefined;
}

const libpqVariable = (key: string): string => `PG${key.toUpperCase().replace(/_FILE$/, '')}`;

/** The connections found in a document that may still be wrong elsewhere, by the path of their group. */
export interface FoundConnections {
  readonly byPath: ReadonlyMap<string, Connection>;
  readonly problems: readonly LocatedProblem[];
  readonly warnings: readonly string[];
}

interface FindOptions {
  readonly surroundings: Surroundings;
  readonly folder?: string;
  readonly implicit?: ImplicitServer;
}

/** Completes every connection of the unvalidated document, so that all its problems are known at once. */
export function findConnections(servers: unknown, options: FindOptions): FoundConnections {
  const byPath = new Map<string, Connection>();
  const problems: LocatedProblem[] = [];
  const warnings: string[] = [];
  for (const [steps, written] of writtenConnections(servers)) {
    const path = formatPath(steps);
    const context: ConnectionContext = {
      surroundings: options.surroundings,
      place: options.implicit?.place ?? ((key) => `${path}.${key}`),
      useEnvironment: options.implicit !== undefined,
      ...(options.folder === undefined ? {} : { folder: options.folder }),
    };
    const resolved = resolveConnection(written, context);
    if (resolved.connection !== undefined) byPath.set(path, resolved.connection);
    problems.push(
      ...resolved.problems.map((problem) => ({ ...problem, steps: [...steps, lastKey(problem.path)] })),
    );
    warnings.push(...resolved.warnings);
  }
  return { byPath, problems, warnings };
}

const lastKey = (path: string): string => path.slice(path.lastIndexOf('.') + 1);

function writtenConnections(
  servers: unknown,
): readonly (readonly [readonly PropertyKey[], WrittenConnection])[] {
  return listOf(servers).flatMap((server, at) => {
    if (!isRecord(server)) return [];
    const groups: (readonly [readonly PropertyKey[], unknown])[] = [
      [['servers', at, 'primary'], server.primary],
    ];
    for (const [index, standby] of listOf(server.standbys).entries()) {
      groups.push([['servers', at, 'standbys', index], standby]);
    }
    return groups.flatMap(([steps, group]) => (isRecord(group) ? [[steps, group] as const] : []));
  });
}

/** Names that must differ: of servers, of the nodes of one server, of its listed databases. */
export function duplicateNames(servers: unknown): readonly LocatedProblem[] {
  const records = listOf(servers);
  return [
    ...repeated(records.map(nameOf), (at) => ['servers', at, 'name'], 'another server has this name already'),
    ...records.flatMap((server, at) => {
      if (!isRecord(server)) return [];
      const standbys = ['primary', ...listOf(server.standbys).map(nameOf)];
      const databases = listOf(server.databases);
      return [
        ...repeated(
          standbys,
          (index) => ['servers', at, 'standbys', index - 1, 'name'],
          'another node of this server has this name already',
        ),
        ...repeated(databases, (index) => ['servers', at, 'databases', index], 'stands in this list already'),
      ];
    }),
  ];
}

function repeated(
  names: readonly unknown[],
  place: (at: number) => readonly PropertyKey[],
  message: string,
): readonly LocatedProblem[] {
  return names.flatMap((name, at) => {
    if (typeof name !== 'string' || names.indexOf(name) === at) return [];
    const steps = place(at);
    return [
      { steps, path: formatPath(steps), value: showValue(name), message, hint: 'names must be unique' },
    ];
  });
}

/** What the manifests hold that a configuration names. */
export interface ManifestsByPath {
  readonly expectations: FoundManifests<Expectation>['byPath'];
  readonly probes: FoundManifests<Probe>['byPath'];
}

/** Puts a validated server and its completed connections together. */
export function buildServer(
  settings: ServerSettings,
  at: number,
  connections: ReadonlyMap<string, Connection>,
  presets: { readonly maxConnections: number; readonly isImplicit: boolean },
  manifests: ManifestsByPath = { expectations: new Map(), probes: new Map() },
): Server {
  const node = (name: string, steps: readonly PropertyKey[], written: ServerNode['written']): ServerNode => {
    const connection = connections.get(formatPath(steps));
    if (connection === undefined) throw new Error(`no connection was made for ${formatPath(steps)}`);
    return { name, connection, written };
  };
  const primary = node('primary', ['servers', at, 'primary'], settings.primary);
  return {
    name: settings.name,
    primary,
    standbys: settings.standbys.map(({ name, ...written }, index) =>
      node(name, ['servers', at, 'standbys', index], written),
    ),
    topology: settings.topology,
    databases: databasesOf(settings, primary.connection, presets.isImplicit),
    schemas: settings.schemas,
    allowPooler: settings.allowPooler,
    maxConnections: settings.maxConnections ?? presets.maxConnections,
    expectations: settings.expectations.map((entry, place) => ({
      ...entry,
      expectations:
        manifests.expectations.get(formatPath(['servers', at, 'expectations', place, 'file'])) ?? [],
    })),
    probes: settings.probes.map((entry, place) => ({
      ...entry,
      probes: manifests.probes.get(formatPath(['servers', at, 'probes', place, 'file'])) ?? [],
    })),
    policy: settings.policy,
    policyOverrides: settings.policyOverrides,
  };
}

/** Without a word in the file: the database that the connection names; libpq's rule (the user's) for an implicit server. */
function databasesOf(
  { databases }: ServerSettings,
  primary: Connection,
  isImplicit: boolean,
): DatabaseChoice {
  if (Array.isArray(databases)) return { kind: 'named', names: databases };
  const named = primary.database ?? (isImplicit ? primary.user : undefined);
  if (databases === undefined && named !== undefined) return { kind: 'named', names: [named] };
  const filter = { include: databases?.include ?? ['*'], exclude: databases?.exclude ?? [] };
  return { kind: 'discovered', filter, connectTo: primary.database ?? 'postgres' };
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const nameOf = (value: unknown): unknown => (isRecord(value) ? value.name : undefined);
