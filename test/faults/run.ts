import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { inRepository, readText } from '../support/repository.ts';
import { type FaultBlock, type FaultRow, faultAreas, rowsVariable, shortVariable } from './rows.ts';

/*
 * npm run test:faults [-- --short] [-- --write] [-- --rows FILE] [-- FILTER…]
 *
 * Runs the tests below test/faults against real servers and prints what came of each fault. --short repeats less and takes fewer
 * majors; --write puts the table into docs/reliability.md; filters are parts of file names. --rows keeps what was noted in a file,
 * and goes on from what an earlier run noted there: what failed after most of an hour can be repeated by itself.
 */

const { values, positionals } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    rows: { type: 'string' },
  },
  allowPositionals: true,
});

const scratch = mkdtempSync(path.join(tmpdir(), 'indexwarden-faults-'));
const file = path.resolve(values.rows ?? path.join(scratch, 'rows.jsonl'));
const report = path.join(scratch, 'tests.json');
const { status } = spawnSync(
  process.execPath,
  [
    inRepository('node_modules/vitest/vitest.mjs'),
    'run',
    '--project=faults',
    '--reporter=default',
    '--reporter=json',
    `--outputFile=${report}`,
    ...positionals,
  ],
  {
    cwd: inRepository(),
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, [rowsVariable]: file, ...(values.short && { [shortVariable]: 'yes' }) },
  },
);
const noted = existsSync(file)
  ? readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      // Written by `noteFault` and `noteBlock`.
      .map((line) => JSON.parse(line) as FaultRow | FaultBlock)
  : [];

const rows = noted.flatMap((one) => ('block' in one ? [] : [one]));
/** By the name of their place; a test that was tried again notes its block again. */
const blocks = new Map(noted.flatMap((one) => ('block' in one ? [[one.block, one.text]] : [])));
const table = tableOf(rows);
console.log(`\n${table}\n${[...blocks.values()].join('\n\n')}\n\n${rows.length} faults`);
if (values.write && status === 0) {
  writeBlock('faults', table);
  for (const [name, text] of blocks) writeBlock(name, text);
}
// Told at the end, where somebody who sees only the last lines finds it.
const counted = spawnSync(
  process.execPath,
  [inRepository('scripts/count-tests.mjs'), report, String(status)],
  { encoding: 'utf8' },
);
const [passed, failed, skipped] = counted.stdout.trim().split(' ');
console.log(`${passed} tests passed, ${failed} failed, ${skipped} skipped\n${counted.stderr}`);
rmSync(scratch, { recursive: true });
process.exitCode = status === 0 && rows.length > 0 ? 0 : 1;

function tableOf(all: readonly FaultRow[]): string {
  return faultAreas
    .map((area) => ({ area, own: newest(all.filter((row) => row.area === area)) }))
    .filter(({ own }) => own.length > 0)
    .map(({ area, own }) =>
      [
        `### ${area.replace(/^./, (first) => first.toUpperCase())}`,
        '',
        '| Fault | What the daemon did | What was said | Recovery |',
        '|---|---|---|---:|',
        ...own.map(({ fault, did, said, recoveryMs }) =>
          ['', ...[fault, did, said, recoveryMs === null ? '–' : seconds(recoveryMs)].map(cell), '']
            .join(' | ')
            .trim(),
        ),
        '',
      ].join('\n'),
    )
    .join('\n');
}

/** A test that was tried again notes its fault again; the last counts. */
function newest(own: readonly FaultRow[]): readonly FaultRow[] {
  const byFault = new Map(own.map((row) => [row.fault, row]));
  return [...byFault.values()].sort((a, b) => (a.fault < b.fault ? -1 : 1));
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

/** Puts text into the place that the page keeps for it. */
function writeBlock(name: string, text: string): void {
  const page = 'docs/reliability.md';
  const [begin, end] = [`<!-- ${name}: written by npm run test:faults -->`, `<!-- end of ${name} -->`];
  const before = readText(page);
  const from = before.indexOf(begin);
  const to = before.indexOf(end);
  if (from === -1 || to < from) throw new Error(`${page} has no place for ${name}: ${begin} … ${end}`);
  writeFileSync(inRepository(page), `${before.slice(0, from)}${begin}\n\n${text}\n${before.slice(to)}`);
}
