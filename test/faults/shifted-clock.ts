import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { inRepository } from '../support/repository.ts';

/** The wall clock of one daemon, which can be set while it runs. */
export interface ShiftedClock {
  /** For the daemon that is to have this clock. */
  readonly env: Readonly<Record<string, string>>;
  /** What that clock shows now. */
  readonly now: () => number;
  /** Sets it so much before (below zero) or after the true time; taken up within a few hundredths of a second. */
  readonly shift: (byMs: number) => void;
  readonly remove: () => void;
}

export function shiftedClock(byMs = 0): ShiftedClock {
  const folder = mkdtempSync(path.join(tmpdir(), 'clock-'));
  const file = path.join(folder, 'shift');
  let shiftMs = byMs;
  const shift = (toMs: number): void => {
    shiftMs = toMs;
    writeFileSync(`${file}.new`, String(toMs));
    renameSync(`${file}.new`, file);
  };
  shift(byMs);
  return {
    env: {
      CLOCK_SHIFT_FILE: file,
      NODE_OPTIONS: `--import=${pathToFileURL(inRepository('test/faults/shifted-clock.mjs')).href}`,
    },
    now: () => Date.now() + shiftMs,
    shift,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
