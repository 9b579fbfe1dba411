import { expect, test } from 'vitest';
import { ByteWriter, blobKinds, DamagedBlob, sealed, unsealed } from '../../src/history/usage/bytes.ts';
import { atOnce } from '../../src/model/sliced.ts';

test('what is larger than a piece of the writer is read as it was written', () => {
  const writer = new ByteWriter();
  const counts = Array.from({ length: 300_000 }, (_, place) => (place * 7_919) % 2 ** 20);
  const long = 'ä'.repeat(500_000);
  for (const [place, value] of counts.entries()) {
    if (place === 1_000) writer.text(long);
    writer.count(value);
  }
  expect(writer.pieces().length).toBeGreaterThan(3);
  const blob = atOnce(sealed(blobKinds.day, writer));
  expect(blob.buffer.byteLength).toBe(blob.length);
  const reader = unsealed(blobKinds.day, blob);
  for (const [place, value] of counts.entries()) {
    if (place === 1_000) expect(reader.text()).toBe(long);
    if (reader.count() !== value) expect.fail(`count ${place} is another`);
  }
  expect(reader.isAtEnd).toBe(true);
});

test('one changed byte in any piece is damage', () => {
  const writer = new ByteWriter();
  for (let place = 0; place < 400_000; place += 1) writer.count(place);
  const blob = atOnce(sealed(blobKinds.collection, writer));
  for (const place of [6, 1_030, Math.floor(blob.length / 2), blob.length - 1]) {
    const damaged = blob.slice();
    damaged[place]! ^= 1;
    expect(() => unsealed(blobKinds.collection, damaged)).toThrow(DamagedBlob);
  }
});
