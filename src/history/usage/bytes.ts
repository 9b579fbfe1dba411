import { crc32 } from 'node:zlib';
import { type Sliced, unwrittenBytes } from '../../model/sliced.ts';
import { KiB } from '../../model/units.ts';

/** A blob that is not what was written: cut, overwritten, or of another version of the program. Expected; whoever opens blobs catches it. */
export class DamagedBlob extends Error {
  override readonly name = 'DamagedBlob';
}

/** The first piece of a {@link ByteWriter}, and the largest, but for what does not fit into that: each is twice the one before. */
const pieceBytes = { first: KiB, largest: 256 * KiB };

/**
 * Appends numbers and texts to a growing number of bytes. Whole numbers take as many bytes as they need, seven bits in each. What is
 * full is put aside as a piece: one growing block would be copied as a whole each time.
 */
export class ByteWriter {
  readonly #full: Uint8Array[] = [];
  #fullBytes = 0;
  #bytes = new Uint8Array(pieceBytes.first);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  get length(): number {
    return this.#fullBytes + this.#length;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** A whole number from 0 to 2^53 - 1. */
  count(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new Error(`${value} is no count`);
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) + 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  /** A whole number of either sign, small ones short. */
  signed(value: number): void {
    this.count(value < 0 ? -value * 2 - 1 : value * 2);
  }

  /** A moment in whole milliseconds, the shorter the nearer it is to `nearMs`; null takes one byte. */
  instant(value: number | null, nearMs: number): void {
    if (value === null) this.count(0);
    else {
      const away = value - nearMs;
      this.count((away < 0 ? -away * 2 - 1 : away * 2) + 1);
    }
  }

  /** Single precision, four bytes. */
  float(value: number): void {
    this.#reserve(4);
    this.#view.setFloat32(this.#length, value);
    this.#length += 4;
  }

  text(value: string): void {
    const encoded = new TextEncoder().encode(value);
    this.count(encoded.length);
    this.#reserve(encoded.length);
    this.#bytes.set(encoded, this.#length);
    this.#length += encoded.length;
  }

  block(bytes: Uint8Array): void {
    this.count(bytes.length);
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** What was written, in its order. */
  pieces(): readonly Uint8Array[] {
    return [...this.#full, this.#bytes.subarray(0, this.#length)];
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    this.#full.push(this.#bytes.subarray(0, this.#length));
    this.#fullBytes += this.#length;
    this.#bytes = new Uint8Array(Math.max(Math.min(this.#bytes.length * 2, pieceBytes.largest), more));
    this.#view = new DataView(this.#bytes.buffer);
    this.#length = 0;
  }
}

/** Reads what {@link ByteWriter} wrote, in the same order. Throws {@link DamagedBlob} where bytes are missing or make no sense. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #place = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#place >= this.#bytes.length;
  }

  byte(): number {
    const value = this.#bytes[this.#place++];
    if (value === undefined) throw new DamagedBlob('it ends too early');
    return value;
  }

  count(): number {
    let value = 0;
    let weight = 1;
    for (let taken = 0; taken < 8; taken++) {
      const part = this.byte();
      value += (part & 0x7f) * weight;
      if (part < 0x80) return value;
      weight *= 0x80;
    }
    throw new DamagedBlob('a number in it is too long');
  }

  signed(): number {
    const folded = this.count();
    return folded % 2 === 0 ? folded / 2 : -(folded + 1) / 2;
  }

  instant(nearMs: number): number | null {
    const folded = this.count();
    if (folded === 0) return null;
    const away = folded - 1;
    return nearMs + (away % 2 === 0 ? away / 2 : -(away + 1) / 2);
  }

  float(): number {
    this.#need(4);
    const value = this.#view.getFloat32(this.#place);
    this.#place += 4;
    return value;
  }

  text(): string {
    return new TextDecoder().decode(this.block());
  }

  block(): Uint8Array {
    const length = this.count();
    this.#need(length);
    const block = this.#bytes.subarray(this.#place, this.#place + length);
    this.#place += length;
    return block;
  }

  #need(length: number): void {
    if (this.#place + length > this.#bytes.length) throw new DamagedBlob('it ends too early');
  }
}

/** What a blob holds. */
export const blobKinds = { checkpoint: 1, collection: 2, day: 3 } as const;
type BlobKind = (typeof blobKinds)[keyof typeof blobKinds];

/** Raised whenever what is written changes: a blob of another version is not guessed at. */
const formatVersion = 1;
/** Kind, version, four bytes of checksum. */
const headerBytes = 6;

/** Puts a header before what was written, by which {@link unsealed} knows it again. */
export function* sealed(kind: BlobKind, writer: ByteWriter): Sliced<Uint8Array> {
  const blob = unwrittenBytes(headerBytes + writer.length);
  blob[0] = kind;
  blob[1] = formatVersion;
  let at = headerBytes;
  let sum = 0;
  for (const piece of writer.pieces()) {
    yield;
    blob.set(piece, at);
    sum = crc32(piece, sum);
    at += piece.length;
  }
  new DataView(blob.buffer).setUint32(2, sum);
  return blob;
}

/** A reader of what was sealed. Throws {@link DamagedBlob} on anything else. */
export function unsealed(kind: BlobKind, blob: Uint8Array): ByteReader {
  if (blob.length < headerBytes) throw new DamagedBlob('it is too short');
  if (blob[0] !== kind) throw new DamagedBlob('it is of another kind');
  if (blob[1] !== formatVersion) throw new DamagedBlob('it was written by another version of the program');
  const payload = blob.subarray(headerBytes);
  const sum = new DataView(blob.buffer, blob.byteOffset, blob.byteLength).getUint32(2);
  if (crc32(payload) !== sum) throw new DamagedBlob('its checksum is wrong');
  return new ByteReader(payload);
}
