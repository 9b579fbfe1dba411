import type { Bloat } from '../../analysis/bloat/bloat.ts';
import { dayMs } from '../../model/units.ts';
import type { IndexMemory } from './memory.ts';

/**
 * The memory with the day's ratio of bloat beside the day's size, where it is measured or calibrated: an estimate may jump with every
 * ANALYZE, and a line of them would be read as what happened. The first of a day stays, unless a measurement follows what was only
 * calibrated. The memory itself where there is nothing to note.
 */
export function withRatio(memory: IndexMemory, { ratio, method }: Bloat, nowMs: number): IndexMemory {
  if (ratio === null || (method !== 'measured' && method !== 'calibrated')) return memory;
  const last = memory.sizes.newest;
  if (last === undefined || Math.floor(last.atMs / dayMs) !== Math.floor(nowMs / dayMs)) return memory;
  const isNoted = last.bloat?.method === 'measured' || last.bloat?.method === method;
  return isNoted
    ? memory
    : { ...memory, sizes: memory.sizes.withNewest({ ...last, bloat: { ratio, method } }) };
}
