import { z } from 'zod';
import { duration, filePath, oneOf, setting, size, whole } from './fields.ts';

/** Where history, events and mutes are kept, and for how long. */
export const StorageSettings = z
  .strictObject(
    {
      path: setting(
        filePath(),
        'SQLite file for history, findings, events and mutes; its folder must exist, be writable and lie on a local disk. Relative: to the folder of this file, or to the working directory where a flag or a variable gives it. Default: none, everything is kept in memory and lost at each restart.',
      ).optional(),
      usageRetention: setting(duration({ min: '1d', max: '4000d' }), {
        description:
          'How long days of index usage are kept, and targets of which nothing was heard. Longer than every window and business cycle that is judged.',
        reason: 'Usage is counted by whole days; eleven years are beyond any window.',
      }).prefault('400d'),
      eventRetention: setting(duration({ min: '1d', max: '4000d' }), {
        description: 'How long events are kept.',
        reason: 'As for usage: a day at least, eleven years at most.',
      }).prefault('400d'),
      eventsMax: setting(whole({ min: 1000, max: 10_000_000 }), {
        description: 'Events kept at most, over all targets; the newest stay.',
        reason: 'One migration writes hundreds; an event takes half a KiB, so ten million take 5 GiB.',
      }).prefault(100_000),
      maxSize: setting(size({ min: '16MiB', max: '64GiB' }), {
        description:
          'Size of the file from which on the oldest days and events are forgotten, whatever their age; the log says so. A write-ahead log of usually under 16 MiB comes on top.',
        reason:
          'Below 16 MiB the state of one large database does not fit; beyond 64 GiB the check at start would take very long.',
      }).prefault('1GiB'),
      busyTimeout: setting(duration({ min: '100ms', max: '1m' }), {
        description:
          'How long a write waits for a program that has the file open besides us, such as a backup or a shell.',
        reason: 'Under 100 ms the shortest look fails a write; after a minute it is better tried again.',
      }).prefault('5s'),
      synchronous: setting(
        oneOf(['normal', 'full']),
        'When writes are forced to disk. `normal`: now and then; a power loss may cost the last minutes, never the file. `full`: at each write; a power loss costs nothing, each write takes a disk’s flush longer. A killed process loses nothing either way.',
      ).prefault('normal'),
      checkTimeout: setting(duration({ max: '10m' }), {
        description:
          'How long checking the file may take at start; what there was no time for is checked when it is read. `0s` leaves it out.',
        reason: 'The daemon listens only after it; more than ten minutes would look like a failed start.',
      }).prefault('20s'),
    },
    { error: 'is not a group of settings' },
  )
  .meta({ title: 'storage' });
export type StorageSettings = z.output<typeof StorageSettings>;
