import type { Sliced } from '../model/sliced.ts';
import { KiB } from '../model/units.ts';
import { inSlices } from './in-slices.ts';

/*
 * Long lists between the threads: as bytes that are handed over, since a list of a hundred thousand objects would be copied object by
 * object, with the event loop standing still. A line is one row and a tab separates its columns: JSON text holds neither.
 */

/** Whole lines as bytes, in pieces: one block for all of them would take long to be had. */
export type PackedRows = readonly Uint8Array<ArrayBuffer>[];

/** Rows of JSON texts as bytes. */
export async function packed<Row>(
  rows: Iterable<Row>,
  columnsOf: (row: Row) => readonly string[],
): Promise<PackedRows> {
  return inSlices(pack(rows, columnsOf));
}

/** Characters that are encoded in one go, but for what the last line is longer: well below a millisecond. */
const charactersPerPiece = 256 * KiB;

function* pack<Row>(rows: Iterable<Row>, columnsOf: (row: Row) => readonly string[]): Sliced<PackedRows> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let lines: string[] = [];
  let characters = 0;
  const encoder = new TextEncoder();
  const flush = (): void => {
    if (lines.length > 0) pieces.push(encoder.encode(`${lines.join('\n')}\n`));
    lines = [];
    characters = 0;
  };
  for (const row of rows) {
    yield;
    const line = columnsOf(row).join('\t');
    lines.push(line);
    characters += line.length;
    if (characters >= charactersPerPiece) flush();
  }
  flush();
  return pieces;
}

/** The memory of a parcel, to be handed over. */
export const buffersOf = (parcel: PackedRows): readonly ArrayBuffer[] => parcel.map(({ buffer }) => buffer);

/** The rows in their order, as columns. */
export function* unpacked(parcel: PackedRows): Generator<readonly string[]> {
  for (const piece of parcel) {
    const text = new TextDecoder().decode(piece);
    for (let from = 0; from < text.length; ) {
      const to = text.indexOf('\n', from);
      yield text.slice(from, to).split('\t');
      from = to + 1;
    }
  }
}

/** JSON of a value with maps and sets in it, as objects with one key that no other object here has. */
export const mapTag = '$map';
export const setTag = '$set';

/** As `JSON.stringify`, of maps and sets too, with a pause after each member. */
export function* jsonOf(value: unknown): Sliced<string> {
  yield;
  if (value instanceof Map) {
    const members: string[] = [];
    for (const [key, held] of value) members.push(`[${yield* jsonOf(key)},${yield* jsonOf(held)}]`);
    return `{"${mapTag}":[${members.join(',')}]}`;
  }
  if (value instanceof Set) return `{"${setTag}":[${(yield* listOf(value)).join(',')}]}`;
  if (Array.isArray(value)) return `[${(yield* listOf(value)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members: string[] = [];
  for (const [key, held] of Object.entries(value))
    if (held !== undefined) members.push(`${JSON.stringify(key)}:${yield* jsonOf(held)}`);
  return `{${members.join(',')}}`;
}

function* listOf(members: Iterable<unknown>): Sliced<string[]> {
  const list: string[] = [];
  for (const member of members) list.push(yield* jsonOf(member));
  return list;
}
