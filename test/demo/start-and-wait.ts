// Started by embedded-server.test.ts as a program of its own: starts a server, says what it is, and waits to be killed.
import { installBinaries } from '../../src/demo/binaries.ts';
import { startEmbeddedServer } from '../../src/demo/embedded-server.ts';

const [behaviour, dataDirectory, keep] = process.argv.slice(2);
const binaries = await installBinaries(17);
if (binaries.kind === 'missing') throw new Error(binaries.remedy);
if (behaviour === 'announce-start') process.stdout.write(`${JSON.stringify({ starting: true })}\n`);
const server = await startEmbeddedServer({ binaries, dataDirectory, keep: keep === 'keep' });
process.stdout.write(
  `${JSON.stringify({ pid: server.pid, dataDirectory: server.dataDirectory, logFile: server.logFile })}\n`,
);
if (behaviour === 'throw') throw new Error('a crash, as the test asked for');
if (behaviour !== 'end') setInterval(() => {}, 60_000);
