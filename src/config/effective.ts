import { stringify } from 'yaml';
import type { Config, DatabaseChoice, Server, ServerNode } from './config.ts';
import { secretsOf } from './config.ts';
import { formatDuration } from './durations.ts';
import { redactText, redactUrl } from './redact.ts';
import { formatSize } from './sizes.ts';

/**
 * The configuration in force as YAML that could be used as a file again, secrets apart: a password in a
 * connection string is shown as REDACTED, secret files by their path only.
 */
export function effectiveConfigYaml(config: Config): string {
  const { servers, policyFlags, adminToken, httpTokens, webConfig, webhooks, ...rest } = config;
  const policy = { ...rest.policy, ...policyFlags };
  const document = { servers: servers.map((server) => writtenServer(server, policyFlags)), ...rest, policy };
  const yaml = stringify(inNotation(document), { lineWidth: 0, aliasDuplicateObjects: false });
  // Nothing above prints a secret; a detector's own settings might.
  return redactText(yaml, secretsOf(config));
}

function writtenServer(server: Server, policyFlags: Config['policyFlags']): Record<string, unknown> {
  return {
    name: server.name,
    primary: writtenNode(server.primary),
    standbys: server.standbys.map((node) => ({ name: node.name, ...writtenNode(node) })),
    topology: server.topology,
    databases: writtenDatabases(server.databases),
    schemas: server.schemas,
    allowPooler: server.allowPooler,
    maxConnections: server.maxConnections,
    expectations: server.expectations.map(({ databases, file }) => ({ databases, file })),
    probes: server.probes.map(({ databases, file }) => ({ databases, file })),
    policy: { ...server.policy, ...policyFlags },
    policyOverrides: server.policyOverrides.map((entry) => ({
      ...entry,
      policy: { ...entry.policy, ...policyFlags },
    })),
  };
}

function writtenNode({ connection, written }: ServerNode): Record<string, unknown> {
  const { url, url_file, host, port, user, database, ...more } = written;
  const address =
    url !== undefined
      ? { url: redactUrl(url) }
      : url_file !== undefined
        ? { url_file }
        : {
            host: host ?? connection.host,
            port: port ?? connection.port,
            user: user ?? connection.user,
            ...(connection.database === undefined ? {} : { database: database ?? connection.database }),
          };
  return { ...address, ...more, sslmode: connection.tls.mode };
}

function writtenDatabases(choice: DatabaseChoice): unknown {
  return choice.kind === 'named' ? choice.names : { discover: true, ...choice.filter };
}

/** Durations and sizes as the file has them: `{ms: 30000}` becomes `30s`, `{bytes: 1024}` becomes `1KiB`. */
function inNotation(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inNotation);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  const [only] = entries;
  if (entries.length === 1 && only !== undefined && typeof only[1] === 'number') {
    if (only[0] === 'ms') return formatDuration({ ms: only[1] });
    if (only[0] === 'bytes') return formatSize({ bytes: only[1] });
  }
  return Object.fromEntries(entries.map(([key, entry]) => [key, inNotation(entry)]));
}
