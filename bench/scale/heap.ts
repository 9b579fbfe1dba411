import { withClient } from './catalogue.ts';
import { daemonOn, touch } from './cycles.ts';
import type { Figure } from './figure.ts';
import { bytesByComponent } from './profile.ts';
import { columnOf, type Surroundings } from './surroundings.ts';

/** What fills the heap after two passes, by the component that asked for it: V8's sampling heap profiler, of what is still in use. */
export async function measureHeap(around: Surroundings): Promise<readonly Figure[]> {
  const { server, database, size } = around;
  const at = columnOf(size);
  const row = (what: string, value: number): Figure => ({ piece: 'heap', at, what, value, unit: 'bytes' });
  return withClient(server.superuserUrl(database), async (superuser) => {
    const daemon = daemonOn(around);
    try {
      await daemon.ask('sampleHeap');
      await daemon.firstPass();
      await touch(superuser, 1);
      await daemon.pass();
      const { heapUsed } = await daemon.ask('memory', { gc: true });
      const bytes = bytesByComponent(await daemon.ask('heapProfile'));
      const sampled = [...bytes.values()].reduce((sum, value) => sum + value, 0);
      return [
        row('heap in use', heapUsed),
        row('of it asked for in a pass, for each index', sampled / around.facts.indexes),
        ...[...bytes].sort((a, b) => b[1] - a[1]).map(([component, value]) => row(component, value)),
        row('program and libraries, before the first pass', heapUsed - sampled),
      ];
    } finally {
      await daemon.stop();
    }
  });
}
