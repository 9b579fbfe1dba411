import { afterAll, expect, it } from 'vitest';
import { compile } from './compiled.ts';
import { killWriters, writerFiles } from './killing.ts';

const compiled = compile('kill', ...writerFiles);
afterAll(compiled.remove);

/** On a machine that is busy there are fewer kills rather than a longer test; `npm run soak:store -- --times 5000` has no such limit. */
const limitMs = 35_000;
const timesMin = 30;

it('a process that is killed while it writes loses nothing but the call under way', async () => {
  const report = await killWriters({ compiled, times: 300, timesMin, limitMs, random: Math.random });
  console.log(`killed: ${JSON.stringify(report)}`);
  expect(report.kills).toBeGreaterThanOrEqual(timesMin);
  // Otherwise the kills did not fall where they should.
  expect(report.whileWriting).toBeGreaterThan(report.kills / 2);
  expect(report.calls).toBeGreaterThan(0);
}, 240_000);
