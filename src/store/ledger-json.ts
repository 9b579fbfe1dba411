import { emptyLedger, type Ledger } from '../findings/ledger.ts';
import { type Finding, type FindingKind, findingKinds } from '../model/finding.ts';
import { mapInSlices } from './in-slices.ts';
import type { FindingRow, LedgerRows } from './protocol.ts';

/*
 * A ledger as JSON: each finding by itself, everything else in one document. That document is written without knowing what is in
 * it, maps and sets included, so that a part that a ledger gains is kept from the first day; one that a file does not have yet is
 * as in an empty ledger.
 */

export async function ledgerRowsOf({ findings, ...rest }: Ledger): Promise<LedgerRows> {
  return { rest: JSON.stringify(tagged(rest)), findings: await mapInSlices([...findings], findingRowOf) };
}

const findingRowOf = ([id, { lastSeen, ...finding }]: readonly [string, Finding]): FindingRow => ({
  id,
  body: JSON.stringify(finding),
  lastSeen,
});

/** Findings of kinds that this version does not know, written by another one, are left out. */
export async function ledgerOfRows({ rest, findings }: LedgerRows): Promise<Ledger> {
  const entries = await mapInSlices(findings, ({ id, body, lastSeen }): readonly [string, Finding] => [
    id,
    { ...(JSON.parse(body) as Omit<Finding, 'lastSeen'>), lastSeen },
  ]);
  const known = new Set<FindingKind>(findingKinds);
  return {
    ...emptyLedger,
    ...(untagged(JSON.parse(rest)) as Partial<Ledger>),
    findings: new Map(entries.filter(([, { kind }]) => known.has(kind))),
  };
}

const mapTag = '$map';
const setTag = '$set';

/** The value with maps and sets as objects with one key that no other object here has. */
function tagged(value: unknown): unknown {
  if (value instanceof Map) return { [mapTag]: [...value].map(([key, held]) => [tagged(key), tagged(held)]) };
  if (value instanceof Set) return { [setTag]: [...value].map(tagged) };
  if (Array.isArray(value)) return value.map(tagged);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, tagged(held)]));
}

function untagged(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(untagged);
  if (typeof value !== 'object' || value === null) return value;
  if (mapTag in value) return new Map(untagged(value[mapTag]) as [unknown, unknown][]);
  if (setTag in value) return new Set(untagged(value[setTag]) as unknown[]);
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, untagged(held)]));
}
