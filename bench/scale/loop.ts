import { setTimeout as delay } from 'node:timers/promises';
import { percentile } from '../spec/statistics.ts';
import { withClient } from './catalogue.ts';
import { daemonOn, touch } from './cycles.ts';
import type { Figure } from './figure.ts';
import { columnOf, type Surroundings } from './surroundings.ts';

const steadyPasses = 3;
/** The bound. */
const aimMs = 50;

interface Answered {
  readonly health: number[];
  readonly metrics: number[];
  failures: number;
}

/** How long the event loop is held up during a first pass and during steady ones, while health and metrics are asked for. */
export async function measureLoop(around: Surroundings): Promise<readonly Figure[]> {
  const { server, database } = around;
  const at = columnOf(around.size);
  const figures: Figure[] = [];
  await withClient(server.superuserUrl(database), async (superuser) => {
    const daemon = daemonOn(around, {}, 'watched');
    const answered: Answered = { health: [], metrics: [], failures: 0 };
    try {
      const address = await daemon.listening();
      const stop = new AbortController();
      const asking = Promise.all([
        askOften(`${address}/healthz`, 20, answered.health, answered, stop.signal),
        askOften(`${address}/metrics`, 100, answered.metrics, answered, stop.signal),
      ]);
      await daemon.firstPass();
      const first = await daemon.ask('unwatch');
      const steady = { longestMs: 0, p99Ms: 0, longestCollectionMs: 0, longestOwnMs: 0 };
      for (let round = 0; round < steadyPasses; round += 1) {
        await touch(superuser, round);
        await daemon.ask('watch');
        await daemon.pass();
        const seen = await daemon.ask('unwatch');
        for (const key of Object.keys(steady) as (keyof typeof steady)[])
          steady[key] = Math.max(steady[key], seen[key]);
      }
      stop.abort();
      await asking;
      const row = (what: string, value: number, aim?: number): Figure => ({
        ...{ piece: 'loop', at, what, value, unit: 'ms' },
        ...(aim === undefined ? {} : { aim, limit: aim * 4 }),
      });
      figures.push(
        row('longest block, first pass', first.longestMs, aimMs),
        row('longest without V8’s collector, first pass', first.longestOwnMs),
        row('longest stop for V8’s collector, first pass', first.longestCollectionMs),
        row('longest block, steady passes', steady.longestMs, aimMs),
        row('longest without V8’s collector, steady passes', steady.longestOwnMs),
        row('longest stop for V8’s collector, steady passes', steady.longestCollectionMs),
        row('99th percentile of the loop’s delay, steady passes', steady.p99Ms),
        row('/healthz meanwhile, p99', percentile(answered.health, 0.99)),
        row('/healthz meanwhile, longest', Math.max(...answered.health)),
        row('/metrics meanwhile, p99', percentile(answered.metrics, 0.99)),
        row('/metrics meanwhile, longest', Math.max(...answered.metrics)),
        {
          piece: 'loop',
          at,
          what: 'answers asked for',
          value: answered.health.length + answered.metrics.length,
          unit: 'count',
        },
        {
          piece: 'loop',
          at,
          what: 'answers that failed',
          value: answered.failures,
          unit: 'count',
          aim: 0,
          limit: 0,
        },
      );
    } finally {
      await daemon.stop();
    }
  });
  return figures;
}

async function askOften(
  url: string,
  everyMs: number,
  latencies: number[],
  answered: Answered,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const began = performance.now();
    try {
      const response = await fetch(url);
      await response.arrayBuffer();
      if (!response.ok) answered.failures += 1;
    } catch {
      answered.failures += 1;
    }
    latencies.push(performance.now() - began);
    await delay(everyMs, undefined, { signal }).catch(() => {});
  }
}
