import { resolve } from 'node:path';
import { environmentName, overridable } from '../config/overrides.ts';
import type { SettingNode } from '../config/settings-tree.ts';
import type { ConfigRequest } from './commands.ts';
import type { Flag, ParsedFlags, UsageProblem } from './flags.ts';
import { isConnectionUrl, isDuration, isGlob, isNotEmpty, isSize, isWholeNumber } from './values.ts';

/** The file; every command that reads a configuration has it. */
export const configFileFlag: Flag = {
  name: 'config.file',
  value: 'FILE',
  description: 'configuration file (YAML)',
  preset: 'INDEXWARDEN_CONFIG_FILE, else none',
  check: isNotEmpty,
};

/** Names that users of Prometheus exporters type without looking. */
const aliases: ReadonlyMap<string, string> = new Map([
  ['web.listen-address', 'http.listen'],
  ['web.config.file', 'http.webConfigFile'],
]);

export const listenAliasFlag: Flag = {
  name: 'web.listen-address',
  value: 'HOST:PORT',
  description: 'where metrics, API and page are served; the same as --http.listen',
  preset: '0.0.0.0:10187',
};

export const webConfigAliasFlag: Flag = {
  name: 'web.config.file',
  value: 'FILE',
  description: 'TLS and users, in the format of Prometheus exporters; the same as --http.webConfigFile',
  preset: 'none',
  check: isNotEmpty,
};

/** A flag for each setting of the file that one value can give: `--http.listen`, `--log.level`. */
export function settingFlags(settings: readonly SettingNode[]): readonly Flag[] {
  return overridable(settings).map((node) => {
    const isSwitch = node.shape.kind === 'value' && node.shape.scalar === 'boolean';
    return {
      name: node.path.join('.'),
      ...(isSwitch ? {} : { value: 'VALUE' }),
      description: `also ${environmentName(node.path)}`,
      isHidden: true,
    };
  });
}

/** Which database to look at, and how strictly. */
export const targetFlags: readonly Flag[] = [
  {
    name: 'url',
    value: 'URL',
    description: 'look at this database: postgresql://user@host:5432/database?sslmode=verify-full',
    preset: 'DATABASE_URL, else PGHOST, PGDATABASE …',
    check: isConnectionUrl,
  },
  {
    name: 'url-file',
    value: 'FILE',
    description: 'file that holds the URL, and so may hold its password',
    check: isNotEmpty,
  },
  { ...configFileFlag, description: 'look at the servers of this configuration file' },
  {
    name: 'schema',
    value: 'GLOB',
    repeats: true,
    description: 'only schemas that match; may be given more than once',
    preset: 'all',
    check: isGlob,
  },
  {
    name: 'unused-after',
    value: 'TIME',
    description: 'how long an index must go without a scan to count as unused; 0d judges by what there is',
    preset: '30d',
    check: isDuration,
  },
  {
    name: 'min-size',
    value: 'SIZE',
    description: 'leave out findings on smaller indexes, invalid ones excepted',
    preset: '0',
    check: isSize,
  },
  {
    name: 'min-rows',
    value: 'ROWS',
    description: 'on tables with fewer rows findings are info at most',
    preset: '1000',
    check: isWholeNumber,
  },
];

/** Manifests, for the commands that judge by them. */
export const expectationsFlag: Flag = {
  name: 'expectations',
  value: 'FILE',
  repeats: true,
  description:
    'manifest of the indexes that should exist, instead of the configured ones; may be given more than once',
  check: isNotEmpty,
};

/** Manifests of probes, for the commands that judge by them. */
export const probesFlag: Flag = {
  name: 'probes',
  value: 'FILE',
  repeats: true,
  description:
    'manifest of the queries whose plans are looked at, instead of the configured ones; may be given more than once',
  check: isNotEmpty,
};

export const targetProblems = (parsed: ParsedFlags): readonly UsageProblem[] =>
  parsed.value('url') !== undefined && parsed.value('url-file') !== undefined
    ? [
        {
          message: '--url and --url-file exclude each other',
          hint: 'keep the one that names the database you mean',
        },
      ]
    : [];

/** What the loader of the configuration wants to know of a command line. */
export function configRequestOf(
  parsed: ParsedFlags,
  settings: readonly SettingNode[],
  cwd: string,
): ConfigRequest {
  const flags: Record<string, string> = {};
  for (const name of [...aliases.keys(), ...settingFlags(settings).map((flag) => flag.name)]) {
    const value = parsed.value(name);
    if (value !== undefined) flags[aliases.get(name) ?? name] = value;
  }
  const file = parsed.value('config.file');
  const urlFile = parsed.value('url-file');
  return {
    ...(file === undefined ? {} : { file: resolve(cwd, file) }),
    flags,
    command: {
      ...given('url', parsed.value('url')),
      ...given('urlFile', urlFile === undefined ? undefined : resolve(cwd, urlFile)),
      ...(parsed.values('schema').length === 0 ? {} : { schemas: parsed.values('schema') }),
      ...(parsed.values('expectations').length === 0
        ? {}
        : { expectations: parsed.values('expectations').map((name) => resolve(cwd, name)) }),
      ...(parsed.values('probes').length === 0
        ? {}
        : { probes: parsed.values('probes').map((name) => resolve(cwd, name)) }),
      ...given('unusedAfter', parsed.value('unused-after')),
      ...given('minSize', parsed.value('min-size')),
      ...given('minRows', parsed.value('min-rows')),
    },
  };
}

/** A key only where there is a value: the loader tells "absent" from "undefined". */
function given<Key extends string>(key: Key, value: string | undefined): { readonly [K in Key]?: string } {
  // An object literal with a computed key loses the key's type.
  return (value === undefined ? {} : { [key]: value }) as { readonly [K in Key]?: string };
}
