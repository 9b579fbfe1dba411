import { emptyLedger, type Ledger } from '../findings/ledger.ts';
import { type Finding, type FindingKind, findingKinds } from '../model/finding.ts';
import { inSlices, mapInSlices } from './in-slices.ts';
import { jsonOf, mapTag, packed, setTag, unpacked } from './parcels.ts';
import type { FindingRow, LedgerRows, PackedLedger } from './protocol.ts';

/*
 * A ledger as JSON: each finding by itself, everything else in one document. That document is written without knowing what is in
 * it, maps and sets included, so that a part that a ledger gains is kept from the first day; one that a file does not have yet is
 * as in an empty ledger.
 */

export async function packedLedgerOf({ findings, ...rest }: Ledger): Promise<PackedLedger> {
  return {
    rest: await inSlices(jsonOf(rest)),
    findings: await packed(findings, ([id, { lastSeen, ...finding }]) => [
      id,
      lastSeen,
      JSON.stringify(finding),
    ]),
  };
}

/** The other way round, in the thread that has the file. */
export const ledgerRowsOf = ({ rest, findings }: PackedLedger): LedgerRows => ({
  rest,
  findings: [...unpacked(findings)].map(
    ([id = '', lastSeen = '', body = '']): FindingRow => ({ id, lastSeen, body }),
  ),
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

function untagged(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(untagged);
  if (typeof value !== 'object' || value === null) return value;
  if (mapTag in value) return new Map(untagged(value[mapTag]) as [unknown, unknown][]);
  if (setTag in value) return new Set(untagged(value[setTag]) as unknown[]);
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, untagged(held)]));
}
