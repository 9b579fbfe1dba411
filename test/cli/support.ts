import { z } from 'zod';
import type { Commands } from '../../src/cli/commands.ts';
import type { Environment } from '../../src/cli/environment.ts';
import { runCli } from '../../src/cli/run.ts';
import { setting } from '../../src/config/fields.ts';
import { settingsOf } from '../../src/config/settings-tree.ts';
import { ok } from '../../src/model/result.ts';
import { aPlan } from '../plan/script/samples.ts';
import { aReport } from '../report/document/samples.ts';
import { aResult, kinds, tool } from '../report/samples.ts';

/** A few keys, of each kind that a flag can give. */
const settings = settingsOf(
  z.strictObject({
    http: z.strictObject({
      listen: setting(z.string(), 'Where.'),
      lifecycle: setting(z.boolean(), 'Whether.'),
    }),
    limits: z.strictObject({ lockTimeout: setting(z.string(), 'How long.') }),
    log: z.strictObject({ level: setting(z.string(), 'Which.'), destination: setting(z.string(), 'Where.') }),
  }),
);

/** What the injected commands were asked. */
export interface Call {
  readonly command: string;
  readonly request: unknown;
}

export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly calls: readonly Call[];
  readonly files: ReadonlyMap<string, string>;
}

export interface RunOptions {
  readonly commands?: Partial<Commands>;
  readonly environment?: Partial<Environment>;
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Environment['env'];
  readonly terminalColumns?: number;
}

/** Runs a command line against commands that only note what they were asked. */
export async function runLine(argv: readonly string[], options: RunOptions = {}): Promise<Run> {
  const calls: Call[] = [];
  const files = new Map(Object.entries(options.files ?? {}));
  let stdout = '';
  let stderr = '';
  const terminal =
    options.terminalColumns === undefined
      ? { isTTY: false, columns: undefined }
      : { isTTY: true, columns: options.terminalColumns };
  const note = <T>(command: string, value: T) => {
    return (request: unknown): Promise<T> => {
      calls.push({ command, request });
      return Promise.resolve(value);
    };
  };
  const environment: Environment = {
    stdout: {
      ...terminal,
      write: (text) => {
        stdout += text;
      },
    },
    stderr: {
      ...terminal,
      write: (text) => {
        stderr += text;
      },
    },
    env: options.env ?? {},
    cwd: '/here',
    signal: new AbortController().signal,
    now: () => new Date('2026-03-01T12:00:00Z'),
    readFile: (path) => {
      const text = files.get(path);
      if (text === undefined) throw new Error(`ENOENT: no such file or directory, open '${path}'`);
      return text;
    },
    writeFile: (path, text) => {
      if (path.startsWith('/forbidden')) throw new Error(`EACCES: permission denied, open '${path}'`);
      files.set(path, text);
    },
    replaceFile: (path, text) => {
      if (path.startsWith('/forbidden')) throw new Error(`EACCES: permission denied, open '${path}'`);
      files.set(path, text);
    },
    ...options.environment,
  };
  const commands: Commands = {
    tool,
    kinds,
    settings,
    serve: note('serve', ok(undefined)),
    check: note('check', ok(aResult())),
    bloat: note('bloat', ok({ rows: [], improvements: [], targets: 1, unreadable: [] })),
    plan: note('plan', ok(aPlan)),
    report: note('report', ok({ document: aReport(), result: aResult() })),
    findings: note('findings', ok([])),
    page: (kind) => Promise.resolve(`# Page of ${kind}\n`),
    configCheck: note('configCheck', ok('servers: []')),
    configExample: () => '# example',
    demo: note('demo', ok(undefined)),
    ...options.commands,
  };
  const code = await runCli(argv, environment, commands);
  return { code, stdout, stderr, calls, files };
}
