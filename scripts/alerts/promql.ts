import { assertNever } from '../../src/model/result.ts';
import type { Measure } from './settings.ts';

/** Labels by what a series is about; joins and aggregations name them always, so that two daemons on one server do not clash. */
export const targetLabels = 'server, datname';
export const tableLabels = `${targetLabels}, schemaname, relname`;
export const indexLabels = `${tableLabels}, indexrelname`;
export const findingLabels = `${indexLabels}, finding_id`;

/** The database as recorded while it cannot be reached: nothing is said of it then. */
export const targetDown = 'indexwarden:target:down';
/** Every finding that is not of the baseline, with the size of its index, or 0. */
export const newFindings = 'indexwarden:new_finding:size_bytes';
/** What an alert is about, by the label `alert`: one series for each index or table, its value in bytes. */
export const alerted = 'indexwarden:finding:bytes';

export const unlessDown = `unless on (${targetLabels}) ${targetDown}`;

/** `max by (…) (…)`: one series of each kind, however many daemons show it. */
export const one = (labels: string, expr: string): string => `max by (${labels}) (${expr})`;

const units: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
];

type Duration = Extract<Measure, { kind: 'duration' }>;

/** A duration in the one unit that fits it whole: 24h, 90s, 1500ms. Days only from two on, as people say it. */
export function span({ ms }: Duration): string {
  const [unit, unitMs] = units.find(([name, size]) => ms % size === 0 && (name !== 'd' || ms > size)) ?? [
    'ms',
    1,
  ];
  return `${ms / unitMs}${unit}`;
}

/** A duration as a number of seconds. */
export const seconds = ({ ms }: Duration): string => String(ms / 1000);

/** A threshold as PromQL writes it. */
export function amount(measure: Measure): string {
  switch (measure.kind) {
    case 'duration':
      return seconds(measure);
    case 'bytes':
      return String(measure.bytes);
    case 'rows':
      return String(measure.rows);
    case 'number':
      return String(measure.number);
    default:
      return assertNever(measure);
  }
}
