import { appendFileSync } from 'node:fs';

/** One line of the table that `npm run test:faults` prints. Seen by the test that writes it, never expected by it. */
export interface FaultRow {
  /** What the fault belongs to; the table's sections, in the order of {@link faultAreas}. */
  readonly area: FaultArea;
  /** What was broken, and on which major where that matters. */
  readonly fault: string;
  /** What the daemon did. */
  readonly did: string;
  /** What `/metrics` (or, for a command, its exit code) said meanwhile, as read there. */
  readonly said: string;
  /** From the end of the fault to the first fresh facts or the first good answer, in ms; null where nothing was to recover. */
  readonly recoveryMs: number | null;
}

export const faultAreas = [
  'database',
  'network',
  'pooler',
  'locks',
  'load',
  'read-only',
  'truth',
  'daemon',
  'input',
  'printed scripts',
  'surface',
] as const;
export type FaultArea = (typeof faultAreas)[number];

/** File that rows are gathered in; set by `npm run test:faults`. */
export const rowsVariable = 'INDEXWARDEN_FAULT_ROWS';
/** `yes` for the short form: fewer repetitions and majors, every fault still once. */
export const shortVariable = 'INDEXWARDEN_FAULTS_SHORT';

export const isShort = process.env[shortVariable] === 'yes';

/** Notes what came of a fault. To be called at the end of its test, when everything in it was asserted. */
export function noteFault(row: FaultRow): void {
  const file = process.env[rowsVariable];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(row)}\n`);
}

/** Something longer than a row that a test measured, for a place of its own in docs/reliability.md. */
export interface FaultBlock {
  /** Names the place: between `<!-- NAME: written by npm run test:faults -->` and `<!-- end of NAME -->`. */
  readonly block: string;
  /** Markdown. */
  readonly text: string;
}

/** Notes a block; printed, and with `--write` put into its place. The last of one name counts. */
export function noteBlock(noted: FaultBlock): void {
  const file = process.env[rowsVariable];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(noted)}\n`);
}

/** How often to try: the first number in the short form. */
export const times = (short: number, long: number): number => (isShort ? short : long);
