import { z } from 'zod';
import { duration, setting } from './fields.ts';
import { notAnObject } from './schema-connection.ts';

/** What the scripts of `indexwarden plan` allow. */
export const PlanSettings = z
  .strictObject(
    {
      expiresAfter: setting(duration({ min: '1h', max: '90d' }), {
        description: 'How long after it was made a plan may be run; later it stops at its first check.',
        reason:
          'In less than an hour nobody has read it; after a quarter what it rests on has changed with certainty.',
      }).prefault('7d'),
      soak: setting(duration({ min: '1h', max: '90d' }), {
        description:
          'How long to watch what the drop of one index does before another of the same table is dropped. Those are printed commented out, with the date.',
        reason: 'Reports that are run once a week show what is missing only then; an hour shows the worst.',
      }).prefault('7d'),
    },
    notAnObject,
  )
  .meta({ title: 'plan' });
export type PlanSettings = z.output<typeof PlanSettings>;
