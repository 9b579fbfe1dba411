import { MiB } from '../../src/model/units.ts';
import { withClient } from './catalogue.ts';
import { daemonOn, touch } from './cycles.ts';
import { type Figure, slope } from './figure.ts';
import { columnOf, type Surroundings } from './surroundings.ts';

/** So many steady passes; a catalogue as wide as to take seconds for each has fewer. */
const passesFor = (size: number): number => (size <= 1_000 ? 200 : size <= 10_000 ? 60 : 20);

/** What the process takes after the start, at its peak and after passes; how the heap grows from pass to pass. */
export async function measureMemory(around: Surroundings): Promise<readonly Figure[]> {
  const { server, database, size } = around;
  const at = columnOf(size);
  const aimBytes = size <= 1_000 ? 120 * MiB : 350 * MiB;
  return withClient(server.superuserUrl(database), async (superuser) => {
    const daemon = daemonOn(around);
    try {
      await daemon.listening();
      const started = await daemon.ask('memory');
      await daemon.firstPass();
      const first = await daemon.ask('memory');
      const passes = passesFor(size);
      const heaps: number[] = [];
      let rssMax = 0;
      for (let round = 0; round < passes; round += 1) {
        if (round % 5 === 0) await touch(superuser, round);
        await daemon.pass();
        rssMax = Math.max(rssMax, (await daemon.ask('memory')).rss);
        heaps.push((await daemon.ask('memory', { gc: true })).heapUsed);
      }
      const after = await daemon.ask('memory', { gc: true });
      // What is kept for the first time is growth and no leak: the second half tells.
      const grown = slope(heaps.slice(Math.floor(passes / 2)));
      const row = (what: string, value: number, aim?: number): Figure => ({
        ...{ piece: 'memory', at, what, value, unit: 'bytes' },
        ...(aim === undefined ? {} : { aim, limit: aim * 1.5 }),
      });
      return [
        row('RSS when it listens', started.rss),
        row('RSS after the first pass', first.rss),
        row('RSS at its peak, all passes', after.rssPeak, aimBytes),
        row('RSS after a pass, highest', rssMax),
        row('RSS after the passes', after.rss),
        row('heap after the passes, collected', after.heapUsed),
        row('outside the heap', after.external),
        { piece: 'memory', at, what: 'passes', value: passes, unit: 'count' },
        row('heap’s slope a pass, second half', grown),
        {
          ...{ piece: 'memory', at, what: 'that slope, of the heap', unit: 'share' },
          value: grown / after.heapUsed,
          aim: 0.001,
          limit: 0.005,
        },
      ];
    } finally {
      await daemon.stop();
    }
  });
}
