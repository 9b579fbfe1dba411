import { type Family, ofDaemon } from './declare.ts';

/** Of the daemon. */
export const daemonFamilies = {
  buildInfo: ofDaemon('indexwarden_build_info', {
    type: 'info',
    labels: ['version', 'node_version'],
    help: 'Always 1: the version of indexwarden and of the Node.js it runs on.',
  }),
  reloadSuccessful: ofDaemon('indexwarden_config_last_reload_successful', {
    type: 'gauge',
    help: 'Whether the last attempt to load the configuration succeeded (1) or the one before is still in force (0).',
  }),
  reloadTimestamp: ofDaemon('indexwarden_config_last_reload_success_timestamp_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: 'When the configuration in force was loaded.',
  }),
  webConfigSuccessful: ofDaemon('indexwarden_web_config_last_reload_successful', {
    type: 'gauge',
    help: 'Whether the last attempt to read the file of http.webConfigFile, or a certificate it names, succeeded (1) or what was read before is still in force (0). Absent without such a file.',
  }),
  webConfigTimestamp: ofDaemon('indexwarden_web_config_last_reload_success_timestamp_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: 'When what is in force of that file was read; absent without one.',
  }),
  measurementBudget: ofDaemon('indexwarden_measurement_budget_bytes_per_second', {
    type: 'gauge',
    labels: ['server'],
    help: 'Bytes of indexes that may be read in a second to measure bloat, over all databases of the server (bloat.budgetPerMinute).',
  }),
  measurementDebt: ofDaemon('indexwarden_measurement_debt_bytes', {
    type: 'gauge',
    unit: 'bytes',
    labels: ['server'],
    help: 'Bytes that were read ahead of the budget; nothing more is measured on the server before they are paid for.',
  }),
  webhookDeliveries: ofDaemon('indexwarden_webhook_deliveries_total', {
    type: 'counter',
    labels: ['webhook', 'outcome'],
    help: 'Messages to webhooks by what became of them: delivered, rejected by the receiver, failed after all attempts, dropped because too many waited, abandoned at the end of the daemon or on a reload.',
  }),
  storeUp: ofDaemon('indexwarden_store_up', {
    type: 'gauge',
    help: 'Whether what is learned is kept on disk: 1 if the last write to storage.path succeeded, 0 if it failed. Absent where no path is set and history is lost at each restart.',
  }),
  storeSize: ofDaemon('indexwarden_store_size_bytes', {
    type: 'gauge',
    unit: 'bytes',
    help: 'Size of the file at storage.path, its write-ahead log included; absent without one.',
  }),
  storeLastWrite: ofDaemon('indexwarden_store_last_write_timestamp_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: 'When something was last written to the file at storage.path; absent without one.',
  }),
  expositionSeries: ofDaemon('indexwarden_exposition_series', {
    type: 'gauge',
    help: 'Series on this page, this one included; compare with sample_limit.',
  }),
  expositionBytes: ofDaemon('indexwarden_exposition_bytes', {
    type: 'gauge',
    unit: 'bytes',
    help: 'Size of this page in the text format, uncompressed.',
  }),
} as const satisfies Readonly<Record<string, Family>>;
