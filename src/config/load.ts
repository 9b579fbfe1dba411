import type { Expectation } from '../model/expectation.ts';
import type { Probe } from '../model/probe.ts';
import { err, ok, type Result } from '../model/result.ts';
import type { Config } from './config.ts';
import { parseDuration } from './durations.ts';
import { hints } from './fields.ts';
import { globProblem } from './globs.ts';
import { adminTokenName, findTokens, type HttpToken, hashOfToken } from './http-tokens.ts';
import { expectationManifests, findManifests, probeManifests, readManifests } from './manifests.ts';
import {
  applyOverrides,
  configFileVariable,
  type Override,
  overridesFromEnvironment,
  overridesFromFlags,
  sourceOf,
} from './overrides.ts';
import { type ConfigError, formatPath, type Problem, showValue } from './problems.ts';
import {
  type ConfigDeclarations,
  type ConfigFile,
  type ConfigFileSchema,
  configFileSchema,
  PolicyOverride,
  usualStatementTimeout,
} from './schema.ts';
import { type FoundSecrets, findSecrets } from './secret-files.ts';
import {
  buildServer,
  duplicateNames,
  findConnections,
  type ImplicitServer,
  implicitServerFrom,
  implicitServerName,
  type ManifestsByPath,
} from './servers.ts';
import { settingsOf } from './settings-tree.ts';
import { folderOf, processSurroundings, readNamedFile, type Surroundings } from './surroundings.ts';
import { type LocatedProblem, problemsOf } from './validation.ts';
import { type FoundWebConfig, findWebConfig } from './web-config-file.ts';
import { isRecord, parseYaml, type YamlDocument } from './yaml-file.ts';

export interface LoadOptions extends ConfigDeclarations {
  /** Path of the YAML file; without one, `INDEXWARDEN_CONFIG_FILE`, and without that, presets alone. */
  readonly file?: string;
  /** A configuration made by the program, in place of a file: what the file would hold, parsed. */
  readonly document?: Readonly<Record<string, unknown>>;
  /** Settings given as flags, by dotted path: `{'http.listen': ':10187'}`. */
  readonly flags?: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
  /** What a command was told for everything it judges; wins over the file whatever its place there. */
  readonly command?: CommandSettings;
  readonly env: Surroundings['env'];
  readonly readFile?: Surroundings['readFile'];
  /**
   * That of the declarations, from whoever loads again and again: a schema compiles its own checks, and the code of each one that was
   * made stays in memory.
   */
  readonly schema?: ConfigFileSchema;
  /** Replaces the process's own; tests only need it for libpq's default files. */
  readonly surroundings?: Surroundings;
}

/** Flags of `check` and its like, which are no paths of the file. */
export interface CommandSettings {
  /** `--url`, `--url-file`: one server instead of the configured ones. */
  readonly url?: string;
  readonly urlFile?: string;
  /** `--schema`, any number: these schemas instead of the configured ones. */
  readonly schemas?: readonly string[];
  /** `--unused-after`, `--min-size`, `--min-rows`: over every policy. */
  readonly unusedAfter?: string;
  readonly minSize?: string;
  readonly minRows?: string;
  /** `--expectations`, any number: these manifests for every database instead of the configured ones. */
  readonly expectations?: readonly string[];
  /** `--probes`, likewise. */
  readonly probes?: readonly string[];
}

export interface LoadedConfig {
  readonly config: Config;
  /** What works but should not stay so; no secrets in it. */
  readonly warnings: readonly string[];
  readonly sources: ConfigSources;
}

/** Where the settings came from that are not presets. */
export interface ConfigSources {
  readonly file?: string;
  /** Settings that a flag or a variable gave. */
  readonly overrides: readonly { readonly path: string; readonly source: string }[];
  /** Where the only server came from, if not from the file: `--url`, `DATABASE_URL`, `PG*`. */
  readonly server?: string;
}

/**
 * Reads the configuration: flag over environment over file over preset. Finds all problems before it gives
 * up. Reads the secret files that are named; writes nothing and connects nowhere.
 */
export function loadConfig(options: LoadOptions): Result<LoadedConfig, ConfigError> {
  const surroundings = options.surroundings ?? processSurroundings(options.env, options.readFile);
  const schema = options.schema ?? configFileSchema(options);
  const nodes = settingsOf(schema);

  const file =
    options.document === undefined
      ? (options.file ?? (options.env[configFileVariable] || undefined))
      : undefined;
  const source = file === undefined ? ok(inMemory(options.document ?? {})) : readYamlFile(surroundings, file);
  const yaml = source.ok ? source.value : inMemory({});
  const fromEnv = overridesFromEnvironment(nodes, options.env);
  const fromFlags = overridesFromFlags(nodes, options.flags ?? {});
  const overrides = [...fromEnv.overrides, ...fromFlags.overrides];

  const merged = applyOverrides(withoutNulls(yaml.content), overrides);
  const implicit = implicitServer(options, merged, source.ok);
  if (implicit !== undefined) merged.servers = [{ name: implicitServerName, primary: implicit.connection }];

  const parsed = schema.safeParse(merged);
  const command = parseCommand(options.command ?? {});
  const found = findConnections(merged.servers, {
    surroundings,
    ...(file === undefined || implicit !== undefined ? {} : { folder: folderOf(file) }),
    ...(implicit === undefined ? {} : { implicit }),
  });
  const place = { surroundings, ...(file === undefined ? {} : { folder: folderOf(file) }) };
  const secrets = findSecrets(merged, place);
  const tokens = findTokens(merged, place);
  const web = findWebConfig(merged, place);
  const manifests = findManifests(expectationManifests, merged.servers, place);
  const probes = findManifests(probeManifests, merged.servers, place);
  const named = readManifests(expectationManifests, options.command?.expectations ?? [], surroundings);
  const namedProbes = readManifests(probeManifests, options.command?.probes ?? [], surroundings);
  const located = [
    ...(parsed.success ? [] : problemsOf(schema, merged, parsed.error.issues)),
    ...duplicateNames(merged.servers),
    ...timeoutsAboveLimit(merged),
    ...found.problems,
    ...secrets.problems,
    ...tokens.problems,
    ...web.problems,
    ...manifests.problems,
    ...probes.problems,
  ].map((problem) => locate(problem, yaml, overrides, implicit));
  const problems = [
    ...(source.ok ? [] : source.error),
    ...inFileOrder(located),
    ...fromFlags.problems,
    ...command.problems,
    ...web.fileProblems,
    ...manifests.manifestProblems,
    ...probes.manifestProblems,
    ...named.problems,
    ...namedProbes.problems,
    ...(source.ok && hasNoServers(merged) ? [noServers] : []),
  ];

  if (problems.length > 0 || !parsed.success) {
    return err({ kind: 'ConfigError', ...(file === undefined ? {} : { file }), problems });
  }
  return ok({
    config: withManifests(
      build(
        parsed.data,
        command,
        {
          connections: found.byPath,
          secrets,
          tokens: tokens.tokens,
          web,
          manifests: { expectations: manifests.byPath, probes: probes.byPath },
        },
        implicit !== undefined,
      ),
      options.command ?? {},
      { expectations: named.entries, probes: namedProbes.entries },
    ),
    warnings: [...fromEnv.warnings, ...found.warnings, ...secrets.warnings, ...web.warnings],
    sources: {
      ...(file === undefined ? {} : { file }),
      overrides: overrides.map((override) => ({ path: formatPath(override.path), source: override.source })),
      ...(implicit === undefined ? {} : { server: implicit.place('url') }),
    },
  });
}

function readYamlFile(surroundings: Surroundings, file: string): Result<YamlDocument, readonly Problem[]> {
  const text = readNamedFile(surroundings, file, undefined);
  if (text.ok) return parseYaml(text.value);
  const hint = 'check --config.file; `indexwarden config example` prints a file to begin with';
  return err([{ path: '', message: text.error.message, value: text.error.path, hint }]);
}

const inMemory = (content: Readonly<Record<string, unknown>>): YamlDocument => ({
  content,
  lineOf: () => undefined,
});

/** `policy:` with every key below it commented out is null, and means "nothing set". */
function withoutNulls(content: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(content).map(([key, value]) => [key, value === null ? undefined : pruned(value)]),
  );
}

function pruned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(pruned);
  return isRecord(value) ? withoutNulls(value) : value;
}

function implicitServer(
  { command, env }: LoadOptions,
  merged: Readonly<Record<string, unknown>>,
  fileIsReadable: boolean,
): ImplicitServer | undefined {
  if (command?.url !== undefined) return { connection: { url: command.url }, place: () => '--url' };
  if (command?.urlFile !== undefined)
    return { connection: { url_file: command.urlFile }, place: () => '--url-file' };
  return fileIsReadable && hasNoServers(merged) ? implicitServerFrom(env) : undefined;
}

const hasNoServers = ({ servers }: Readonly<Record<string, unknown>>): boolean =>
  servers === undefined || (Array.isArray(servers) && servers.length === 0);

const noServers: Problem = {
  path: 'servers',
  message: 'no server is configured',
  hint: 'list one under servers, pass --url or --url-file, or set DATABASE_URL or PGHOST; `indexwarden config example` shows how',
};

interface ParsedCommand {
  readonly policy: PolicyOverride;
  readonly schemas?: readonly string[];
  readonly problems: readonly Problem[];
}

function parseCommand(command: CommandSettings): ParsedCommand {
  const flagOf = new Map([
    ['unusedAfter', '--unused-after'],
    ['minSize', '--min-size'],
    ['minRows', '--min-rows'],
  ]);
  const rows = command.minRows;
  const written = {
    ...(command.unusedAfter === undefined ? {} : { unusedAfter: command.unusedAfter }),
    ...(command.minSize === undefined ? {} : { minSize: command.minSize }),
    ...(rows === undefined ? {} : { minRows: /^\d+$/.test(rows) ? Number(rows) : rows }),
  };
  const parsed = PolicyOverride.safeParse(written);
  const problems = parsed.success ? [] : problemsOf(PolicyOverride, written, parsed.error.issues);
  return {
    policy: parsed.success ? parsed.data : {},
    ...(command.schemas === undefined || command.schemas.length === 0 ? {} : { schemas: command.schemas }),
    problems: [
      ...problems.map(({ steps, path, ...rest }) => ({
        path: '',
        source: flagOf.get(path) ?? path,
        ...rest,
      })),
      ...(command.schemas ?? []).flatMap((pattern) => schemaProblem(pattern)),
    ],
  };
}

function schemaProblem(pattern: string): readonly Problem[] {
  const message = globProblem(pattern);
  if (message === undefined) return [];
  const hint = hints.get('pattern');
  return [
    {
      path: '',
      source: '--schema',
      message,
      value: showValue(pattern),
      ...(hint === undefined ? {} : { hint }),
    },
  ];
}

/** A collector may have less time than `limits.statementTimeout`, never more; presets are cut in silence. */
function timeoutsAboveLimit(merged: Readonly<Record<string, unknown>>): readonly LocatedProblem[] {
  const limits = isRecord(merged.limits) ? merged.limits : {};
  const limit = parseDuration(String(limits.statementTimeout ?? usualStatementTimeout));
  const collectors = isRecord(merged.collectors) ? merged.collectors : {};
  if (limit === undefined) return [];
  return Object.entries(collectors).flatMap(([name, collector]) => {
    const written = isRecord(collector) ? collector.statementTimeout : undefined;
    const own = typeof written === 'string' ? parseDuration(written) : undefined;
    if (own === undefined || own.ms <= limit.ms) return [];
    const steps = ['collectors', name, 'statementTimeout'];
    return [
      {
        steps,
        path: formatPath(steps),
        value: JSON.stringify(written),
        message: 'is above limits.statementTimeout',
        hint: 'raise limits.statementTimeout, or lower this',
      },
    ];
  });
}

/** Adds the line in the file, or the flag or variable that the value came from. */
function locate(
  problem: LocatedProblem,
  yaml: YamlDocument,
  overrides: readonly Override[],
  implicit: ImplicitServer | undefined,
): Problem {
  const { steps, ...rest } = problem;
  const source = sourceOf(steps, overrides);
  if (source !== undefined) return { ...rest, source };
  if (implicit !== undefined && steps[0] === 'servers') return rest;
  const line = yaml.lineOf(steps);
  return line === undefined ? rest : { ...rest, line };
}

const inFileOrder = (problems: readonly Problem[]): readonly Problem[] =>
  [...problems].sort((a, b) => (a.line ?? Number.MAX_SAFE_INTEGER) - (b.line ?? Number.MAX_SAFE_INTEGER));

function build(
  file: ConfigFile,
  command: ParsedCommand,
  found: {
    readonly connections: Parameters<typeof buildServer>[2];
    readonly secrets: FoundSecrets;
    readonly tokens: readonly HttpToken[];
    readonly web: FoundWebConfig;
    readonly manifests: ManifestsByPath;
  },
  isImplicit: boolean,
): Config {
  const presets = { maxConnections: file.limits.connectionsPerServer, isImplicit };
  const servers = file.servers.map((settings, at) =>
    buildServer(settings, at, found.connections, presets, found.manifests),
  );
  const { schemas } = command;
  return {
    ...file,
    collectors: capTimeouts(file),
    servers:
      schemas === undefined
        ? servers
        : servers.map((server) => ({ ...server, schemas: { include: schemas, exclude: [] } })),
    policyFlags: command.policy,
    ...(found.secrets.adminToken === undefined ? {} : { adminToken: found.secrets.adminToken }),
    httpTokens: [...adminTokenOf(found.secrets), ...found.tokens],
    ...(found.web.webConfig === undefined ? {} : { webConfig: found.web.webConfig }),
    webhooks: file.notifications.webhooks.map(({ url, url_file, secret_file, ...settings }, at) => {
      const secrets = found.secrets.webhooks.get(at);
      if (secrets === undefined) throw new Error(`no address was found for webhook ${settings.name}`);
      return { ...settings, ...secrets };
    }),
  };
}

const adminTokenOf = ({ adminToken }: FoundSecrets): readonly HttpToken[] =>
  adminToken === undefined
    ? []
    : [{ name: adminTokenName, role: 'admin', sha256: hashOfToken(adminToken.reveal()) }];

/** Manifests named on the command line stand in for those of every server. */
const withManifests = (
  config: Config,
  { expectations = [], probes = [] }: CommandSettings,
  named: { readonly expectations: readonly Expectation[]; readonly probes: readonly Probe[] },
): Config =>
  expectations.length === 0 && probes.length === 0
    ? config
    : {
        ...config,
        servers: config.servers.map((server) => ({
          ...server,
          ...(expectations.length > 0 && {
            expectations: [
              { databases: '*', file: expectations.join(', '), expectations: named.expectations },
            ],
          }),
          ...(probes.length > 0 && {
            probes: [{ databases: '*', file: probes.join(', '), probes: named.probes }],
          }),
        })),
      };

function capTimeouts({ collectors, limits }: ConfigFile): ConfigFile['collectors'] {
  const capped = ({ ms }: { readonly ms: number }) => ({ ms: Math.min(ms, limits.statementTimeout.ms) });
  return Object.fromEntries(
    Object.entries(collectors).map(([name, collector]) => [
      name,
      { ...collector, statementTimeout: capped(collector.statementTimeout) },
    ]),
  );
}
