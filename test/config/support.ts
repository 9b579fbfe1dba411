import { z } from 'zod';
import { type LoadedConfig, type LoadOptions, loadConfig } from '../../src/config/load.ts';
import { type ConfigError, formatConfigError } from '../../src/config/problems.ts';

/** A small program: two collectors, one detector. */
export const declarations = {
  collectorDefaults: {
    indexes: { description: 'Indexes.', schedule: '*/5 * * * *', statementTimeoutMs: 30_000 },
    'index-usage': { description: 'Scans.', schedule: '0 * * * * *', statementTimeoutMs: 5_000 },
  },
  detectorSettings: {
    'unused-index': z.strictObject({
      scansMax: z.number().int().default(0).meta({ description: 'Scans that still count as none.' }),
    }),
  },
};

export interface World {
  readonly yaml?: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly flags?: LoadOptions['flags'];
  readonly command?: LoadOptions['command'];
}

/** Loads `/etc/iw/config.yaml` out of a world that has the given files and nothing else; the user is `tester`. */
export function load({ yaml, files = {}, env = {}, flags, command }: World) {
  const all: Record<string, string> = {
    ...files,
    ...(yaml === undefined ? {} : { '/etc/iw/config.yaml': yaml }),
  };
  const readFile = (path: string): string => {
    const text = all[path];
    if (text === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' });
    if (text === 'DENIED') throw Object.assign(new Error(`EACCES: ${path}`), { code: 'EACCES' });
    return text;
  };
  return loadConfig({
    ...declarations,
    ...(yaml === undefined ? {} : { file: '/etc/iw/config.yaml' }),
    ...(flags === undefined ? {} : { flags }),
    ...(command === undefined ? {} : { command }),
    env,
    surroundings: { env, readFile, postgresFolder: '/home/tester/.postgresql', osUser: 'tester' },
  });
}

export function loaded(world: World): LoadedConfig {
  const result = load(world);
  if (!result.ok) throw new Error(formatConfigError(result.error));
  return result.value;
}

export function refused(world: World): ConfigError {
  const result = load(world);
  if (result.ok) throw new Error('the configuration was accepted');
  return result.error;
}

/** A file with one server that is right, to which a test adds what it is about. */
export const oneServer = `servers:
  - name: main
    primary: {host: db, user: iw}
    databases: [app]
`;
