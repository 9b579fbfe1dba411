import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { settingFlags } from '../../src/cli/config-flags.ts';
import { commandSpecs } from '../../src/cli/run.ts';
import { loadConfig } from '../../src/config/load.ts';
import { formatConfigError } from '../../src/config/problems.ts';
import { configFileSchema } from '../../src/config/schema.ts';
import { settingsOf } from '../../src/config/settings-tree.ts';
import { declarations } from '../../src/watch/declarations.ts';
import { filesBelow, inRepository, readText, repositoryRoot } from '../support/repository.ts';
import { isMissing } from '../support/tools.ts';
import { closedPort } from './places.ts';
import { type Ended, programs, type Running, until } from './program.ts';

/*
 * What README and docs tell people to type works, and what they point at is there.
 */

const readme = readText('README.md');
const pages = ['README.md', 'CHANGELOG.md', ...filesBelow('docs').filter((file) => file.endsWith('.md'))];

interface Fence {
  readonly language: string;
  readonly text: string;
}

const fencesOf = (markdown: string): readonly Fence[] =>
  [...markdown.matchAll(/^ *```(\w*)\n([\s\S]*?)^ *```/gm)].map(([, language = '', text = '']) => ({
    language,
    text,
  }));

const withoutFences = (markdown: string): string => markdown.replaceAll(/^ *```\w*\n[\s\S]*?^ *```/gm, '');

const sectionOf = (markdown: string, title: string): string =>
  markdown.split(/^## /m).find((section) => section.startsWith(`${title}\n`)) ?? '';

/** The commands of shell fences, one a line. */
const commandsIn = (markdown: string): readonly string[] =>
  fencesOf(markdown)
    .filter(({ language }) => ['sh', 'bash', 'shell'].includes(language))
    .flatMap(({ text }) => text.split('\n'))
    .map((line) => line.replace(/\s+#.*$/, '').trim())
    .filter((line) => line !== '');

const manifest = JSON.parse(readText('package.json')) as {
  readonly scripts: Readonly<Record<string, string>>;
};

describe('the start', () => {
  /*
   * Every command of the section runs in a shell as it stands there, but for what this table replaces. `npm ci` would take away
   * the packages under the feet of the tests that run at the same time; whoever runs them has just done it, and in CI that is the
   * step before. Addresses are replaced since the preset port may be taken, and the data of the demo is made small.
   */
  const { startProgram, endAll } = programs();
  const folder = mkdtempSync(path.join(tmpdir(), 'readme-'));
  let port: number;
  let demo: Running;
  let databaseUrl: string;

  const asTyped = (command: string): string =>
    command
      .replace(/^npm ci && /, '')
      .replace(/^npm run demo$/, `npm run demo -- --scale 0.02 --listen 127.0.0.1:${port}`)
      // All of them would run this one as well; one small file shows that the script is there and takes arguments.
      .replace(/^npm test$/, 'npm test -- test/cli/terminal.test.ts')
      .replace('127.0.0.1:10187', `127.0.0.1:${port}`)
      .replace('postgresql://monitor@localhost/shop', `"${databaseUrl}"`);

  const commands = commandsIn(sectionOf(readme, 'Start'));
  const typed = (pattern: RegExp): readonly string[] => commands.filter((command) => pattern.test(command));

  const shell = (command: string, cwd: string, env: Readonly<Record<string, string>> = {}): Running =>
    startProgram('sh', ['-ec', asTyped(command)], {
      cwd,
      isGroup: true,
      env: { HOME: folder, npm_config_update_notifier: 'false', ...env },
    });
  const output = async (running: Running): Promise<Ended> => {
    const ended = await running.ended;
    expect(ended, ended.stderr).toMatchObject({ code: 0 });
    return ended;
  };

  beforeAll(async () => {
    port = await closedPort();
    symlinkSync(inRepository('bin'), path.join(folder, 'bin'));
    demo = shell(typed(/npm run demo/)[0] ?? 'false', repositoryRoot);
    const [, url = ''] = await demo.printed(/check --url '([^']+)'/);
    databaseUrl = url;
  });

  afterAll(async () => {
    await endAll();
    rmSync(folder, { recursive: true, force: true });
  });

  test('begins with the demo, and every command in it is tried here', () => {
    expect(commands[0]).toBe('npm ci && npm run demo');
    const tried = [/npm run demo$/, /npm test$/, /^curl /, /indexwarden (?:check|config example|serve) /];
    expect(commands.filter((command) => !tried.some((pattern) => pattern.test(command)))).toEqual([]);
    for (const pattern of tried) expect(typed(pattern), String(pattern)).not.toEqual([]);
  });

  test('the demo says what it was promised to say', () => {
    expect(demo.stdout()).toMatch(/^the 10 most important of \d+ findings in residency and backtest$/m);
    expect(demo.stdout()).toContain(`http://127.0.0.1:${port}/metrics`);
  });

  test.skipIf(isMissing('curl', 'apt-get install curl'))('the addresses answer to curl', async () => {
    const [metrics, findings] = await Promise.all(
      typed(/^curl /).map((command) => output(shell(command, folder))),
    );
    expect(metrics?.stdout).toMatch(/^pgindex_finding\{.*kind="duplicate-index"/m);
    expect(JSON.parse(findings?.stdout ?? '')).toMatchObject({ items: expect.any(Array), next: null });
  });

  test('a database is looked at once', async () => {
    const [command = ''] = typed(/indexwarden check /);
    const checked = await shell(command, folder).ended;
    expect(checked).toMatchObject({ code: 1, stdout: expect.stringContaining('uq_people_email') });
  });

  test('the example of a configuration starts a daemon', async () => {
    await output(shell(typed(/config example/)[0] ?? 'false', folder));
    expect(readFileSync(path.join(folder, 'indexwarden.yaml'), 'utf8')).toMatch(/^servers:/m);
    const daemon = shell(typed(/indexwarden serve /)[0] ?? 'false', folder, {
      INDEXWARDEN_HTTP_LISTEN: '127.0.0.1:0',
    });
    const [, address = ''] = await daemon.printed(/"address":"([^"]+)"/, 'stderr');
    expect((await fetch(`${address}/-/healthy`)).status).toBe(200);
    expect(await (await fetch(`${address}/metrics`)).text()).toContain('indexwarden_build_info');
    daemon.kill('SIGTERM');
    await daemon.ended;
  });

  test('npm test runs tests', async () => {
    const tested = await output(shell(typed(/npm test$/)[0] ?? 'false', repositoryRoot));
    expect(tested.stdout).toContain('test/cli/terminal.test.ts');
  });

  test('Ctrl-C ends the demo, under npm too', async () => {
    const data = /data in (\S+)/.exec(demo.stderr())?.[1] ?? '/';
    expect(existsSync(path.dirname(data))).toBe(true);
    demo.kill('SIGINT');
    await demo.ended;
    await until('the data to be gone', () => !existsSync(path.dirname(data)));
    await expect(fetch(`http://127.0.0.1:${port}/metrics`)).rejects.toThrow();
  });
});

describe.each(pages)('%s', (page) => {
  const text = readText(page);
  const prose = withoutFences(text);

  test('links to what is there', () => {
    const broken = [...prose.matchAll(/\[[^\]]*\]\(<?([^)\s>]+)>?\)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !/^[a-z]+:/.test(target))
      .filter((target) => {
        const [file = '', anchor] = target.split('#');
        const linked = file === '' ? page : path.join(path.dirname(page), file);
        if (!existsSync(inRepository(linked))) return true;
        return anchor !== undefined && !anchorsOf(readText(linked)).includes(anchor);
      });
    expect(broken).toEqual([]);
  });

  test('names files that are there', () => {
    const named = [...prose.matchAll(/`([\w.-]+(?:\/[\w.-]+)+\/?)`/g)].map(([, name = '']) => name);
    const missing = named.filter(
      (name) => existsSync(inRepository(name.split('/')[0] ?? '')) && !existsSync(inRepository(name)),
    );
    // Written, not shipped: what a command makes.
    expect(missing.filter((name) => !/^dist\/|^node_modules\//.test(name))).toEqual([]);
  });

  test('knows the flags and the scripts that it names', () => {
    const code = [
      ...commandsIn(text),
      ...[...prose.matchAll(/`([^`\n]+)`/g)].map(([, inline = '']) => inline),
    ];
    const unknown = code
      .filter((command) => /^(?:\.\/bin\/)?indexwarden |^--/.test(command))
      .flatMap((command) => [...command.matchAll(/(?:^|\s)--([\w.-]*\w)/g)].map(([, flag = '']) => flag))
      .filter((flag) => !knownFlags.has(flag));
    expect(unknown).toEqual([]);
    const scripts = code
      .flatMap((command) => [...command.matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name = '']) => name))
      .filter((name) => manifest.scripts[name] === undefined);
    expect(scripts).toEqual([]);
    const commands = code
      .filter((command) => /^(?:\.\/bin\/)?indexwarden [a-z]/.test(command))
      .map((command) => command.replace(/^\S+ /, ''))
      .filter((command) => !/^help\b/.test(command))
      .filter(
        (command) => !commandSpecs.some(({ name }) => command === name || command.startsWith(`${name} `)),
      );
    expect(commands).toEqual([]);
  });

  test('shows configuration that loads', () => {
    for (const { text: yaml } of fencesOf(text).filter(({ language }) => /^ya?ml$/.test(language))) {
      const document: unknown = parse(yaml);
      if (!isOurs(document)) continue;
      const server = { name: 'main', primary: { host: 'db.example' } };
      // A manifest of probes, whose one key is also one of the configuration's.
      const isManifest = 'probes' in document && Array.isArray(document.probes);
      const probes = [{ databases: 'shop', file: 'shown.yaml' }];
      const loaded = loadConfig({
        ...declarations,
        env: {},
        document: isManifest ? { servers: [{ ...server, probes }] } : { servers: [server], ...document },
        // Secrets that a reader has, and this machine has not; the manifests are the repository's own.
        readFile: (file) => {
          if (isManifest && file.endsWith('/shown.yaml')) return yaml;
          const manifest = /(?:expectations|probes)\/\w+\.yaml$/.exec(file)?.[0];
          if (manifest !== undefined) return readText(manifest);
          if (file.endsWith('/web.yaml')) return '# checked in test/config/web-config.test.ts';
          const isHook = file.includes('webhook');
          return isHook ? 'https://hooks.example.com/T0/B0' : 'postgresql://monitor@db.example/shop';
        },
      });
      expect(loaded.ok ? '' : formatConfigError(loaded.error), yaml).toBe('');
    }
  });
});

const settings = settingsOf(configFileSchema(declarations));

const knownFlags: ReadonlySet<string> = new Set([
  ...commandSpecs.flatMap(({ flags }) => flags.map(({ name }) => name)),
  ...settingFlags(settings).map(({ name }) => name),
  'help',
  'version',
  // Of the programs in bench/.
  ...filesBelow('bench').flatMap((file) =>
    [...readText(file).matchAll(/^ {4}(?:'([\w-]+)'|(\w+)): \{ type: '(?:string|boolean)'/gm)].map(
      ([, quoted, plain]) => quoted ?? plain ?? '',
    ),
  ),
]);

/** Whether a piece of YAML is meant for indexwarden, by its keys; others are for Prometheus and its kin. */
const isOurs = (document: unknown): document is Readonly<Record<string, unknown>> =>
  typeof document === 'object' &&
  document !== null &&
  Object.keys(document).some((key) => settings.some((node) => node.path[0] === key));

/** Headings as GitHub and our own pages make anchors of them. */
const anchorsOf = (markdown: string): readonly string[] =>
  [...withoutFences(markdown).matchAll(/^#+ +(.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(/\s/g, '-'),
  );
