import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { inRepository } from '../support/repository.ts';

/** How a program ended, and all that it said. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that may still run. */
export interface Running {
  readonly pid: number;
  /** What it has said so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly hasEnded: () => boolean;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** Settles when it has ended and closed its outputs. */
  readonly ended: Promise<Ended>;
  /** The first part of its standard output (or the named stream) that matches; fails when it ends without. */
  readonly printed: (pattern: RegExp, stream?: 'stdout' | 'stderr') => Promise<RegExpExecArray>;
}

export interface StartOptions {
  /** Over the bare environment; there is nothing else in it. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** In a process group of its own, as a terminal starts it; `kill` then goes to all of the group, as Ctrl-C does. */
  readonly isGroup?: boolean;
}

/** For loading a demo on a machine that is busy with other tests; everything else takes a second or two. */
const limitMs = 90_000;
const pollMs = 20;

/** Waits until `condition` yields something, and returns that; an error of the condition counts as "not yet". */
export async function until<T>(
  what: string,
  condition: () => Promise<T | undefined | false> | T | undefined | false,
  patienceMs = limitMs,
): Promise<T> {
  const deadline = Date.now() + patienceMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      if (error instanceof EndedWithout) throw error;
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`waited ${patienceMs} ms for: ${what}`, { cause: last });
    await delay(pollMs);
  }
}

/** The programs that one test file starts; `endAll` belongs into its `afterAll`. */
export interface Programs {
  /** bin/indexwarden with the Node.js that runs the tests. */
  readonly start: (args: readonly string[], options?: StartOptions) => Running;
  /** The same, to its end. */
  readonly run: (args: readonly string[], options?: StartOptions) => Promise<Ended>;
  readonly startProgram: (program: string, args: readonly string[], options?: StartOptions) => Running;
  readonly endAll: () => Promise<void>;
}

export function programs(): Programs {
  const running = new Set<Running>();
  const startProgram: Programs['startProgram'] = (program, args, options = {}) => {
    const started = launch(program, args, options);
    running.add(started);
    void started.ended.then(() => running.delete(started));
    return started;
  };
  const start: Programs['start'] = (args, options) =>
    startProgram(process.execPath, [inRepository('bin', 'indexwarden'), ...args], options);
  return {
    startProgram,
    start,
    run: (args, options) => start(args, options).ended,
    endAll: async () => {
      // Interrupted, not killed: a demo has a server to take down.
      for (const one of running) one.kill('SIGTERM');
      const givenUp = delay(20_000, 'late', { ref: false });
      await Promise.race([Promise.all([...running].map((one) => one.ended)), givenUp]);
      for (const one of running) one.kill('SIGKILL');
    },
  };
}

/** None of the variables that name databases, colours or a configuration, and no home folder with a `.pgpass`. */
const bareEnvironment = (): Record<string, string> => ({
  PATH: process.env.PATH ?? '',
  HOME: '/nonexistent',
  ...(process.env.TMPDIR === undefined ? {} : { TMPDIR: process.env.TMPDIR }),
});

function launch(program: string, args: readonly string[], options: StartOptions): Running {
  const { env = {}, cwd = '/', isGroup = false } = options;
  const child = spawn(program, args, {
    cwd,
    env: { ...bareEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: isGroup,
  });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
    });
  }
  let end: Ended | undefined;
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      end = { code, signal, ...said };
      resolve(end);
    });
  });
  const pid = child.pid ?? Number.NaN;
  return {
    pid,
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    hasEnded: () => end !== undefined,
    kill: (signal) => {
      if (end !== undefined) return;
      if (isGroup) process.kill(-pid, signal);
      else child.kill(signal);
    },
    ended,
    printed: (pattern, stream = 'stdout') =>
      until(`${pattern} on ${stream} of ${[program, ...args].join(' ')}`, () => {
        const found = pattern.exec(said[stream]);
        if (found === null && end !== undefined) throw new EndedWithout(pattern, end);
        return found ?? undefined;
      }),
  };
}

/** Waiting on would be in vain. */
class EndedWithout extends Error {
  constructor(pattern: RegExp, { code, signal, stdout, stderr }: Ended) {
    super(`ended with ${code ?? signal} and without ${pattern}:\n${stdout}\n${stderr}`);
  }
}
