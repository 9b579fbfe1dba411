import { z } from 'zod';
import { duration, onOff, setting, whole } from './fields.ts';
import { notAnObject } from './schema-connection.ts';

/** What planning and running probes may cost a server, whatever the manifests say. */
export const ProbesSettings = z
  .strictObject(
    {
      enabled: setting(onOff(), 'Whether probes are planned at all.').prefault(true),
      analyze: setting(
        onOff(),
        'Whether probes that say `analyze: true` are run. Turned off, they are planned only, and no target is judged.',
      ).prefault(true),
      planTimeout: setting(duration({ min: '100ms', max: '30s' }), {
        description: 'How long planning one probe may take.',
        reason: 'Below 100 ms large partition trees fail; a query that plans for half a minute is no probe.',
      }).prefault('5s'),
      analyzeTimeout: setting(duration({ min: '100ms', max: '5s' }), {
        description: 'How long running one probe may take; it then counts as that slow, at least.',
        reason:
          'A statement that runs on holds back vacuum, on the primary too where a standby gives feedback.',
      }).prefault('5s'),
      watchInterval: setting(duration({ min: '50ms', max: '5s' }), {
        description:
          'How often the collecting connection looks, while a probe runs, whether somebody waits for it, the server has become busy or a standby lags; the probe is then cancelled.',
        reason:
          'More often is a load of its own, and others wait for us as long; later than the probe itself would end it looks for nothing.',
      }).prefault('100ms'),
      activeBackendsMax: setting(whole({ min: 1, max: 100_000 }), {
        description:
          'No probe is run, and one that runs is cancelled, while more client sessions are running a statement.',
        reason: 'There is always one.',
      }).prefault(32),
      replicationLagMax: setting(duration({ max: '1d' }), {
        description:
          'No probe is run, and one that runs is cancelled, while a standby is further behind than this.',
        reason: 'A standby a day behind is not one that a probe would notice.',
      }).prefault('30s'),
    },
    notAnObject,
  )
  .meta({ title: 'probes' });
export type ProbesSettings = z.output<typeof ProbesSettings>;
