import { crc32 } from 'node:zlib';

/** A blob that is not what was written: cut, overwritten, or of another version of the program. Expected; whoever opens blobs catches it. */
export class DamagedBlob extends Error {
  override readonly name = 'DamagedBlob';
}

/** Appends numbers and texts to a growing block of bytes. Whole numbers take as many bytes as they need, seven bits in each. */
export class ByteWriter {
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  get length(): number {
    return this.#length;
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

  /** What was written, copied. */
  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
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
export function sealed(kind: BlobKind, writer: ByteWriter): Uint8Array {
  const payload = writer.bytes();
  const blob = new Uint8Array(headerBytes + payload.length);
  blob[0] = kind;
  blob[1] = formatVersion;
  new DataView(blob.buffer).setUint32(2, crc32(payload));
  blob.set(payload, headerBytes);
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
