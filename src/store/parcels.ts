import type { Sliced } from '../model/sliced.ts';
import { inSlices } from './in-slices.ts';

/*
 * Long lists between the threads: as bytes that are handed over, since a list of a hundred thousand objects would be copied object by
 * object, with the event loop standing still. A line is one row and a tab separates its columns: JSON text holds neither.
 */

/** Rows of JSON texts as bytes. */
export async function packed<Row>(
  rows: Iterable<Row>,
  columnsOf: (row: Row) => readonly string[],
): Promise<Uint8Array<ArrayBuffer>> {
  return inSlices(pack(rows, columnsOf));
}

/** Rows that are encoded in one go: some hundred kilobytes. */
const rowsPerPiece = 1_000;

function* pack<Row>(
  rows: Iterable<Row>,
  columnsOf: (row: Row) => readonly string[],
): Sliced<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  let lines: string[] = [];
  const encoder = new TextEncoder();
  const flush = (): void => {
    if (lines.length > 0) pieces.push(encoder.encode(`${lines.join('\n')}\n`));
    lines = [];
  };
  for (const row of rows) {
    yield;
    lines.push(columnsOf(row).join('\t'));
    if (lines.length === rowsPerPiece) flush();
  }
  flush();
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    yield;
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** The rows in their order, as columns. */
export function* unpacked(bytes: Uint8Array): Generator<readonly string[]> {
  const text = new TextDecoder().decode(bytes);
  for (let from = 0; from < text.length; ) {
    const to = text.indexOf('\n', from);
    yield text.slice(from, to).split('\t');
    from = to + 1;
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
