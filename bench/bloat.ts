import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { type BenchCase, type BenchRun, judge } from './bloat/cases.ts';
import { runBench } from './bloat/run.ts';
import { brokenPromises, type Score, scoreOf, scoresByGroup } from './bloat/score.ts';
import { sealedPlans, sealedSeedDefault } from './bloat/sealed.ts';
import { tuningPlans } from './bloat/tuning.ts';

/*
 * npm run bench:bloat [-- --pg 13,16,18] [--shapes tuning|sealed|all] [--seed N] [--rows N] [--tables N] [--short] [--check] [--format json]
 *
 * How well bloat is told: indexes of many shapes live through many lives on real servers, are measured as the daemon measures them
 * (its own queries, a role with pg_monitor and nothing else), and rebuilt for the truth.
 *
 * --check ends with exit code 1 where the daemon's answers are worse than what docs/bloat.md promises; --short takes seconds instead of
 * minutes. --record FILE keeps what was seen and --replay FILE asks the methods about it again, without a server; --cases FILE lists every case.
 */

const { values } = parseArgs({
  options: {
    pg: { type: 'string' },
    shapes: { type: 'string', default: 'all' },
    seed: { type: 'string', default: String(sealedSeedDefault) },
    rows: { type: 'string' },
    tables: { type: 'string' },
    short: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    format: { type: 'string', default: 'table' },
    record: { type: 'string' },
    replay: { type: 'string' },
    cases: { type: 'string' },
  },
});

const isShort = values.short;
const rows = Number(values.rows ?? (isShort ? 8_000 : 60_000));
const tables = Number(values.tables ?? (isShort ? 6 : 24));
const majors = (values.pg ?? (isShort ? '17' : '13,16,18')).split(',').map(Number);
const log = (line: string): void => void process.stderr.write(`${line}\n`);

const runs: BenchRun[] = [];
if (values.replay !== undefined) {
  // A file that --record has written, in the shape of this very type.
  runs.push(...(JSON.parse(readFileSync(values.replay, 'utf8')) as readonly BenchRun[]));
} else {
  for (const major of majors) {
    const sets = [
      ...(values.shapes === 'sealed' ? [] : [['tuning', tuningPlans(rows, isShort)] as const]),
      ...(values.shapes === 'tuning'
        ? []
        : [['sealed', sealedPlans(Number(values.seed), tables, rows)] as const]),
    ];
    runs.push(await runBench(major, sets, log));
  }
}
if (values.record !== undefined) writeFileSync(values.record, JSON.stringify(runs));

const cases = runs.flatMap((run) => run.recordings.flatMap(judge));
if (values.cases !== undefined) writeFileSync(values.cases, JSON.stringify(cases));
const sets = (['tuning', 'sealed'] as const)
  .map((set) => ({ set, cases: cases.filter((entry) => entry.set === set) }))
  .filter(({ cases: own }) => own.length > 0);

if (values.format === 'json') {
  const result = {
    majors,
    rows,
    seed: Number(values.seed),
    sets: sets.map(({ set, cases: own }) => ({ set, cases: own.length, groups: scoresByGroup(own) })),
    cost: costs(),
  };
  console.log(JSON.stringify(result, null, 2));
} else {
  for (const { set, cases: own } of sets) printSet(set, own);
  console.log('Cost, warm:');
  for (const { name, msPerMib } of costs()) console.log(`  ${name.padEnd(16)} ${msPerMib.toFixed(2)} ms/MiB`);
}

if (values.check) {
  const broken = sets.flatMap(({ set, cases: own }) =>
    brokenPromises(scoreOf(own, 'scan+history')).map((promise) => `${set} shapes: ${promise}`),
  );
  for (const line of broken) log(line);
  process.exitCode = broken.length === 0 ? 0 : 1;
}

function printSet(set: 'tuning' | 'sealed', own: readonly BenchCase[]): void {
  const drawn = set === 'sealed' ? `, drawn with --seed ${values.seed}` : '';
  console.log(
    `\n${set} shapes${drawn}: ${own.length} indexes, PostgreSQL ${majors.join(', ')}, ${rows} rows`,
  );
  const table = new Table({
    head: [
      'indexes',
      'method',
      'answered',
      'mean',
      'median',
      'p95',
      'worst',
      'false alarms',
      'misses',
      'worst case',
    ],
    style: { head: [], border: [], compact: true },
  });
  for (const { group, scores } of scoresByGroup(own)) {
    for (const score of scores.filter(({ answered }) => answered > 0)) table.push([group, ...cells(score)]);
  }
  console.log(table.toString());
}

function cells(score: Score): readonly string[] {
  return [
    score.method,
    `${score.answered}/${score.cases}`,
    score.mean.toFixed(2),
    score.median.toFixed(2),
    score.p95.toFixed(1),
    score.worst.toFixed(0),
    `${score.falseAlarms}`,
    `${score.misses}/${score.positives}`,
    score.worstCase,
  ] as const;
}

function costs(): readonly { readonly name: string; readonly msPerMib: number }[] {
  const names = [...new Set(runs.flatMap((run) => run.cost.map((entry) => entry.function)))];
  return names.map((name) => {
    const spent = runs.flatMap((run) => run.cost.filter((entry) => entry.function === name));
    const sum = (pick: (entry: (typeof spent)[number]) => number): number =>
      spent.reduce((total, entry) => total + pick(entry), 0);
    return { name, msPerMib: sum((entry) => entry.ms) / sum((entry) => entry.mib) };
  });
}
