import type { Expectation } from '../model/expectation.ts';
import type { Probe } from '../model/probe.ts';
import type { Connection } from './connection.ts';
import { matcherOf, type NameFilter } from './globs.ts';
import type { HttpToken } from './http-tokens.ts';
import type { Secret } from './redact.ts';
import type { ConfigFile, PolicyOverride, ServerSettings } from './schema.ts';
import type { ConnectionSettings } from './schema-connection.ts';
import type { WebhookSettings } from './schema-notifications.ts';
import type { WebhookSecrets } from './secret-files.ts';
import type { WebConfig } from './web-config.ts';

/** The configuration in force: the file's settings with presets filled in, connections completed, secrets read. */
export interface Config extends Omit<ConfigFile, 'servers'> {
  readonly servers: readonly Server[];
  /** Given on the command line for all that is judged; wins over every policy of the file. */
  readonly policyFlags: PolicyOverride;
  /** Who shows it may change things over HTTP; absent: nobody may. */
  readonly adminToken?: Secret;
  /** Who may read or change things over HTTP by a token, the one above included. */
  readonly httpTokens: readonly HttpToken[];
  /** What `http.webConfigFile` says; absent without one. */
  readonly webConfig?: NamedWebConfig;
  /** Those of `notifications.webhooks`, with their addresses and keys read. */
  readonly webhooks: readonly Webhook[];
}

/** A web configuration file as it was when the configuration was read. */
export interface NamedWebConfig {
  /** Absolute. */
  readonly file: string;
  /** It and all that it names, absolute. */
  readonly files: readonly string[];
  readonly content: WebConfig;
}

export interface Webhook extends Omit<WebhookSettings, 'url' | 'url_file' | 'secret_file'>, WebhookSecrets {}

/** One PostgreSQL server: a primary and its standbys. */
export interface Server {
  readonly name: string;
  readonly primary: ServerNode;
  readonly standbys: readonly ServerNode[];
  readonly topology: ServerSettings['topology'];
  readonly databases: DatabaseChoice;
  readonly schemas: NameFilter;
  readonly allowPooler: boolean;
  /** Connections to each node at any one time, over all databases. */
  readonly maxConnections: number;
  /** Manifests of indexes that should exist, in order. */
  readonly expectations: readonly ServerExpectations[];
  /** Manifests of queries that are watched, in order. */
  readonly probes: readonly ServerProbes[];
  readonly policy: PolicyOverride;
  readonly policyOverrides: ServerSettings['policyOverrides'];
}

/** One manifest, and the databases that it holds for. */
export interface ServerExpectations {
  /** A pattern. */
  readonly databases: string;
  readonly file: string;
  readonly expectations: readonly Expectation[];
}

/** What the manifests of a server expect of one database; of two that bear one name in one schema the first. */
export function expectationsFor(server: Server, datname: string): readonly Expectation[] {
  const named = new Map<string, Expectation>();
  for (const { databases, expectations } of server.expectations) {
    if (!matcherOf(databases)(datname)) continue;
    for (const one of expectations) {
      const key = `${one.schemaname}\0${one.name}`;
      if (!named.has(key)) named.set(key, one);
    }
  }
  return [...named.values()];
}

/** One manifest of probes, and the databases that it holds for. */
export interface ServerProbes {
  /** A pattern. */
  readonly databases: string;
  readonly file: string;
  readonly probes: readonly Probe[];
}

/** The probes of one database; of two that bear one name the first. */
export function probesFor(server: Server, datname: string): readonly Probe[] {
  const named = new Map<string, Probe>();
  for (const { databases, probes } of server.probes) {
    if (!matcherOf(databases)(datname)) continue;
    for (const probe of probes) if (!named.has(probe.name)) named.set(probe.name, probe);
  }
  return [...named.values()];
}

/** One postmaster. The primary's name is `primary`. */
export interface ServerNode {
  readonly name: string;
  readonly connection: Connection;
  /** As configured, for `config check`; a connection string in it may hold a password. */
  readonly written: ConnectionSettings;
}

/** Databases named one by one, or whatever the server has and the filter lets through. */
export type DatabaseChoice =
  | { readonly kind: 'named'; readonly names: readonly string[] }
  | { readonly kind: 'discovered'; readonly filter: NameFilter; readonly connectTo: string };

/** Every secret of the configuration, for `redactText`: passwords, keys and passphrases. */
export function secretsOf(config: Config): readonly string[] {
  const secrets = config.servers
    .flatMap((server) => [server.primary, ...server.standbys])
    .flatMap(({ connection: { password, tls } }) => [password, tls.clientKey, tls.clientKeyPassphrase]);
  secrets.push(config.adminToken, ...config.webhooks.flatMap(({ url, signingKey }) => [url, signingKey]));
  const hashes = config.httpTokens.map(({ sha256 }) => sha256);
  return [...new Set([...secrets.flatMap((secret) => secret?.known ?? []), ...hashes])];
}

/** A detector's switch, and its own settings as its schema made them. */
export function detectorSettingsOf(
  config: Config,
  kind: string,
): { readonly enabled: boolean; readonly settings: Readonly<Record<string, unknown>> } {
  const { enabled = true, ...settings } = config.detectors[kind] ?? {};
  return { enabled, settings };
}
