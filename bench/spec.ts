import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { claimsNamed } from './spec/claims.ts';
import type { Row } from './spec/model.ts';
import { runSpec } from './spec/run.ts';
import { linesOf, resultsPage } from './spec/table.ts';

/*
 * npm run bench:spec [-- --pg 17] [--runs N] [--scale X] [--only TEXT] [--short] [--out FILE]
 *
 * What the two specifications claim in numbers, against one run on an embedded server: a row for every number. Writes
 * docs/spec-results.md, unless only some claims were asked for or the short form, which takes seconds instead of minutes.
 *
 * Ends with exit code 1 where a row could not be produced. What does not hold is a result, not a failure.
 */

const { values } = parseArgs({
  options: {
    pg: { type: 'string', default: '17' },
    runs: { type: 'string' },
    scale: { type: 'string' },
    only: { type: 'string', multiple: true, default: [] },
    short: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});

const isShort = values.short;
const runs = Number(values.runs ?? (isShort ? 4 : 60));
const scale = Number(values.scale ?? (isShort ? 0.05 : 1));
if (!Number.isInteger(runs) || runs < 1) throw new RangeError('--runs is a whole number from 1');
// Below, page 100 of the pagination does not exist.
if (!(scale >= 0.025)) throw new RangeError('--scale is a number from 0.025');
const claims = claimsNamed(values.only);
if (claims.length === 0) throw new RangeError(`no claim has ${values.only.join(' or ')} in its id`);

const log = (line: string): void => void process.stderr.write(`${line}\n`);
const { rows, facts } = await runSpec({ major: Number(values.pg), runs, scale, claims, log });
print(rows);

const missing = rows.filter(({ verdict }) => verdict.kind === 'not measured');
for (const { claim } of missing) log(`no row for ${claim.id}`);
log(
  `${rows.length - missing.length} of ${rows.length} rows, PostgreSQL ${facts.postgresVersion}, ${runs} runs, scale ${scale}`,
);
const out = values.out ?? (isShort || values.only.length > 0 ? undefined : 'docs/spec-results.md');
if (missing.length > 0) process.exitCode = 1;
else if (out !== undefined) writeFileSync(out, resultsPage(rows, facts));

function print(all: readonly Row[]): void {
  const table = new Table({
    head: ['claim', '', 'measured', 'blocks', 'median, ms', 'p95, ms', 'verdict', 'plan'],
    colWidths: [42, 34, 26, 18, 18, 18, 30, 60],
    wordWrap: true,
    style: { head: [], border: [], compact: true },
  });
  for (const row of all)
    for (const line of linesOf(row))
      table.push([
        line.id,
        line.id === '' ? line.label : line.claim,
        line.ratio,
        line.blocks,
        line.medianMs,
        line.p95Ms,
        line.verdict,
        line.plan,
      ]);
  console.log(table.toString());
}
