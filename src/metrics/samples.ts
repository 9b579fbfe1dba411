import { createHash } from 'node:crypto';
import { atOnce, type Sliced } from '../model/sliced.ts';
import type { Family } from './families/declare.ts';

/** Sample lines by family name, each line ended by a newline. Both exposition formats share them. */
export interface RenderedFamilies {
  readonly lines: ReadonlyMap<string, string>;
  readonly series: number;
}

/** Collects sample lines. What is unknown is left out: there is no way to say "0" for it by accident. */
export class SampleWriter {
  readonly #lines = new Map<string, string[]>();
  #series = 0;

  /** `labels` is what {@link labelBlock} made; `undefined` and `null` values are left out. */
  add(family: Family, labels: string, value: number | undefined | null): void {
    this.addNamed(family, family.name, labels, value);
  }

  /** As {@link add}, for the samples of a histogram, whose names are longer than the family's. */
  addNamed(family: Family, sampleName: string, labels: string, value: number | undefined | null): void {
    if (value === undefined || value === null) return;
    const line = `${sampleName}${labels} ${formatValue(value)}\n`;
    const lines = this.#lines.get(family.name);
    if (lines === undefined) this.#lines.set(family.name, [line]);
    else lines.push(line);
    this.#series += 1;
  }

  finish(): RenderedFamilies {
    return atOnce(this.finishInSlices());
  }

  *finishInSlices(): Sliced<RenderedFamilies> {
    const lines = new Map<string, string>();
    for (const [name, family] of this.#lines) {
      yield;
      lines.set(name, family.join(''));
    }
    return { lines, series: this.#series };
  }
}

export function formatValue(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}

/** `name="value",…` without braces, so that blocks which start alike are made once; see {@link labelBlock}. */
export function labelPairs(labels: Readonly<Record<string, string>>, bytesMax: number): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeLabelValue(cutLabelValue(value, bytesMax))}"`)
    .join(',');
}

export const labelBlock = (...pairs: readonly string[]): string => {
  const filled = pairs.filter((pair) => pair !== '');
  return filled.length === 0 ? '' : `{${filled.join(',')}}`;
};

const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n', '\0': '\uFFFD' };

/** The three escapes that both formats know. NUL ends the input of Prometheus' parser; PostgreSQL's names cannot hold it. */
export const escapeLabelValue = (value: string): string =>
  value.replace(/[\\"\n\0]/g, (character) => escapes[character] ?? character);

const hashDigits = 8;
const ellipsis = '…';
const suffixBytes = Buffer.byteLength(ellipsis) + hashDigits;
/** UTF-8 needs no more for one UTF-16 code unit. */
const bytesPerUnitMax = 3;

/**
 * Values over `bytesMax` bytes keep their beginning, cut between characters, and end in `…` and eight hex digits of the whole
 * value's SHA-256, so that two long names stay two. The result is never longer than `bytesMax`.
 */
export function cutLabelValue(value: string, bytesMax: number): string {
  if (value.length * bytesPerUnitMax <= bytesMax) return value;
  const bytes = Buffer.from(value, 'utf8');
  if (bytes.length <= bytesMax) return value;
  let end = Math.max(0, bytesMax - suffixBytes);
  while (end > 0 && isContinuation(bytes[end])) end -= 1;
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, hashDigits);
  return `${bytes.subarray(0, end).toString('utf8')}${ellipsis}${hash}`;
}

/** Whether a byte of UTF-8 belongs to the character before it: 10xxxxxx. */
const isContinuation = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80;
