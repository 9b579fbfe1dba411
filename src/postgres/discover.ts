import type { CollectionError } from '../model/outcome.ts';
import { err, ok, type Result } from '../model/result.ts';
import { collectionError } from './errors.ts';
import { readQuery } from './queries.ts';
import type { Session } from './session.ts';

/** Names of the databases that allow connections and are no templates. */
export async function discoverDatabases(
  session: Session,
  options: { readonly statementTimeoutMs: number; readonly signal: AbortSignal },
): Promise<Result<readonly string[], CollectionError>> {
  try {
    const { rows } = await session.transaction(options, (ask) => ask(readQuery('databases.sql')));
    return ok(rows.map(([name]) => String(name)));
  } catch (caught) {
    return err(collectionError(caught, 'listing databases'));
  }
}
