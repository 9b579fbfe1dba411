import { createHash } from 'node:crypto';
import { nodeName, type TargetId } from '../../src/model/ids.ts';
import type { Store } from '../../src/store/store.ts';
import { aFinding, takenAtMs } from '../support/builders.ts';
import { aLedger, anEvent } from './contract.ts';

/*
 * An endless sequence of calls, each known by its number alone, so that one process can make them and another knows what must be
 * there afterwards. Sizes are such that a kill often hits the middle of a write.
 */

const targets: readonly TargetId[] = [
  { server: 'main', datname: 'shop' },
  { server: 'main', datname: 'blog' },
];
const nodes = [nodeName('primary'), nodeName('standby-1')];

/** Noise that is the same each time. */
function noise(seed: string, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let at = 0, block = 0; at < size; at += 32, block += 1)
    bytes.set(
      createHash('sha256')
        .update(`${seed} ${block}`)
        .digest()
        .subarray(0, size - at),
      at,
    );
  return bytes;
}

export async function perform(store: Store, number: number): Promise<void> {
  const target = targets[number % targets.length]!;
  const node = nodes[Math.floor(number / 2) % nodes.length]!;
  const kind = number % 7;
  if (kind === 0) {
    const findings = Array.from({ length: 12 }, (_, n) =>
      aFinding({ id: `f${number + n}`, title: `of ${number}` }),
    );
    await store.keepLedger(target, aLedger(...findings), [
      anEvent({ ...target, title: `event of ${number}` }),
      anEvent({ ...target, title: `another of ${number}` }),
    ]);
  } else if (kind === 1) {
    const records = Array.from({ length: 20 }, (_, n): [string, unknown] => [
      `r${n}`,
      (number + n) % 3 === 0 ? undefined : { of: number, text: 'x'.repeat(300) },
    ]);
    await store.keepRecords(target, 'bloat', new Map(records));
  } else if (kind === 2) {
    const days = [number % 40, (number + 1) % 40].map((day) => ({
      day,
      record: noise(`day ${number} ${day}`, 20_000),
    }));
    await store.foldUsage(target, node, { checkpoint: noise(`checkpoint ${number}`, 60_000), days });
  } else {
    await store.appendUsage(target, node, noise(`collection ${number}`, 1_000 + ((number * 7_919) % 90_000)));
  }
}

/** Everything that the calls leave behind, as text that can be compared. */
export async function contentOf(store: Store): Promise<string> {
  const short = (bytes: Uint8Array | undefined): string | undefined =>
    bytes === undefined ? undefined : createHash('sha256').update(bytes).digest('hex');
  const content: unknown[] = [];
  for (const target of targets) {
    const { findings, observed } = await store.ledgerOf(target);
    content.push([...findings.values()].map(({ id, title }) => [id, title]).sort(), [...observed]);
    const records = await store.recordsOf(target, 'bloat');
    content.push([...records].sort(([a], [b]) => (a < b ? -1 : 1)));
    for (const node of nodes) {
      const { checkpoint, collections } = await store.usageOf(target, node);
      content.push(short(checkpoint), collections.map(short));
      content.push(
        (await store.usageDaysOf(target, node, 0, 99)).map(({ day, record }) => [day, short(record)]),
      );
    }
  }
  content.push((await store.eventsOf({ limit: 30 })).map(({ id, title }) => [id, title]));
  return JSON.stringify(content);
}

/** Days of the calls are the first ones of the epoch: nothing may be too old. */
export const operationsNowMs = takenAtMs;
export const operationsRetentionDays = 100_000;
