import { z } from 'zod';
import { duration, setting, size, whole } from './fields.ts';
import { notAnObject } from './schema-connection.ts';

/** What use of indexes is remembered by. */
export const HistorySettings = z
  .strictObject(
    {
      maxGap: setting(duration({ min: '10m', max: '7d' }), {
        description:
          'A longer time without counters from a node breaks its window: verdicts of disuse wait until a whole window has been observed again. Shorter ones are bridged, since counters add up, as long as nothing shows that they were reset. Counters older than this stand for nothing.',
        reason:
          'Below ten minutes every restart of the daemon would break the window; a week without a look is no observation.',
      }).prefault('6h'),
      chartDays: setting(whole({ min: 7, max: 400 }), {
        description:
          'Days that charts and the histories of the API show at most. Sizes are remembered for forty days, use for `storage.usageRetention`.',
        reason:
          'A line of less than a week says nothing; a chart cannot tell more than four hundred days apart.',
      }).prefault(90),
      chartBytes: setting(size({ min: '1MiB', max: '1GiB' }), {
        description:
          'Kept days of use that are read for one chart at most, the newest first. Older days are then shown as unknown, and that is said.',
        reason:
          'A day of a database takes about ten bytes for each index that was used. Below 1 MiB a large database has no chart; 1 GiB keeps a core busy for half a minute.',
      }).prefault('64MiB'),
    },
    notAnObject,
  )
  .meta({ title: 'history' });
export type HistorySettings = z.output<typeof HistorySettings>;
