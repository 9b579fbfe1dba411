import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openSqliteStore, type StoreNotice } from '../../src/store/sqlite-store.ts';
import { memoryStore, type Store } from '../../src/store/store.ts';
import type { Compiled } from './compiled.ts';
import { contentOf, operationsNowMs, operationsRetentionDays, perform } from './operations.ts';
import { usualRetention } from './usual-retention.ts';

/** What a writer is made of. */
export const writerFiles = ['test/store/writer.ts', 'src/store/worker.ts'] as const;

export interface Killing {
  readonly compiled: Compiled;
  /** Ends after this many kills, or when the time is up, whichever is sooner; but not with fewer than `timesMin`. */
  readonly times: number;
  readonly timesMin: number;
  readonly limitMs: number;
  /** 0 to 1, anew each time. */
  readonly random: () => number;
  readonly onKill?: (report: KillReport) => void;
}

export interface KillReport {
  readonly kills: number;
  /** Kills while it wrote, and how many of the calls under way were there all the same. */
  readonly whileWriting: number;
  readonly inFlightKept: number;
  /** Kills before the file was open. */
  readonly beforeOpen: number;
  /** Calls that were acknowledged, over all files. */
  readonly calls: number;
}

/** How long a writer lives at most, from its start or from when it has the file open. */
const startingMs = 150;
const writingMs = 100;
/** One kill in so many falls into the start, and one file lives for so many kills. */
const earlyEvery = 6;
const killsPerFile = 40;
/** Files at a time: most of what a kill takes is the start of the next process. */
const lanes = 2;

/**
 * Starts writers and kills them with SIGKILL at random moments. After each kill the store must open without damage, and hold exactly
 * the calls that were acknowledged and at most the one that was under way. Throws where it does not.
 */
export async function killWriters(killing: Killing): Promise<KillReport> {
  const folder = mkdtempSync(path.join(tmpdir(), 'indexwarden-kill-'));
  const report = { kills: 0, whileWriting: 0, inFlightKept: 0, beforeOpen: 0, calls: 0 };
  const endMs = performance.now() + killing.limitMs;
  const isOver = (): boolean =>
    report.kills >= killing.times || (report.kills >= killing.timesMin && performance.now() >= endMs);
  try {
    const lane = async (name: string): Promise<void> => {
      for (let file = 0; !isOver(); file += 1)
        await killOnFile(killing, path.join(folder, `${name}${file}.db`), report, isOver);
    };
    await Promise.all(Array.from({ length: lanes }, (_, index) => lane(`${index}-`)));
    return report;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One file from nothing, through a number of kills. */
async function killOnFile(
  { compiled, random, onKill }: Killing,
  file: string,
  report: { -readonly [K in keyof KillReport]: number },
  isOver: () => boolean,
): Promise<void> {
  const model = memoryStore();
  let next = 0;
  for (let kill = 0; kill < killsPerFile && !isOver(); kill += 1) {
    const said = await writeUntilKilled(compiled, file, next, kill % earlyEvery === 0, random);
    for (; next <= said.lastNumber; next += 1) await perform(model, next);
    const wasKept = await verify(file, model, next, compiled);
    if (wasKept) next += 1;
    report.kills += 1;
    report[said.isOpen ? 'whileWriting' : 'beforeOpen'] += 1;
    report.inFlightKept += wasKept ? 1 : 0;
    report.calls += said.count;
    onKill?.(report);
  }
}

interface Said {
  readonly isOpen: boolean;
  /** The last call that was acknowledged; one before the first where none was. */
  readonly lastNumber: number;
  readonly count: number;
}

async function writeUntilKilled(
  compiled: Compiled,
  file: string,
  first: number,
  isEarly: boolean,
  random: () => number,
): Promise<Said> {
  const script = fileURLToPath(compiled.url('test/store/writer.ts'));
  const writer = spawn(process.execPath, [script, file, String(first)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  const opened = new Promise<void>((resolve) => {
    writer.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      resolve();
    });
    writer.once('exit', () => resolve());
  });
  writer.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const closed = new Promise<NodeJS.Signals | null>((resolve) =>
    writer.once('close', (_, signal) => resolve(signal)),
  );
  if (isEarly) await delay(random() * startingMs);
  else {
    await opened;
    await delay(random() * writingMs);
  }
  writer.kill('SIGKILL');
  const signal = await closed;
  if (signal !== 'SIGKILL') throw new Error(`the writer ended by itself: ${stderr}`);
  // A line that was cut off was not said.
  const lines = stdout.split('\n').slice(0, -1);
  const numbers = lines.filter((line) => line !== 'opened').map(Number);
  return { isOpen: lines.length > 0, lastNumber: numbers.at(-1) ?? first - 1, count: numbers.length };
}

/** Whether call `next`, which nobody acknowledged, is there; everything before it must be, and nothing else. The model follows. */
async function verify(file: string, model: Store, next: number, compiled: Compiled): Promise<boolean> {
  const notices: StoreNotice[] = [];
  const store = await openSqliteStore({
    file: { path: file, busyTimeoutMs: 1_000, synchronous: 'normal', checkTimeLimitMs: 30_000 },
    retention: { ...usualRetention, usageDays: operationsRetentionDays },
    now: () => operationsNowMs,
    onNotice: (notice) => notices.push(notice),
    threadModule: compiled.url('src/store/worker.ts'),
  });
  try {
    const opening = notices.find((notice) => notice.kind === 'opened');
    if (opening?.movedAside !== undefined || opening?.isChecked !== true)
      throw new Error(`after call ${next - 1}: ${JSON.stringify(notices)}`);
    const found = await contentOf(store);
    if (found === (await contentOf(model))) return false;
    await perform(model, next);
    const withNext = await contentOf(model);
    if (found !== withNext)
      throw new Error(`after call ${next - 1} there is\n${found}\nand not\n${withNext}`);
    return true;
  } finally {
    await store.close();
  }
}
