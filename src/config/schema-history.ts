import { z } from 'zod';
import { duration, setting } from './fields.ts';
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
    },
    notAnObject,
  )
  .meta({ title: 'history' });
export type HistorySettings = z.output<typeof HistorySettings>;
