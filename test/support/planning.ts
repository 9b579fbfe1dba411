import pg from 'pg';
import { readScript, splitSteps } from '../../src/demo/sql-steps.ts';
import type { Generation } from '../../src/findings/generation.ts';
import { dayMs } from '../../src/model/units.ts';
import type { PlanRequest } from '../../src/plan/script/actions.ts';
import { makePlan, type Plan, type PlanFacts, type PlanLimits } from '../../src/plan/script/plan.ts';
import { statementsOf } from './look.ts';
import { withConnection } from './postgres.ts';

/** Fills a database with the demo's residency schema and a little of its data, the failed unique index included. */
export async function loadResidency(url: string): Promise<void> {
  await withConnection(url, async (client) => {
    await client.query(await readScript('demo/residency.sql'));
    await client.query(`set demo.scale = '0.02';\n${await readScript('demo/data-functions.sql')}`);
    for (const name of ['residency-data', 'residency-ageing'])
      for (const { sql } of splitSteps(await readScript(`demo/${name}.sql`))) await client.query(sql);
  });
  await withConnection(url, async (client) => {
    await client.query('vacuum (analyze)');
    // Two people share an address.
    await client
      .query('create unique index concurrently uq_people_email on people (email)')
      .catch((error: pg.DatabaseError) => {
        if (error.code !== '23505') throw error;
      });
  });
}

/** What a plan is made from, of one look. */
export const factsFrom = (generation: Generation): PlanFacts => ({
  target: generation.target,
  catalogue: generation.catalogue,
  findings: generation.findings,
  remedies: generation.remedies ?? new Map(),
  definitions: generation.definitions ?? new Map(),
  standbys: 0,
});

export function planFrom(
  facts: PlanFacts,
  request: Partial<PlanRequest> = {},
  limits: Partial<PlanLimits> = {},
): Plan {
  const made = makePlan(
    facts,
    { scope: 'all', findings: [], ...request },
    { expiresAfterMs: 7 * dayMs, soakMs: 7 * dayMs, ...limits },
  );
  if (!made.ok) throw new Error(made.error);
  return made.value;
}

/**
 * Runs a script in one connection, one statement after another, up to the first error, and returns what it warned of, hints included.
 */
export async function runScript(
  url: string,
  script: string,
  settings: readonly string[] = [],
): Promise<readonly string[]> {
  const client = new pg.Client({ connectionString: url });
  const warnings: string[] = [];
  client.on('error', () => {});
  client.on('notice', ({ severity, message, hint }) => {
    if (severity === 'WARNING') warnings.push(`${message} ${hint ?? ''}`.trim());
  });
  await client.connect();
  try {
    for (const statement of [...settings, ...statementsOf(script)]) await client.query(statement);
  } finally {
    await client.end();
  }
  return warnings;
}

/** Runs a script as a client does that carries on after errors, and returns these. */
export async function runRegardless(url: string, script: string): Promise<readonly string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const errors: string[] = [];
  try {
    for (const statement of statementsOf(script))
      await client.query(statement).catch((error: Error) => void errors.push(error.message));
  } finally {
    await client.end();
  }
  return errors;
}
