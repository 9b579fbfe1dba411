import { writeSync } from 'node:fs';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';
import { operationsNowMs, operationsRetentionDays, perform } from './operations.ts';
import { usualRetention } from './usual-retention.ts';

/*
 * Makes the calls of operations.ts, one after the other, from the given number on, until it is killed; each is said on standard
 * output once it was acknowledged. Arguments: path of the store, first number.
 */

const [path = '', first = '0'] = process.argv.slice(2);
const store = await openSqliteStore({
  file: { path, busyTimeoutMs: 1_000, synchronous: 'normal', checkTimeLimitMs: 30_000 },
  retention: { ...usualRetention, usageDays: operationsRetentionDays },
  now: () => operationsNowMs,
});
writeSync(1, 'opened\n');
for (let number = Number(first); ; number += 1) {
  await perform(store, number);
  writeSync(1, `${number}\n`);
}
