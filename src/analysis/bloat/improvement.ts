import type { Catalogue, IndexView } from '../catalogue.ts';
import type { BloatKnowledge } from './bloat.ts';

const scannedMethods = new Set(['btree', 'gist', 'hash']);

/**
 * What would make the answer about an index better, as a sentence with the statement to run; null when nothing would. Only what is
 * missing is asked for, the largest gain first.
 */
export function improvementFor(
  index: IndexView,
  input: { readonly knowledge: BloatKnowledge; readonly catalogue: Pick<Catalogue, 'server'> },
): string | null {
  const { server } = input.catalogue;
  const { knowledge } = input;
  if (server === undefined) return null;
  const hasExtension = server.extensions.includes('pgstattuple');
  const isScanned = scannedMethods.has(index.fact.accessMethod);
  const needsExtension = isScanned ? knowledge.scan === undefined : false;
  if (needsExtension && !hasExtension)
    return `install pgstattuple in database ${server.datname}, so that it can be measured: CREATE EXTENSION pgstattuple;`;
  if (needsExtension && !server.hasPgMonitor)
    return `allow measurements: GRANT pg_stat_scan_tables TO ${quoted(server.roleName)};`;
  if (needsExtension) return 'a measurement: indexwarden bloat --measure, or the next one of the daemon';
  if (isScanned && index.fact.accessMethod === 'btree')
    return 'a new measurement: indexwarden bloat --measure, or the next one of the daemon';
  if (knowledge.baseline === undefined || knowledge.baseline.source === 'scan')
    return 'its next REINDEX: what the daemon sees right after it is what it is compared with from then on';
  return null;
}

const quoted = (name: string): string =>
  /^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
