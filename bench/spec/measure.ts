import { performance } from 'node:perf_hooks';
import type pg from 'pg';
import type { Keys } from '../../src/demo/workload-statements.ts';
import { type Draw, type WorkloadStatement, workloadStatements } from '../../src/demo/workload-statements.ts';
import { seededRandom } from '../bloat/sealed.ts';
import type { DatabaseName, Volume } from './databases.ts';
import type { Measurement, Timing } from './model.ts';
import { type PlanNode, shortPlan } from './plan-form.ts';
import { median, percentile } from './statistics.ts';

/** A statement that is asked again and again, with other parameters each time. */
export interface Question {
  readonly label: string;
  readonly sql: string;
  readonly parameters?: (draw: Draw) => readonly unknown[];
  /** Writes are undone, so that every run meets the same rows. */
  readonly isWrite?: boolean;
  /** For this question alone: `enable_seqscan = off`. */
  readonly setting?: string;
}

/** One thing to measure, and the databases that it takes. */
export interface Measure {
  readonly needs: readonly DatabaseName[];
  readonly run: (lab: Lab) => Promise<Measurement>;
}

/** A server with the databases of this bench, one connection to each. */
export interface Lab {
  readonly runs: number;
  readonly volume: Volume;
  readonly connection: (database: DatabaseName) => pg.Client;
  /** Anew for each measurement, with the same seed: what one asks does not depend on which others ran before. */
  readonly draw: (database: DatabaseName) => Draw;
}

/** Runs that are not counted: they fill caches and the connection's catalogue. */
const warmUpRuns = 3;
/** Of one measurement; a drawn question may be a hundred times as slow as another. */
const timeLimitMs = 60_000;
const runsMin = 3;

/**
 * Times one question in several databases in turn, with the same parameters, and the turn reversed each time. A time is what a client
 * sees: from sending to the last row, which it leaves as text.
 */
export async function askInTurn(
  lab: Lab,
  databases: readonly DatabaseName[],
  questions: readonly Question[],
): Promise<readonly Asked[]> {
  const places = databases.flatMap((database, place) => {
    const question = questions[place] ?? questions[0];
    return question === undefined
      ? []
      : [
          {
            client: lab.connection(database),
            question,
            // Each draws for itself, from the same seed and the same keys: equal questions get equal parameters.
            draw: lab.draw(databases[0] ?? database),
            values: [] as readonly unknown[],
            ms: [] as number[],
          },
        ];
  });
  const began = performance.now();
  for (let run = -warmUpRuns; run < lab.runs; run += 1) {
    if (run >= runsMin && performance.now() - began > timeLimitMs) break;
    for (const place of run % 2 === 0 ? places : places.toReversed()) {
      place.values = place.question.parameters?.(place.draw) ?? [];
      const spent = await ask(place.client, place.question, place.values);
      if (run >= 0) place.ms.push(spent);
    }
  }
  const asked: Asked[] = [];
  for (const { client, question, values, ms } of places) {
    // What triggers touch for a write is not in its plan's count: better none than half of it.
    const counts = question.isWrite !== true;
    const options = counts ? ', analyze, buffers, timing off' : '';
    const { Plan } = await explain(client, question, values, options);
    const timing = {
      medianMs: median(ms),
      p95Ms: percentile(ms, 0.95),
      runs: ms.length,
      ...(counts ? { blocks: (Plan['Shared Hit Blocks'] ?? 0) + (Plan['Shared Read Blocks'] ?? 0) } : {}),
      plan: shortPlan(Plan),
    };
    asked.push({ timing, ms });
    // What was undone is dead, and would be in the way of what is measured next.
    if (question.isWrite === true) await client.query('vacuum');
  }
  return asked;
}

/** Times of one place, in the order of the runs. */
interface Asked {
  readonly timing: Timing;
  readonly ms: readonly number[];
}

async function ask(client: pg.Client, question: Question, values: readonly unknown[]): Promise<number> {
  return within(client, question, async () => {
    const began = performance.now();
    await client.query({ text: question.sql, values: [...values], rowMode: 'array', types: asText });
    return performance.now() - began;
  });
}

/** In a transaction that is undone, where the question writes or needs a setting. */
async function within<T>(
  client: pg.Client,
  { isWrite, setting }: Question,
  work: () => Promise<T>,
): Promise<T> {
  if (isWrite !== true && setting === undefined) return work();
  await client.query('begin');
  try {
    if (setting !== undefined) await client.query(`set local ${setting}`);
    return await work();
  } finally {
    await client.query('rollback');
  }
}

/** Leaves values as the server sent them: reading them costs the same whatever the plan, and belongs to the client. */
const asText: pg.CustomTypesConfig = { getTypeParser: () => (value: string) => value };

/** What EXPLAIN says of a statement, planned and, with `analyze`, run. */
export async function explain(
  client: pg.Client,
  question: Question,
  values: readonly unknown[],
  options = '',
): Promise<Explained> {
  const { rows } = await within(client, question, () =>
    client.query<{ 'QUERY PLAN': readonly [Explained] }>(`explain (format json${options}) ${question.sql}`, [
      ...values,
    ]),
  );
  const [answer] = rows;
  if (answer === undefined) throw new Error('EXPLAIN said nothing');
  return answer['QUERY PLAN'][0];
}

export interface Explained {
  readonly Plan: PlanNode;
  /** Milliseconds, with `analyze` or `summary`. */
  readonly 'Planning Time'?: number;
}

/** The same question before and after. */
export const compare = (
  before: DatabaseName,
  after: DatabaseName,
  question: Question,
  other: Question = question,
): Measure => ({
  needs: [before, after],
  run: async (lab) => {
    const [first, second] = await askInTurn(lab, [before, after], [question, other]);
    if (first === undefined || second === undefined) throw new Error('a comparison has two sides');
    const ratio = median(second.ms.map((ms, run) => ms / (first.ms[run] ?? Number.NaN)));
    return { kind: 'compared', label: question.label, before: first.timing, after: second.timing, ratio };
  },
});

/** One question in one database. */
export const time = (database: DatabaseName, question: Question): Measure => ({
  needs: [database],
  run: async (lab) => {
    const [asked] = await askInTurn(lab, [database], [question]);
    if (asked === undefined) throw new Error('nothing was timed');
    return { kind: 'timed', label: question.label, timing: asked.timing };
  },
});

/** A number that one row of SQL says: `value`. */
export const figure = (
  database: DatabaseName,
  { label, unit, sql }: { readonly label: string; readonly unit: string; readonly sql: string },
): Measure => ({
  needs: [database],
  run: async (lab) => ({
    kind: 'figure',
    label,
    unit,
    value: await numberOf(lab.connection(database), sql),
  }),
});

export async function numberOf(
  client: pg.Client,
  sql: string,
  values: readonly unknown[] = [],
): Promise<number> {
  const { rows } = await client.query<{ value: unknown }>(sql, [...values]);
  const value = Number(rows[0]?.value ?? Number.NaN);
  if (!Number.isFinite(value)) throw new Error(`no number: ${sql}`);
  return value;
}

/** A statement of the demo's workload, which is where most query patterns of the documents are written down. */
export function workload(name: string): Question {
  const found: WorkloadStatement | undefined = workloadStatements.find((one) => one.name === name);
  if (found === undefined) throw new Error(`the demo's workload has no statement "${name}"`);
  const { sql, parameters, kind } = found;
  return { label: name, sql, parameters, isWrite: kind === 'write' };
}

/** A source of parameters with a fixed seed. */
export function drawFrom(keys: Keys, now: Date, seed: number): Draw {
  const random = seededRandom(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  return {
    keys,
    now,
    below,
    one: (choices) => {
      const choice = choices[below(choices.length)];
      if (choice === undefined) throw new RangeError('there is nothing to choose from');
      return choice;
    },
  };
}
