import { dayMs, GiB } from '../../src/model/units.ts';
import type { Retention } from '../../src/store/protocol.ts';

/** As the settings have it where nobody says otherwise. */
export const usualRetention: Retention = {
  usageDays: 400,
  eventsForMs: 400 * dayMs,
  eventsMax: 100_000,
  bytesMax: GiB,
};
