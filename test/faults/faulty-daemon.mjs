/*
 * Loaded into a daemon before everything else (node --import): makes it fail on order. An order is written into the file named by
 * INDEXWARDEN_FAULT_ORDERS, and carried out on SIGUSR2; what it answers is appended to that file's `.answers`.
 */
import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';

const threads = createRequire(import.meta.url)('node:worker_threads');
const file = process.env.INDEXWARDEN_FAULT_ORDERS;
const workers = [];
const { Worker } = threads;
threads.Worker = class extends Worker {
  constructor(...args) {
    super(...args);
    workers.push(this);
  }
};
syncBuiltinESMExports();

const { default: pg } = await import('pg');
const { detectors } = await import('../../dist/detectors/index.js');
const { query } = pg.Client.prototype;
const evaluations = new Map(detectors.map((detector) => [detector.id, detector.evaluate]));

const orders = {
  /** The store's thread meets a message that it does not know, and ends by the exception. */
  'end-thread': () => workers.at(-1).postMessage({ kind: 'out of luck' }),
  'throw-in-detector': (id) => {
    detectors.find((detector) => detector.id === id).evaluate = () => {
      throw new TypeError('a detector out of luck');
    };
  },
  'mend-detector': (id) => {
    detectors.find((detector) => detector.id === id).evaluate = evaluations.get(id);
  },
  /** Every statement that holds this text makes the client throw, and leaves a rejection that nobody handles. */
  'throw-in-collector': (text) => {
    pg.Client.prototype.query = function (statement, ...rest) {
      const sql = typeof statement === 'string' ? statement : statement?.text;
      if (sql?.includes(text)) {
        void Promise.reject(new Error('a rejection out of luck'));
        throw new TypeError('a collector out of luck');
      }
      return query.call(this, statement, ...rest);
    };
  },
  'mend-collector': () => {
    pg.Client.prototype.query = query;
  },
  throw: () =>
    setImmediate(() => {
      throw new Error('an exception out of luck');
    }),
  measure: () => {
    globalThis.gc();
    globalThis.gc();
    const { heapUsed, rss } = process.memoryUsage();
    return { heapUsed, rss, handles: process.getActiveResourcesInfo().length, files: openFiles() };
  },
};

const openFiles = () => readdirSync('/proc/self/fd').length;

process.on('SIGUSR2', () => {
  const [order, ...words] = readFileSync(file, 'utf8').trim().split(' ');
  const answer = orders[order](...words);
  appendFileSync(`${file}.answers`, `${JSON.stringify(answer ?? null)}\n`);
});
