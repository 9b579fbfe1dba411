import fc from 'fast-check';
import { expect, test } from 'vitest';
import { atOnce } from '../../src/model/sliced.ts';
import { jsonOf, packed, unpacked } from '../../src/store/parcels.ts';

const text = fc.string({ unit: 'binary' });

test('rows of JSON come out as they went in, whatever is in them', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(text, fc.option(fc.jsonValue()))), async (rows) => {
      const lines = rows.map(([key, value]) => [
        JSON.stringify(key),
        value === null ? '' : JSON.stringify(value),
      ]);
      const parcel = await packed(lines, (line) => line);
      expect([...unpacked(parcel)]).toEqual(lines);
    }),
  );
});

test('more rows than are encoded in one go', async () => {
  const rows = Array.from({ length: 4_321 }, (_, place) => [String(place), `"${'ä'.repeat(place % 700)}"`]);
  const parcel = await packed(rows, (row) => row);
  expect(parcel.length).toBeGreaterThan(3);
  expect([...unpacked(parcel)]).toEqual(rows);
  expect([...unpacked(await packed([], (row: readonly string[]) => row))]).toEqual([]);
});

test('JSON of plain values is that of JSON.stringify, and maps and sets are marked', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(JSON.parse(atOnce(jsonOf(value)))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
  const nested = new Map([['a', new Set([1, 2])]]);
  expect(atOnce(jsonOf({ nested, absent: undefined, number: Number.NaN }))).toBe(
    '{"nested":{"$map":[["a",{"$set":[1,2]}]]},"number":null}',
  );
});
