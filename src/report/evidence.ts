import type { EvidenceValue } from '../model/finding.ts';
import { humaneBytes, humaneCount, humaneDuration, secondMs } from '../model/units.ts';
import { safeLine } from './text.ts';

/** One fact in words and in the unit that its key's name ends in. */
export interface FactInWords {
  /** `statistics age` for `statisticsAgeSeconds`. */
  readonly label: string;
  readonly value: string;
}

/** The facts of a finding as lines to read; nested ones get their path as label. */
export function factsInWords(facts: { readonly [fact: string]: EvidenceValue }): readonly FactInWords[] {
  return Object.entries(facts).flatMap(([key, value]) => factInWords(key, value));
}

function factInWords(key: string, value: EvidenceValue): readonly FactInWords[] {
  if (isGroup(value)) {
    return factsInWords(value).map((inner) => ({ ...inner, label: `${labelOf(key)}: ${inner.label}` }));
  }
  if (isList(value) && value.some((item) => typeof item === 'object' && item !== null)) {
    return value.flatMap((item, index) => factInWords(`${key} ${index + 1}`, item));
  }
  return [{ label: labelOf(key), value: valueInWords(key, value) }];
}

type Unit = (value: number) => string;

/** Suffix of a key → how its numbers are read. The first that fits counts. */
const units: readonly (readonly [RegExp, Unit])[] = [
  [/BytesPerSecond$/, (value) => `${humaneBytes(value)}/s`],
  [/PerSecond$/, (value) => `${plainNumber(value)}/s`],
  [/Bytes$/, (value) => withExact(humaneBytes(value), `${humaneCount(value)} B`)],
  [/AtMs$/, (value) => instant(value)],
  [/Ms$/, (value) => humaneDuration(value)],
  [/Seconds$/, (value) => humaneDuration(value * secondMs)],
  [/Ratio$/, (value) => ratio(value)],
  [/(?:Fraction|Share)$/, (value) => ratio(value)],
  [/Xids$/, (value) => `${humaneCount(value)} transactions`],
  [/Rows$/, (value) => plainNumber(value)],
  [/Total$/, (value) => humaneCount(value)],
];

const unitSuffix = /(?<=[a-z0-9])(?:AtMs|Bytes|Ms|Seconds|Xids|Total)$/;

function valueInWords(key: string, value: EvidenceValue): string {
  if (value === null) return 'unknown';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'string') return value === '' ? '(empty)' : safeLine(value);
  if (typeof value === 'number') {
    const unit = units.find(([suffix]) => suffix.test(key))?.[1] ?? plainNumber;
    return Number.isFinite(value) ? unit(value) : 'unknown';
  }
  if (isList(value))
    return value.length === 0 ? 'none' : value.map((item) => valueInWords(key, item)).join(', ');
  return safeLine(JSON.stringify(value));
}

const withExact = (humane: string, exact: string): string =>
  humane === exact ? humane : `${humane} (${exact})`;

/** Ratios from 0 to 1 are shares; others (tuples read per scan) are factors. */
const ratio = (value: number): string =>
  value >= 0 && value <= 1 ? `${plainNumber(value * 100)} %` : `${plainNumber(value)} ×`;

/** Three digits behind the point where that says anything. */
const plainNumber = (value: number): string =>
  value.toLocaleString('en-US', { maximumFractionDigits: Math.abs(value) >= 100 ? 0 : 3 });

function instant(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? 'unknown' : date.toISOString();
}

/** `statisticsAgeSeconds` → `statistics age`; a key that is nothing but its unit stays. */
const labelOf = (key: string): string =>
  safeLine(key)
    .replace(unitSuffix, '')
    .replaceAll(/(?<=[a-z0-9])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

const isList = (value: EvidenceValue): value is readonly EvidenceValue[] => Array.isArray(value);

const isGroup = (value: EvidenceValue): value is { readonly [fact: string]: EvidenceValue } =>
  typeof value === 'object' && value !== null && !isList(value);
