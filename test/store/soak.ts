import { parseArgs } from 'node:util';
import { compile } from './compiled.ts';
import { killWriters, writerFiles } from './killing.ts';

/** `npm run soak:store -- --times 5000`: the test of kill.test.ts, for as long as it takes. */
const { values } = parseArgs({ options: { times: { type: 'string', default: '1000' } } });
const times = Number(values.times);
if (!Number.isInteger(times) || times < 1) throw new Error(`--times ${values.times} is no count`);

const compiled = compile('soak', ...writerFiles);
try {
  const report = await killWriters({
    compiled,
    times,
    timesMin: times,
    limitMs: Number.POSITIVE_INFINITY,
    random: Math.random,
    onKill: ({ kills, calls }) => {
      if (kills % 100 === 0) console.log(`${kills} kills, ${calls} calls acknowledged: nothing lost`);
    },
  });
  console.log(JSON.stringify(report));
} finally {
  compiled.remove();
}
