import type { Config, Server } from '../config/config.ts';
import { compileFilter } from '../config/globs.ts';
import { pgClientAttempts } from '../config/pg-client.ts';
import { discoverDatabases } from '../postgres/discover.ts';
import { Session } from '../postgres/session.ts';
import type { ConnectionSlots } from '../postgres/slots.ts';
import type { WatchLog } from './target-watcher.ts';

/** The databases of a server that its filter lets through; undefined, with a line in the log, when it cannot be asked. */
export async function discover(
  server: Server,
  slots: ConnectionSlots,
  { limits }: Config,
  { log, signal }: { readonly log: WatchLog; readonly signal: AbortSignal },
): Promise<readonly string[] | undefined> {
  if (server.databases.kind !== 'discovered') return undefined;
  const { connectTo, filter } = server.databases;
  const release = await slots.acquire(signal).catch(() => undefined);
  if (release === undefined) return undefined;
  try {
    const attempts = pgClientAttempts(server.primary.connection, connectTo);
    const sessionLimits = {
      connectTimeoutMs: limits.connectTimeout.ms,
      lockTimeoutMs: limits.lockTimeout.ms,
      allowPooler: server.allowPooler,
    };
    const session = await Session.open(attempts, sessionLimits, signal);
    const names = session.ok
      ? await discoverDatabases(session.value, { statementTimeoutMs: limits.statementTimeout.ms, signal })
      : session;
    if (session.ok) await session.value.close();
    if (names.ok) return names.value.filter(compileFilter(filter));
    log.warn(
      { event: 'discovery-failed', server: server.name, error: names.error.message },
      'databases could not be listed',
    );
    return undefined;
  } finally {
    release();
  }
}
