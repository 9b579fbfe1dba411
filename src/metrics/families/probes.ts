import { type Family, ofProbe } from './declare.ts';

/** Of declared queries. */
export const probeFamilies = {
  probeDuration: ofProbe('pgindex_probe_duration_seconds', {
    type: 'histogram',
    unit: 'seconds',
    help: 'How long planning and running the probe took on the server, since the start of the daemon; only of probes that are run (analyze: true). One that was ended counts with the time it was given.',
  }),
  probeLastDuration: ofProbe('pgindex_probe_last_duration_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: 'How long the probe took the last time that it was run.',
  }),
  probeTarget: ofProbe('pgindex_probe_target_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: 'How long the probe may take, as its manifest says; absent where it says nothing.',
  }),
  probePage: ofProbe('pgindex_probe_page_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: 'Above what time of the probe somebody is called; absent where nobody is.',
  }),
  probePlan: ofProbe('pgindex_probe_plan_info', {
    type: 'info',
    labels: ['plan_hash'],
    help: 'Always 1: how the probe is planned. The hash stays the same over other costs, row counts and values.',
  }),
  probePlanChanged: ofProbe('pgindex_probe_plan_changed_timestamp_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: 'When the probe was last planned in another way than before; absent where it never was.',
  }),
  probeSuccess: ofProbe('indexwarden_probe_success', {
    type: 'gauge',
    help: 'Whether the last attempt to plan or run the probe succeeded (1) or not (0), in which case nothing is known of it now. The probes list of the API says why.',
  }),
  probeLastRun: ofProbe('indexwarden_probe_last_run_timestamp_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: 'When the probe was last tried; absent before the first time since the start of the daemon.',
  }),
  probeLastSuccess: ofProbe('indexwarden_probe_last_success_timestamp_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: 'When the probe last gave a plan; absent before the first time.',
  }),
} as const satisfies Readonly<Record<string, Family>>;
