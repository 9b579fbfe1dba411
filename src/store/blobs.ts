import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';

/*
 * How a blob lies in the file: one byte that says how it is packed, four bytes of CRC-32 (big-endian) over what follows, the bytes.
 * SQLite has no checksums of its own: without this a flipped bit would be a usage that never was.
 */
const plain = 0;
const deflated = 1;
const headBytes = 5;

/** Smaller ones gain nothing. */
const worthTryingBytes = 128;
/** Packed counters are nearly random: where compression saves less than this share, reading is kept cheap instead. */
const worthKeepingShare = 0.95;
/** Measured on packed usage (docs/decisions/0004): the higher levels take several times as long and save less than one hundredth more. */
const level = 1;

/** The blob as it is kept. */
export function seal(bytes: Uint8Array): Uint8Array {
  const packed = bytes.byteLength < worthTryingBytes ? undefined : deflateRawSync(bytes, { level });
  const isPacked = packed !== undefined && packed.byteLength < bytes.byteLength * worthKeepingShare;
  const body = isPacked ? packed : bytes;
  const sealed = new Uint8Array(headBytes + body.byteLength);
  sealed[0] = isPacked ? deflated : plain;
  new DataView(sealed.buffer).setUint32(1, crc32(body));
  sealed.set(body, headBytes);
  return sealed;
}

/** A blob or a row of text that is not what was kept. */
export class DamagedError extends Error {
  override readonly name = 'DamagedError';
}

/** Whether the blob is what was kept. */
export function isSound(sealed: Uint8Array): boolean {
  if (sealed.byteLength < headBytes || (sealed[0] !== plain && sealed[0] !== deflated)) return false;
  const kept = new DataView(sealed.buffer, sealed.byteOffset).getUint32(1);
  return crc32(sealed.subarray(headBytes)) === kept;
}

/** The blob as it was given, in memory of its own. Throws `DamagedError`. */
export function unseal(sealed: Uint8Array): Uint8Array<ArrayBuffer> {
  if (!isSound(sealed)) throw new DamagedError('a record of usage is damaged');
  const body = sealed.subarray(headBytes);
  return new Uint8Array(sealed[0] === deflated ? inflateRawSync(body) : body);
}
