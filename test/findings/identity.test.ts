import { expect, it } from 'vitest';
import { duplicateIndex } from '../../src/detectors/duplicate-index/detector.ts';
import { findingId } from '../../src/findings/identity.ts';
import { judge, onlyDraft } from '../detectors/judge.ts';
import { aTarget } from '../support/builders.ts';

const draft = (name = 'two', schema = 'public', scans = 0) =>
  onlyDraft(
    judge(duplicateIndex, [
      {
        name: 'orders',
        schema,
        columns: ['id'],
        indexes: [
          { name: 'one', keys: ['id'] },
          { name, keys: ['id'], scans },
        ],
      },
    ]),
  );

it('is made of names: the same for the same index, whatever is known of it', () => {
  const id = findingId(aTarget(), draft());
  // sha256 of duplicate-index|main|shop|public|orders|two: what people keep in their baselines must not change.
  expect(id).toBe('fe2d3833f3ff83ff');
  expect(findingId(aTarget(), draft('two', 'public', 7))).toBe(id);
});

it('differs by server, database, schema, index and kind', () => {
  const ids = [
    findingId(aTarget(), draft()),
    findingId(aTarget({ server: 'other' }), draft()),
    findingId(aTarget({ datname: 'other' }), draft()),
    findingId(aTarget(), draft('two', 'other')),
    findingId(aTarget(), draft('three')),
    findingId(aTarget(), { ...draft(), kind: 'unused-index' }),
  ];
  expect(new Set(ids).size).toBe(ids.length);
});
