import type { ServerFact } from '../collectors/server.ts';
import type { Draft } from '../detectors/draft.ts';
import type { Finding } from '../model/finding.ts';
import type { Ledger, Observation } from './ledger.ts';

/**
 * What a rename of the index or the table leaves as it is: the oid within its cluster, and for what is about a table also the
 * subject (a foreign key's name). A rebuild that gives a new oid keeps the names, so that it needs no recognising.
 */
export function lineageOf(
  draft: Pick<Draft, 'index' | 'table' | 'subject'>,
  server: Pick<ServerFact, 'systemIdentifier' | 'databaseOid'>,
): string {
  const relation =
    draft.index === null ? `table ${draft.table.oid} ${draft.subject}` : `index ${draft.index.oid}`;
  return `${server.systemIdentifier} ${server.databaseOid} ${relation}`;
}

/**
 * Findings that were not there before and are about the very relation of one that is there no longer: by the new id the old
 * finding. Names that were merely exchanged are no renames, since both findings go on under their ids.
 */
export function renamesIn(
  previous: Ledger,
  { found, lineages }: Pick<Observation, 'found' | 'lineages'>,
): ReadonlyMap<string, Finding> {
  const renames = new Map<string, Finding>();
  if (lineages === undefined) return renames;
  const foundIds = new Set(found.map(({ id }) => id));
  const gone = new Map<string, Finding>();
  for (const [id, finding] of previous.findings) {
    const lineage = previous.life.get(id)?.lineage ?? null;
    if (finding.state !== 'resolved' && !foundIds.has(id) && lineage !== null)
      gone.set(`${finding.kind} ${lineage}`, finding);
  }
  for (const { id, kind } of found) {
    const known = previous.findings.get(id);
    const lineage = lineages.get(id);
    if (lineage === undefined || (known !== undefined && known.state !== 'resolved')) continue;
    const key = `${kind} ${lineage}`;
    const old = gone.get(key);
    if (old === undefined) continue;
    renames.set(id, old);
    gone.delete(key);
  }
  return renames;
}
