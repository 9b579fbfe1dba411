import { type ChildProcess, fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { collectorNames } from '../../src/collectors/index.ts';
import { inRepository } from '../../test/support/repository.ts';
import type { HeapProfile } from './profile.ts';
import { scratchFolder } from './server.ts';

/** A moment of the measured process: milliseconds since the epoch, and the CPU it had used by then, all threads together. */
export interface Moment {
  readonly atMs: number;
  readonly cpuMs: number;
}

export interface PassRun {
  readonly name: string;
  readonly state: 'collected' | 'skipped' | 'failed';
  readonly durationMs: number;
  readonly facts: number;
  readonly reason: string | null;
}

export interface PublishedGeneration extends Moment {
  readonly target: { readonly server: string; readonly datname: string };
  readonly number: number;
  readonly isUp: boolean;
  readonly error: string | null;
  readonly runs: readonly PassRun[];
  readonly findings: number;
  readonly indexes: number;
  readonly inconclusive: number;
}

export interface MemoryFacts {
  readonly rss: number;
  readonly rssPeak: number;
  readonly heapUsed: number;
  readonly heapTotal: number;
  readonly external: number;
  readonly arrayBuffers: number;
}

export interface Blocks {
  readonly longestMs: number;
  readonly p99Ms: number;
  /** The longest that V8 stopped the thread for its garbage. */
  readonly longestCollectionMs: number;
  /** The longest less what V8's collector took of it. */
  readonly longestOwnMs: number;
  /** The longest, with the end of each in microseconds of the monotonic clock. */
  readonly blocks: readonly { readonly ms: number; readonly endUs: number }[];
}

/** A pass from the moment it was asked for until its page was served. */
export interface Pass {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly generation: PublishedGeneration;
}

interface Answers {
  readonly collect: Moment;
  readonly memory: MemoryFacts;
  readonly watch: object;
  readonly unwatch: Blocks;
  readonly profile: object;
  readonly sampleHeap: object;
  readonly heapProfile: HeapProfile;
  readonly unprofile: object;
  readonly stop: object;
}

type Message =
  | ({ readonly kind: 'starting' } & Moment)
  | ({ readonly kind: 'listening'; readonly address: string } & Moment)
  | ({ readonly kind: 'generation' } & PublishedGeneration)
  | { readonly kind: 'log'; readonly level: string; readonly fields: object; readonly message: string }
  | { readonly kind: 'answer'; readonly id: number; readonly value?: unknown; readonly error?: string };

/** A configuration with all presets, whose passes are asked for: of its own accord nothing runs but on New Year’s Day. */
export function daemonDocument(
  servers: readonly { readonly name: string; readonly url: string; readonly databases?: readonly string[] }[],
  further: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  const schedule = '30 4 1 1 *';
  return {
    servers: servers.map(({ name, url, databases }) => ({
      name,
      primary: { url },
      ...(databases === undefined ? {} : { databases }),
    })),
    collectors: Object.fromEntries(collectorNames.map((name) => [name, { schedule }])),
    http: { listen: '127.0.0.1:0' },
    bloat: { enabled: false },
    ...further,
  };
}

/** How long the longest pass may take before the bench gives up. */
const patienceMs = 15 * 60_000;

/** How Node.js is started: its options, and what it finds in the environment besides PATH and HOME. */
export interface NodeStart {
  readonly options: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const usualStart: NodeStart = { options: [], env: {} };

/** The built daemon in a process of its own, with a store in a file, told what to do over a channel. */
export class MeasuredDaemon {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (message: Extract<Message, { kind: 'answer' }>) => void>();
  readonly #generations: PublishedGeneration[] = [];
  readonly #listeners = new Set<() => void>();
  readonly startedAtMs: number;
  readonly problems: string[] = [];
  #starting: Moment | undefined;
  #address: string | undefined;
  #exit: string | undefined;
  #nextId = 0;

  /** `from` the start on it is watched for what holds up its event loop, or profiled as well. */
  constructor(
    document: Readonly<Record<string, unknown>>,
    from?: 'watched' | 'profiled',
    { options, env }: NodeStart = usualStart,
  ) {
    const folder = scratchFolder();
    const file = path.join(folder, 'config.json');
    writeFileSync(file, JSON.stringify({ storage: { path: path.join(folder, 'store.db') }, ...document }));
    this.startedAtMs = performance.timeOrigin + performance.now();
    this.#child = fork(
      inRepository('bench/scale/daemon-inside.mjs'),
      [file, ...(from === undefined ? [] : [from])],
      {
        execArgv: ['--expose-gc', ...options],
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
        env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
      },
    );
    this.#child.on('message', (message: Message) => this.#take(message));
    this.#child.on('exit', (code, signal) => {
      this.#exit = `the measured daemon ended (${code ?? signal})`;
      for (const [id, settle] of this.#waiting) settle({ kind: 'answer', id, error: this.#exit });
      this.#notify();
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get address(): string {
    if (this.#address === undefined) throw new Error('the daemon does not listen yet');
    return this.#address;
  }

  get generations(): readonly PublishedGeneration[] {
    return this.#generations;
  }

  /** When the first pass was set off. */
  async starting(): Promise<Moment> {
    await this.until(() => this.#starting !== undefined);
    return this.#starting!;
  }

  async listening(): Promise<string> {
    await this.until(() => this.#address !== undefined);
    return this.address;
  }

  /** The pass that the daemon begins with. */
  async firstPass(): Promise<Pass> {
    const starting = await this.starting();
    const generation = await this.nextGeneration(0);
    return passBetween(starting, generation);
  }

  /** Everything is due now. */
  async pass(): Promise<Pass> {
    const before = this.#generations.length;
    const asked = await this.ask('collect');
    return passBetween(asked, await this.nextGeneration(before));
  }

  /** The generation after so many. */
  async nextGeneration(after: number): Promise<PublishedGeneration> {
    await this.until(() => this.#generations.length > after);
    const generation = this.#generations[after]!;
    if (!generation.isUp) throw new Error(`the target is down: ${generation.error}`);
    const failed = generation.runs.filter(({ state }) => state === 'failed');
    if (failed.length > 0) throw new Error(failed.map(({ name, reason }) => `${name}: ${reason}`).join('; '));
    return generation;
  }

  ask<Command extends keyof Answers>(
    command: Command,
    parameters: Readonly<Record<string, unknown>> = {},
  ): Promise<Answers[Command]> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ value, error }) => {
        this.#waiting.delete(id);
        if (error !== undefined) reject(new Error(error));
        // The other side is daemon-inside.mjs, whose answers are of these shapes.
        else resolve(value as Answers[Command]);
      });
      this.#child.send({ id, command, ...parameters });
    });
  }

  async stop(): Promise<void> {
    if (this.#exit !== undefined) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    await Promise.race([this.ask('stop').catch(() => {}), delay(20_000)]);
    const killing = setTimeout(() => this.#child.kill('SIGKILL'), 5_000);
    await ended;
    clearTimeout(killing);
  }

  #take(message: Message): void {
    switch (message.kind) {
      case 'starting':
        this.#starting = message;
        break;
      case 'listening':
        this.#address = message.address;
        break;
      case 'generation':
        this.#generations.push(message);
        break;
      case 'log':
        this.problems.push(`${message.level}: ${message.message} ${JSON.stringify(message.fields)}`);
        break;
      case 'answer':
        this.#waiting.get(message.id)?.(message);
        break;
    }
    this.#notify();
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }

  /** Resolves when it holds; rejects when the process has ended. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const giveUp = setTimeout(() => end(new Error('waited in vain for the daemon')), patienceMs);
      const end = (error?: Error): void => {
        clearTimeout(giveUp);
        this.#listeners.delete(look);
        if (error === undefined) resolve();
        else reject(error);
      };
      const look = (): void => {
        if (condition()) end();
        else if (this.#exit !== undefined) end(new Error(this.#exit));
      };
      this.#listeners.add(look);
      look();
    });
  }
}

const passBetween = (began: Moment, generation: PublishedGeneration): Pass => ({
  wallMs: generation.atMs - began.atMs,
  cpuMs: generation.cpuMs - began.cpuMs,
  generation,
});
