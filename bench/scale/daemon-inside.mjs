/**
 * The daemon as it is built, with a channel to whoever measures it: started as `node daemon-inside.mjs FILE`, FILE being a configuration as
 * JSON; a second word, `watched` or `profiled`, begins with that before the daemon starts. Plain JavaScript, so that no compiler lives in the measured process. Nothing of the daemon is replaced; the fleet it starts is
 * taken note of, so that a pass can be asked for at any moment.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import path from 'node:path';
import { monitorEventLoopDelay, PerformanceObserver, performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
const built = (file) => import(path.join(root, 'dist', file));
const [{ Fleet }, { startDaemon }, { loadConfig }, { declarations }, { detectors }] = await Promise.all(
  ['watch/fleet.js', 'watch/daemon.js', 'config/load.js', 'watch/declarations.js', 'detectors/index.js'].map(
    built,
  ),
);

const now = () => performance.timeOrigin + performance.now();
const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e3;
};
const send = (message) => process.send?.(message);

/** Ticks of a timer: the longest time between two is the longest the loop was held up, and when. */
const tickMs = 5;
const blocksKept = 50;
let ticker;
let monitor;
let blocks = [];
/** Collections of garbage since watching began. */
let collections = [];
const collecting = new PerformanceObserver((list) => {
  for (const { startTime, duration } of list.getEntries()) collections.push({ startTime, duration });
});

const startWatching = () => {
  blocks = [];
  collections = [];
  collecting.observe({ entryTypes: ['gc'] });
  monitor = monitorEventLoopDelay({ resolution: 1 });
  monitor.enable();
  let last = performance.now();
  ticker = setInterval(() => {
    const at = performance.now();
    const heldUpMs = at - last - tickMs;
    if (heldUpMs > 10) {
      // Microseconds of the monotonic clock, as a CPU profile counts them.
      const endUs = Number(process.hrtime.bigint() / 1000n);
      blocks.push({ ms: heldUpMs, endUs, endMs: at });
      if (blocks.length > 2 * blocksKept) blocks = longest(blocks);
    }
    last = at;
  }, tickMs);
};
const longest = (all) => all.toSorted((a, b) => b.ms - a.ms).slice(0, blocksKept);

/** What the collector took of the time between `fromMs` and `toMs`. */
const collectedMs = (fromMs, toMs) =>
  collections.reduce(
    (sum, { startTime, duration }) =>
      sum + Math.max(0, Math.min(startTime + duration, toMs) - Math.max(startTime, fromMs)),
    0,
  );

const stopWatching = async () => {
  clearInterval(ticker);
  monitor.disable();
  // Entries come in a later turn than what they tell of.
  await delay(50);
  collecting.disconnect();
  return {
    longestMs: monitor.max / 1e6,
    p99Ms: monitor.percentile(99) / 1e6,
    longestCollectionMs: Math.max(0, ...collections.map(({ duration }) => duration)),
    longestOwnMs: Math.max(0, ...blocks.map(({ ms, endMs }) => ms - collectedMs(endMs - ms - tickMs, endMs))),
    blocks: longest(blocks),
  };
};

let profiler;
const post = (method, parameters) =>
  new Promise((resolve, reject) =>
    profiler.post(method, parameters, (error, result) => (error ? reject(error) : resolve(result))),
  );

const loaded = loadConfig({
  ...declarations,
  env: {},
  document: JSON.parse(readFileSync(process.argv[2], 'utf8')),
});
if (!loaded.ok) throw new Error(JSON.stringify(loaded.error));

const fleets = [];
const start = Fleet.prototype.start;
Fleet.prototype.start = function startNoted() {
  fleets.push(this);
  send({ kind: 'starting', atMs: now(), cpuMs: cpuMs() });
  return start.call(this);
};

const startProfile = async (intervalUs) => {
  profiler = new Session();
  profiler.connect();
  await post('Profiler.enable');
  await post('Profiler.setSamplingInterval', { interval: intervalUs });
  await post('Profiler.start');
  return {};
};
if (process.argv[3] === 'profiled') await startProfile(500);
if (process.argv[3] !== undefined) startWatching();

const quiet = (level) => (fields, message) => {
  if (level !== 'debug' && level !== 'info') send({ kind: 'log', level, fields, message });
};
const daemon = await startDaemon({
  loaded: loaded.value,
  loadAgain: () => loaded,
  detectors,
  version: '0',
  docsDirectory: path.join(root, 'docs'),
  log: { debug: quiet('debug'), info: quiet('info'), warn: quiet('warn'), error: quiet('error') },
  onGeneration: ({ target, number, isUp, error, runs, findings, catalogue, inconclusive }) =>
    send({
      kind: 'generation',
      atMs: now(),
      cpuMs: cpuMs(),
      target,
      number,
      isUp,
      error,
      runs: runs.map(({ name, state, durationMs, facts, reason }) => ({
        name,
        state,
        durationMs,
        facts,
        reason,
      })),
      findings: findings.length,
      indexes: catalogue.indexes.length,
      inconclusive: inconclusive.length,
    }),
});

const commands = {
  collect: () => {
    const asked = { atMs: now(), cpuMs: cpuMs() };
    for (const fleet of fleets) fleet.activateAll();
    return asked;
  },
  memory: ({ gc }) => {
    if (gc) for (let times = 0; times < 3; times += 1) globalThis.gc?.();
    const { rss, heapUsed, heapTotal, external, arrayBuffers } = process.memoryUsage();
    const rssPeak = process.resourceUsage().maxRSS * 1024;
    return { rss, rssPeak, heapUsed, heapTotal, external, arrayBuffers };
  },
  watch: async () => {
    startWatching();
    await delay(50);
    monitor.reset();
    blocks = [];
    collections = [];
    return {};
  },
  unwatch: () => stopWatching(),
  profile: ({ intervalUs }) => startProfile(intervalUs),
  unprofile: async ({ file }) => {
    const { profile } = await post('Profiler.stop');
    profiler.disconnect();
    writeFileSync(file, JSON.stringify(profile));
    return {};
  },
  sampleHeap: async () => {
    profiler = new Session();
    profiler.connect();
    await post('HeapProfiler.startSampling', { samplingInterval: 32_768 });
    return {};
  },
  heapProfile: async () => {
    const { profile } = await post('HeapProfiler.stopSampling');
    profiler.disconnect();
    return profile;
  },
  stop: async () => {
    await daemon.stop();
    return {};
  },
};

process.on('message', async ({ id, command, ...parameters }) => {
  try {
    send({ kind: 'answer', id, value: await commands[command](parameters) });
  } catch (error) {
    send({ kind: 'answer', id, error: String(error?.stack ?? error) });
  }
  if (command === 'stop') process.disconnect();
});
send({ kind: 'listening', address: daemon.address, atMs: now(), cpuMs: cpuMs() });
