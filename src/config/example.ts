import { type ConfigDeclarations, configFileSchema } from './schema.ts';
import { type SettingNode, settingsOf } from './settings-tree.ts';
import { inlineYaml } from './yaml-file.ts';

/**
 * A commented example of a configuration file with every key, its meaning and its preset, made from the
 * schema. It can be used as it stands: what needs an answer of the reader's is commented out.
 */
export function exampleConfigYaml(declarations: ConfigDeclarations): string {
  const printer = new Printer();
  const head = [
    '# Configuration of indexwarden. Everything but servers may be left out; values below are the presets.',
    '# Durations: 200ms, 30s, 2m, 1h30m, 7d. Sizes: 10MiB (2^20), 1GB (10^9), or bytes.',
    '# yaml-language-server: $schema=../schema/config.schema.json',
  ];
  const groups = settingsOf(configFileSchema(declarations)).map((node) =>
    ['', ...printer.node(node, '')].join('\n'),
  );
  return `${[...head, ...groups].join('\n')}\n`;
}

/** What stands for keys that have no preset, or whose preset teaches nothing. */
const examples: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['servers[].name', 'main'],
  ['servers[].primary.url', 'postgresql://indexwarden@db.example.com:5432/app?sslmode=require'],
  ['servers[].primary.url_file', '/run/secrets/indexwarden-url'],
  ['servers[].primary.host', 'db.example.com'],
  ['servers[].primary.port', 5432],
  ['servers[].primary.user', 'indexwarden'],
  ['servers[].primary.database', 'app'],
  ['servers[].primary.password_file', '/run/secrets/indexwarden-password'],
  ['servers[].primary.sslmode', 'verify-full'],
  ['servers[].primary.sslrootcert', '/etc/ssl/certs/db-root.pem'],
  ['servers[].primary.sslcert', '/etc/indexwarden/client.crt'],
  ['servers[].primary.sslkey', '/etc/indexwarden/client.key'],
  ['servers[].databases', ['app', 'reporting']],
  ['servers[].expectations[].databases', 'app'],
  ['servers[].expectations[].file', 'expectations/app.yaml'],
  ['servers[].probes[].databases', 'app'],
  ['servers[].probes[].file', 'probes/app.yaml'],
  ['servers[].standbys[].name', 'replica-1'],
  ['servers[].standbys[].host', 'replica-1.example.com'],
  ['servers[].policyOverrides[].database', 'reporting'],
  ['servers[].policyOverrides[].schema', 'archive_*'],
  ['servers[].policyOverrides[].policy.unusedAfter', '7d'],
  ['servers[].maxConnections', 5],
  ['business_cycles[].name', 'quarter'],
  ['business_cycles[].length', '95d'],
  ['http.webConfigFile', '/etc/indexwarden/web.yaml'],
  ['http.adminTokenFile', '/run/secrets/indexwarden-admin-token'],
  ['http.tokens[].name', 'prometheus'],
  ['http.tokens[].hash', `sha256:${'0123456789abcdef'.repeat(4)}`],
  ['http.tokens[].file', '/run/secrets/indexwarden-read-token'],
  ['http.tokens[].role', 'read'],
  ['mutes[].kind', 'unused-index'],
  ['mutes[].server', 'main'],
  ['mutes[].database', 'app'],
  ['mutes[].schema', 'public'],
  ['mutes[].table', 'orders_*'],
  ['mutes[].index', 'orders_*_idx'],
  ['mutes[].findingId', '00112233445566aa'],
  ['mutes[].reason', 'needed for the year-end report'],
  ['mutes[].author', 'dba'],
  ['mutes[].until', '2027-06-30'],
  ['notifications.webhooks[].name', 'dba-channel'],
  ['notifications.webhooks[].url', 'https://hooks.example.com/indexwarden'],
  ['notifications.webhooks[].url_file', '/run/secrets/indexwarden-webhook-url'],
  ['notifications.webhooks[].secret_file', '/run/secrets/indexwarden-webhook-key'],
  ['notifications.webhooks[].format', 'slack'],
  ['notifications.webhooks[].events', ['finding-opened', 'findings-opened-together']],
  ['notifications.webhooks[].kinds', ['invalid-index', 'unused-index']],
  ['notifications.webhooks[].minSeverity', 'warning'],
  ['http.docsBaseUrl', 'https://docs.example.com/indexwarden'],
]);

/** Keys without a preset that stand in the example uncommented, so that it is a working file. */
const active = new Set([
  'servers[].name',
  'servers[].primary.host',
  'servers[].primary.user',
  'servers[].databases',
]);

class Printer {
  /** Descriptions said already: twelve collectors need not explain `schedule` twelve times. */
  readonly #said = new Set<string>();

  node(node: SettingNode, indent: string): readonly string[] {
    const key = node.path.at(-1) ?? '';
    return [...this.#comment(node, indent), ...this.#body(node, key, indent)];
  }

  #body(node: SettingNode, key: string, indent: string): readonly string[] {
    const { shape } = node;
    const place = node.path.join('.');
    if (shape.kind === 'groups') return this.#list(node, key, indent, shape.children);
    const example = exampleFor(place);
    if (shape.kind === 'group' && example === undefined) {
      if (shape.children.length === 0 || isOverride(place)) return [`${indent}${key}: {}`];
      return [`${indent}${key}:`, ...shape.children.flatMap((child) => this.node(child, `${indent}  `))];
    }
    const value = node.default ?? example;
    const isActive = node.default !== undefined || active.has(place);
    return [
      `${indent}${isActive ? '' : '# '}${key}: ${value === undefined ? `(${node.type})` : inlineYaml(value)}`,
    ];
  }

  #list(
    _node: SettingNode,
    key: string,
    indent: string,
    children: readonly SettingNode[],
  ): readonly string[] {
    if (key === 'servers')
      return [
        `${indent}servers:`,
        ...asEntry(
          children.flatMap((child) => this.node(child, '')),
          `${indent}  `,
        ),
      ];
    // Empty by preset: one entry is shown in comments.
    const shown = children.flatMap((child) => entryLines(child));
    return [`${indent}${key}: []`, ...asEntry(shown, `${indent}#   `)];
  }

  #comment(node: SettingNode, indent: string): readonly string[] {
    const isRepeated = this.#said.has(node.description);
    this.#said.add(node.description);
    if (isRepeated || node.description === '') return [];
    const range =
      node.minimum !== undefined && node.maximum !== undefined
        ? ` From ${node.minimum} to ${node.maximum}.`
        : node.maximum !== undefined
          ? ` At most ${node.maximum}.`
          : '';
    const words = node.type.startsWith('`') && node.shape.kind === 'value' ? node.type.split(', ') : [];
    const choices = words.every((word) => node.description.includes(word))
      ? ''
      : ` One of ${words.join(', ')}.`;
    return wrap(`${node.description}${choices}${range}`.replaceAll('`', ''), 100 - indent.length).map(
      (line) => `${indent}# ${line}`,
    );
  }
}

/** The keys of one entry of an empty list that have an example, without comments. */
function entryLines(node: SettingNode): readonly string[] {
  const key = node.path.at(-1) ?? '';
  if (node.shape.kind === 'group') {
    const below = node.shape.children.flatMap((child) => entryLines(child)).map((line) => `  ${line}`);
    return below.length === 0 ? [] : [`${key}:`, ...below];
  }
  const example = exampleFor(node.path.join('.'));
  return example === undefined ? [] : [`${key}: ${inlineYaml(example)}`];
}

/** Lines as an entry of a list: the dash stands before the first key, below the comment on it. */
function asEntry(lines: readonly string[], indent: string): readonly string[] {
  const first = lines.findIndex((line) => !line.startsWith('#'));
  return lines.map((line, at) => {
    const margin = at < first ? '' : at === first ? '- ' : '  ';
    return `${indent}${margin}${line}`.trimEnd();
  });
}

/** By full path, or by its end for keys that stand in several places. */
function exampleFor(place: string): unknown {
  return (
    examples.get(place) ??
    [...examples].find(([end]) => !end.startsWith('servers') && place.endsWith(`.${end}`))?.[1]
  );
}

/** What is set here is set above already; repeating the presets would override it. */
const isOverride = (place: string): boolean => place.startsWith('servers[].policy');

function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
