import { z } from 'zod';
import { duration, setting, size, whole } from './fields.ts';
import { notAnObject } from './schema-connection.ts';

/** How findings live from one evaluation to the next. */
export const FindingsSettings = z
  .strictObject(
    {
      resolvedFor: setting(duration({ max: '1100d' }), {
        description: 'How long resolved findings are remembered and listed.',
        reason: 'Three years outlast every question of who dropped what; `0d` forgets them at once.',
      }).prefault('30d'),
      resolvedMax: setting(whole({ max: 100_000 }), {
        description: 'Resolved findings of one database that are remembered at most, the newest first.',
        reason: 'They are held in memory with the open ones; a hundred thousand are some 300 MB.',
      }).prefault(1000),
      reopenWithin: setting(duration({ max: '30d' }), {
        description:
          'One that comes back sooner than this after it was resolved is the same finding: reopened, with its first sight and its origin kept. Later it is a new one.',
        reason: 'What was gone for a month and comes back deserves to be said anew.',
      }).prefault('1d'),
      absentFor: setting(duration({ max: '1d' }), {
        description:
          'A finding that came back within `reopenWithin` is resolved only after it was not found for this long, so that what comes and goes is not said each time. `lastSeen` tells when it was last found.',
        reason: 'Longer than a day a mended problem would be shown as open; `0s` resolves at once.',
      }).prefault('30m'),
      openedTogether: setting(whole({ max: 1000 }), {
        description:
          'Where one evaluation opens more findings than this, one event for each kind tells of them.',
        reason: 'Nobody reads a thousand events of one moment.',
      }).prefault(20),
      baselineGrowthMin: setting(size(), {
        description:
          'A finding of the first look that has doubled in bytes since counts as new if it has grown by at least this much.',
        reason: 'What doubles from 16 KiB to 32 KiB is no news.',
      }).prefault('1MiB'),
    },
    notAnObject,
  )
  .meta({ title: 'findings' });
export type FindingsSettings = z.output<typeof FindingsSettings>;
