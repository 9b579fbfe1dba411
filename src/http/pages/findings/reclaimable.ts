import type { Finding } from '../../../model/finding.ts';
import { tableKey } from './order.ts';

/** Bytes that following the SQL of these frees: each index counts once, by the most that one of its open findings promises. */
export function reclaimableBytes(findings: readonly Finding[]): number {
  const bytesOf = new Map<string, number>();
  for (const finding of findings) {
    const { impact, fix, state, indexrelname } = finding;
    if (fix.sql === null || state !== 'open' || impact.reclaimableBytes <= 0) continue;
    const key = `${tableKey(finding)}\0${indexrelname ?? ''}`;
    bytesOf.set(key, Math.max(bytesOf.get(key) ?? 0, impact.reclaimableBytes));
  }
  let total = 0;
  for (const bytes of bytesOf.values()) total += bytes;
  return total;
}
