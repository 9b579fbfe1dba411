import { describe, expect, it } from 'vitest';
import type { CommandError } from '../../src/cli/commands.ts';
import { commandSpecs } from '../../src/cli/run.ts';
import { err, ok } from '../../src/model/result.ts';
import { aFinding } from '../support/builders.ts';
import { runLine } from './support.ts';

describe('help', () => {
  it('is something a newcomer can live on', async () => {
    const pages = [await runLine(['--help'])];
    for (const spec of commandSpecs) pages.push(await runLine([...spec.name.split(' '), '--help']));
    const all = pages.map((page) => page.stdout).join(`\n${'='.repeat(100)}\n\n`);
    await expect(all).toMatchFileSnapshot('../golden/report/help.txt');
    for (const page of pages) expect(page).toMatchObject({ code: 0, stderr: '' });
  });

  it('keeps within a narrow terminal, but for commands to copy', async () => {
    for (const argv of [['help'], ...commandSpecs.map(({ name }) => ['help', ...name.split(' ')])]) {
      const { stdout } = await runLine(argv, { terminalColumns: 60 });
      const prose = stdout.split('\n').filter((line) => !/^ {2}(?:indexwarden|DATABASE_URL=|--)/.test(line));
      for (const line of prose) expect(line.length, line).toBeLessThanOrEqual(60);
    }
  });

  it.each([['-h'], ['help'], ['--help']])('%s is the overview', async (flag) => {
    expect((await runLine([flag])).stdout).toBe((await runLine(['--help'])).stdout);
  });

  it('is the same before and behind a command', async () => {
    const behind = await runLine(['check', '--format', 'nonsense', '--help']);
    expect(behind).toMatchObject({ code: 0 });
    expect((await runLine(['help', 'check'])).stdout).toBe(behind.stdout);
    const config = await runLine(['config', '--help']);
    expect(config.stdout).toContain('config example');
    expect(config.code).toBe(0);
  });

  it('comes on stderr with 2 where nothing was asked', async () => {
    const run = await runLine([]);
    expect(run.code).toBe(2);
    expect(run.stdout).toBe('');
    expect(run.stderr).toContain('Usage: indexwarden COMMAND');
  });

  it.each([['--version'], ['-V'], ['version']])('%s says the version', async (flag) => {
    expect(await runLine([flag])).toMatchObject({ code: 0, stdout: 'indexwarden 0.1.0\n' });
  });
});

describe('usage problems', () => {
  it.each([
    [['chekc'], /no command 'chekc'[\s\S]*did you mean 'check'\?/],
    [['config'], /config is not a command by itself[\s\S]*config check, config example/],
    [['config', 'chek'], /no command 'config chek'/],
    [['help', 'nonsense'], /no command 'nonsense'/],
    [['--config.file', 'x'], /command is missing before --config\.file[\s\S]*indexwarden serve/],
    [['check', '--formt', 'json'], /no flag --formt[\s\S]*'--format'/],
    [['check', '--format', 'xml'], /--format knows no 'xml'[\s\S]*table, json, sarif, junit, markdown/],
    [['check', '--format'], /--format needs a value/],
    [['check', '--url', '--format', 'json'], /--url needs a value/],
    [['check', '--unused-after', '30'], /--unused-after is not a duration: '30'[\s\S]*30d/],
    [['check', '--min-size=10 apples'], /--min-size is not a size/],
    [['check', '--min-rows=-1'], /--min-rows is not a whole number/],
    [['check', '--schema', '[a'], /--schema is not a pattern/],
    [
      ['check', '--only', 'dublicate-index'],
      /knows no 'dublicate-index'[\s\S]*did you mean 'duplicate-index'\?[\s\S]*unused-index/,
    ],
    [['check', '--fail-on', 'error'], /info, warning, critical, never/],
    [['check', '--url', 'postgresql://a/b', '--url-file', 'f'], /exclude each other/],
    [['check', '--format', 'json', '--format', 'sarif'], /given twice/],
    [['check', '--fail-on-inconclusive=maybe'], /is a switch/],
    [['check', 'shop'], /what does 'shop' mean/],
    [['check', '-x'], /no flag -x/],
    [['serve', '--web.listen-address', 'here'], /is not a listen address/],
    [['serve', '--limits.lockTimeot', '1s'], /'--limits\.lockTimeout'/],
    [
      ['plan', '--for', 'drops'],
      /knows no 'drops'[\s\S]*did you mean 'drop'\?[\s\S]*drop, create, reindex, all/,
    ],
    [['plan', '--finding', 'xyz'], /--finding is no id of a finding: 'xyz'[\s\S]*4 to 16 hexadecimal/],
    [['plan', '--phase', '1', '--for', 'drop'], /--phase means nothing with --for drop/],
    [['plan', '--down-revision', 'abc'], /--down-revision means nothing without --format alembic/],
    [['plan', '--soak', 'soon'], /--soak is not a duration/],
    [['explain'], /a kind or the id of a finding is missing/],
    [['explain', 'duplicate-indx'], /did you mean 'duplicate-index'\?/],
    [['explain', 'abcd', '--api', 'localhost'], /--api is not a web address/],
    [['explain', 'abcd', '--api', 'http://a', '--url', 'postgresql://a/b'], /--api excludes/],
    [['demo', '--pg', '12'], /13, 14, 15, 16, 17, 18/],
    [['demo', '--scale', '0'], /not a number above 0/],
  ])('%j', async (argv, message) => {
    const run = await runLine(argv);
    expect(run).toMatchObject({ code: 2, stdout: '', calls: [] });
    expect(run.stderr).toMatch(message);
    expect(run.stderr).toMatch(/Help: indexwarden help/);
  });

  it('come all at once', async () => {
    const run = await runLine(['check', '--nonsense', '--format=xml', '--unused-after', 'soon', 'extra']);
    expect(run.stderr).toContain('4 problems with the command line');
  });

  it('do not repeat a password', async () => {
    const run = await runLine(['check', '--url', 'postgres:/monitor:hunter2@db/shop']);
    expect(run.code).toBe(2);
    expect(run.stderr).toContain('is not a connection string');
    expect(run.stderr).not.toContain('hunter2');
  });

  it('move no cursor', async () => {
    const run = await runLine(['check', '--\u001b[2J', '\u202e']);
    expect(run.stderr).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
  });
});

describe('what commands are asked', () => {
  it('check: everything that the command line says, as text that was looked at', async () => {
    const argv = [
      ...[
        'check',
        '--url=postgresql://a/b',
        '--config.file',
        'f.yaml',
        '--schema',
        'app_*',
        '--schema=public',
      ],
      ...['--unused-after', '0d', '--min-size', '0', '--min-rows', '0', '--limits.lockTimeout', '100ms'],
      ...['--only', 'unused-index,invalid-index', '--only', 'null-heavy-index', '--http.lifecycle'],
    ];
    expect((await runLine(argv)).calls).toEqual([
      {
        command: 'check',
        request: {
          file: '/here/f.yaml',
          flags: { 'limits.lockTimeout': '100ms', 'http.lifecycle': 'true' },
          command: {
            url: 'postgresql://a/b',
            schemas: ['app_*', 'public'],
            unusedAfter: '0d',
            minSize: '0',
            minRows: '0',
          },
          only: ['invalid-index', 'unused-index', 'null-heavy-index'],
        },
      },
    ]);
  });

  it('nothing that nobody said', async () => {
    expect((await runLine(['check'])).calls).toEqual([
      { command: 'check', request: { flags: {}, command: {}, only: [] } },
    ]);
  });

  it('plan: which findings, and its times as settings', async () => {
    const argv = [
      'plan',
      '--for=create',
      '--phase',
      '2',
      '--finding',
      '4F1C',
      '--finding=00aa11',
      '--soak',
      '14d',
    ];
    const run = await runLine([
      ...argv,
      '--expires-after=1d',
      '--target',
      'main/shop',
      '--url=postgresql://a/b',
    ]);
    expect(run.calls).toEqual([
      {
        command: 'plan',
        request: {
          flags: { 'plan.soak': '14d', 'plan.expiresAfter': '1d' },
          command: { url: 'postgresql://a/b' },
          plan: { scope: 'create', phase: 2, findings: ['4F1C', '00aa11'] },
          target: 'main/shop',
        },
      },
    ]);
    expect((await runLine(['plan'])).calls[0]?.request).toEqual({
      flags: {},
      command: {},
      plan: { scope: 'all', findings: [] },
    });
  });

  it('serve: the listen address under its name in the file', async () => {
    const run = await runLine(['serve', '--web.listen-address', ':9999', '--log.level=debug']);
    expect(run).toMatchObject({ code: 0 });
    expect(run.calls[0]?.request).toEqual({
      flags: { 'http.listen': ':9999', 'log.level': 'debug' },
      command: {},
    });
  });

  it('serve: TLS and users under the name that exporters give it', async () => {
    const run = await runLine(['serve', '--web.config.file', 'web.yaml']);
    expect(run.calls[0]?.request).toEqual({ flags: { 'http.webConfigFile': 'web.yaml' }, command: {} });
  });

  it('demo: reached from this machine only', async () => {
    const run = await runLine(['demo', '--pg', '18', '--scale=0.1', '--data', 'd', '--keep']);
    expect(run.calls[0]?.request).toEqual({
      listen: '127.0.0.1:10187',
      pg: 18,
      scale: 0.1,
      data: '/here/d',
      keep: true,
    });
    expect((await runLine(['demo'])).calls[0]?.request).toEqual({
      listen: '127.0.0.1:10187',
      scale: 1,
      keep: false,
    });
  });

  it('config check and config example print what they are given', async () => {
    expect(await runLine(['config', 'check'])).toMatchObject({ code: 0, stdout: 'servers: []\n' });
    expect(await runLine(['config', 'example'])).toMatchObject({ code: 0, stdout: '# example\n' });
  });
});

describe('plan', () => {
  it('prints the script on stdout, a summary on stderr, and writes the way back where it is asked to', async () => {
    const run = await runLine(['plan', '--rollback-file', 'undo.sql']);
    expect(run.code).toBe(0);
    expect(run.stdout).toMatch(/^-- indexwarden plan /);
    expect(run.stderr).toMatch(/^indexwarden: plan \w+ for shop: 7 steps: 3 to create, /);
    expect(run.files.get('/here/undo.sql')).toMatch(/^-- The way back from plan /);
    expect(JSON.parse((await runLine(['plan', '--format', 'json'])).stdout)).toMatchObject({
      datname: 'shop',
    });
    const alembic = await runLine(['plan', '--format=alembic', '--down-revision=4ae1c0']);
    expect(alembic.stdout).toContain('down_revision = "4ae1c0"');
  });

  it('says where the way back cannot be written, and prints no script without it', async () => {
    const run = await runLine(['plan', '--rollback-file', '/forbidden/undo.sql']);
    expect(run).toMatchObject({ code: 2, stdout: '' });
    expect(run.stderr).toContain('the way back cannot be written: EACCES');
  });

  it('moves no cursor on a terminal', async () => {
    const run = await runLine(['plan'], { terminalColumns: 80 });
    expect(run.stdout).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
  });
});

describe('failures of commands', () => {
  const failing = (error: CommandError) => ({ commands: { check: () => Promise.resolve(err(error)) } });

  it('a configuration that cannot be used: 2 and every problem', async () => {
    const error: CommandError = {
      kind: 'ConfigError',
      file: 'f.yaml',
      problems: [{ path: 'http.listen', message: 'is wrong', hint: 'do better' }],
    };
    const run = await runLine(['check'], failing(error));
    expect(run.code).toBe(2);
    expect(run.stderr).toContain('http.listen: is wrong');
  });

  it('nothing could be read: 3', async () => {
    const run = await runLine(
      ['check'],
      failing({ kind: 'unreadable', message: 'refused', hint: 'start it' }),
    );
    expect(run).toMatchObject({ code: 3, stderr: 'indexwarden check: refused\n  hint: start it\n' });
  });

  it('a bug: 3, since 1 would mean findings', async () => {
    const run = await runLine(['check'], { commands: { check: () => Promise.reject(new Error('broken')) } });
    expect(run.code).toBe(3);
    expect(run.stderr).toContain('this is a bug');
  });

  it('warnings go to stderr and change nothing', async () => {
    const run = await runLine(['config', 'check'], {
      commands: {
        configCheck: (_, { warn }) => {
          warn('--url: holds a password');
          return Promise.resolve(ok('x: 1\n'));
        },
      },
    });
    expect(run).toMatchObject({
      code: 0,
      stdout: 'x: 1\n',
      stderr: 'indexwarden: warning: --url: holds a password\n',
    });
  });
});

describe('explain', () => {
  const found = { commands: { findings: () => Promise.resolve(ok([aFinding()])) } };

  it('prints the page of a kind', async () => {
    expect(await runLine(['explain', 'unused-index'])).toMatchObject({
      code: 0,
      stdout: 'PAGE OF UNUSED-INDEX\n',
    });
  });

  it('asks the daemon, unless a database is named', async () => {
    expect((await runLine(['explain', 'abcd'])).calls[0]?.request).toEqual({
      kind: 'api',
      url: 'http://127.0.0.1:10187',
    });
    expect((await runLine(['explain', 'abcd', '--url', 'postgresql://a/b'])).calls[0]?.request).toEqual({
      kind: 'databases',
      config: { flags: {}, command: { url: 'postgresql://a/b' } },
    });
  });

  it('looks at the database that the environment names, as check does, unless told to ask the daemon', async () => {
    const env = { DATABASE_URL: 'postgresql://a/b' };
    expect((await runLine(['explain', 'abcd'], { env })).calls[0]?.request).toMatchObject({
      kind: 'databases',
    });
    const asked = await runLine(['explain', 'abcd', '--api', 'http://a:1'], { env });
    expect(asked.calls[0]?.request).toEqual({ kind: 'api', url: 'http://a:1' });
  });

  it('prints a finding by the beginning of its id, as text or JSON', async () => {
    const text = await runLine(['explain', '0011'], found);
    expect(text.code).toBe(0);
    expect(text.stdout).toContain(aFinding().title);
    const json = await runLine(['explain', '0011', '--format', 'json'], found);
    expect(JSON.parse(json.stdout)).toEqual(aFinding());
  });

  it('says where it looked in vain', async () => {
    const run = await runLine(['explain', 'ffff'], found);
    expect(run.code).toBe(2);
    expect(run.stderr).toContain('no finding has the id ffff');
    expect(run.stderr).toContain('http://127.0.0.1:10187');
  });
});
