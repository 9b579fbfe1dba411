import { z } from 'zod';
import { duration, onOff, schedule, setting, size, timeZone, whole } from './fields.ts';
import { notAnObject } from './schema-connection.ts';

/** How bloat is measured: what is read of the indexes themselves, beside the catalogue. */
export const BloatSettings = z
  .strictObject(
    {
      enabled: setting(
        onOff(),
        'Whether indexes are measured with pgstattuple, where that extension is installed. Without it bloat is estimated, and only as far as column statistics can be seen.',
      ).prefault(true),
      schedule: setting(
        schedule(),
        'When to look for indexes that need measuring. They are measured one at a time, as fast as the budget allows.',
      ).prefault('50 */5 * * * *'),
      timezone: setting(timeZone(), 'Time zone of the schedule.').prefault('UTC'),
      maxRandomDelay: setting(duration({ max: '1h' }), {
        description:
          'Each run starts at a random moment within this time after its schedule, so that targets do not come all at once.',
        reason: 'An hour spreads even the slowest schedule.',
      }).prefault('10s'),
      budgetPerMinute: setting(size({ min: '1MiB' }), {
        description:
          'Bytes of indexes that may be read in a minute, over all databases of a server. An index larger than that is read at once, and the next waits until it is paid for.',
        reason: 'Below 1 MiB a minute an index of a GiB would be paid for in a day.',
      }).prefault('1GiB'),
      maxIndexSize: setting(
        size(),
        'Larger indexes are never read; for them there are only estimates. `0` reads none.',
      ).prefault('8GiB'),
      remeasureAfter: setting(duration({ min: '1h', max: '365d' }), {
        description: 'An index is measured again when the last time is longer ago than this.',
        reason: 'Hourly is more than any index changes; after a year the last time says nothing.',
      }).prefault('7d'),
      remeasureChangePercent: setting(whole({ min: 1, max: 1000 }), {
        description: 'An index is measured again when its size or its number of entries moved by more.',
        reason: 'Below one percent every write would be a reason to read the whole index.',
      }).prefault(10),
      deadRowsPercent: setting(whole({ min: 1, max: 100 }), {
        description:
          'An index is measured again when the share of dead rows in its table has risen above this since the last time.',
        reason: 'A share, in percent.',
      }).prefault(20),
      baselineMinSize: setting(
        size(),
        'After a rebuild an index of at least this size is the measure of what it should be later. Smaller ones are rounded to pages too coarsely.',
      ).prefault('1MiB'),
      statementTimeout: setting(duration({ min: '100ms', max: '1m' }), {
        description:
          'How long one measurement may take whatever the size, besides `statementTimeoutPerMiB`. `limits.statementTimeout` does not hold for measurements.',
        reason: 'Below 100 ms small indexes fail on a busy disk; the rest should depend on the size.',
      }).prefault('2s'),
      statementTimeoutPerMiB: setting(duration({ min: '1ms', max: '1s' }), {
        description: 'How much longer it may take for each MiB of the index.',
        reason: 'A disk reads a MiB in 0.3 to 5 ms; a second is a disk that should not be read at all.',
      }).prefault('10ms'),
      watchInterval: setting(duration({ min: '50ms', max: '5s' }), {
        description:
          'How often the collecting connection looks, while an index is read, whether somebody waits for it; the measurement then gives way.',
        reason: 'More often is a load of its own; others would wait for us as long.',
      }).prefault('100ms'),
      activeBackendsMax: setting(whole({ min: 1, max: 100_000 }), {
        description: 'Nothing is measured while more client sessions are running a statement on the server.',
        reason: 'There is always one.',
      }).prefault(32),
      buildsKept: setting(whole({ min: 1, max: 100 }), {
        description:
          'The time that a rebuild takes is learned from index builds that were seen running: the median of so many of each access method, the newest.',
        reason: 'One is no median but what there is; a hundred reach back to another machine.',
      }).prefault(9),
      buildMinSize: setting(
        size(),
        'Builds of smaller indexes teach nothing: they are over between two looks, and take longer to begin and end than to write.',
      ).prefault('16MiB'),
      buildMaxSpread: setting(whole({ min: 2, max: 100 }), {
        description:
          'A build is seen once a minute, so that its time lies between bounds. It teaches nothing where the longest is more than so many times the shortest.',
        reason:
          'Bounds never meet, since the looks before and after lie outside; beyond a factor of 100 it is no measurement.',
      }).prefault(3),
    },
    notAnObject,
  )
  .meta({ title: 'bloat' });
