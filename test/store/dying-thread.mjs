/** A thread that opens, and dies of the first call. Plain JavaScript: every Node.js runs it as it is. */
import { parentPort } from 'node:worker_threads';

const opening = { upgradedFrom: undefined, isChecked: true, movedAside: undefined };
const state = { sizeBytes: 0, lastWriteAtMs: 0, lastError: null };
parentPort.on('message', () => {
  throw new Error('out of luck');
});
parentPort.postMessage({ kind: 'opened', opening, state });
