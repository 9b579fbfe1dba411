import {
  extensionVersionNum,
  type StatementFact,
  statements,
  statementsSource,
} from '../collectors/statements.ts';
import type { Outcome } from '../model/outcome.ts';
import { quoteIdentifier } from '../plan/sql.ts';
import { type RunOptions, runCollector } from './run-collector.ts';
import type { Session } from './session.ts';

/** Bounds of what is read of statements; each is a setting. */
export interface StatementLimits {
  readonly statementsMax: number;
  readonly statementTextMax: number;
}

/** SQLSTATE of reading the view where the library was not preloaded. */
const notPreloaded = '55000';

/**
 * Reads the costliest statements of this database from pg_stat_statements, in whatever schema and version it is. That it is not
 * installed, not preloaded or not for this role to read is a fact about the database and no failure: the outcome is skipped, with
 * the reason and what would change it. Never throws for what a server or an operator can cause.
 */
export async function collectStatements(
  session: Session,
  options: RunOptions & StatementLimits,
): Promise<Outcome<StatementFact>> {
  const source = await runCollector(session, statementsSource, options);
  if (source.kind !== 'collected') return source;
  const { collectedAtMs } = source;
  const skipped = (reason: string, remedy: string): Outcome<StatementFact> => ({
    kind: 'skipped',
    reason,
    remedy,
    collectedAtMs,
  });
  const [installed] = source.facts;
  if (installed === undefined)
    return skipped('pg_stat_statements is not installed in this database', installing);
  if (!installed.isLoaded) return skipped('pg_stat_statements is installed, but not preloaded', preloading);
  const schema = quoteIdentifier(installed.schemaname);
  if (!installed.isReachable || !installed.isReadable) {
    const role = quoteIdentifier(options.roleName ?? '<role>');
    const grants = [
      ...(installed.isReachable ? [] : [`GRANT USAGE ON SCHEMA ${schema} TO ${role};`]),
      ...(installed.isReadable ? [] : [`GRANT SELECT ON ${schema}.pg_stat_statements TO ${role};`]),
    ];
    return skipped('this role may not read pg_stat_statements', `run: ${grants.join(' ')}`);
  }
  const versionNum = extensionVersionNum(installed.extensionVersion);
  if (versionNum === undefined || versionNum < oldestVersionNum)
    return skipped(
      `pg_stat_statements is of version ${installed.extensionVersion} here, older than 1.4`,
      'run: ALTER EXTENSION pg_stat_statements UPDATE;',
    );
  const outcome = await runCollector(session, statements, {
    ...options,
    versionNum,
    schemaname: installed.schemaname,
    values: [options.statementsMax, options.statementTextMax],
  });
  // A setting of that name in the configuration file looks like a library that is there.
  const isNotPreloaded =
    outcome.kind === 'failed' && 'sqlstate' in outcome.error && outcome.error.sqlstate === notPreloaded;
  return isNotPreloaded ? skipped('pg_stat_statements is installed, but not preloaded', preloading) : outcome;
}

const oldestVersionNum = 1_004;

const preloading =
  'add pg_stat_statements to shared_preload_libraries and restart the server, to know which columns statements filter on';
const installing =
  'add it to shared_preload_libraries, restart the server and run: CREATE EXTENSION pg_stat_statements; to know which columns statements filter on';
