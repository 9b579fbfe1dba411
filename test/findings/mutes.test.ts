import { describe, expect, it, test } from 'vitest';
import type { Draft } from '../../src/detectors/draft.ts';
import { duplicateIndex } from '../../src/detectors/duplicate-index/detector.ts';
import { muteByComment } from '../../src/findings/mutes.ts';
import { judge, onlyDraft } from '../detectors/judge.ts';

/** A finding about an index with that comment. */
const commented = (comment: string | null): Draft =>
  onlyDraft(
    judge(duplicateIndex, [
      {
        name: 'orders',
        columns: ['id'],
        indexes: [
          { name: 'one', keys: ['id'] },
          { name: 'two', keys: ['id'], scans: 0, fact: { comment } },
        ],
      },
    ]),
  );
const at = (day: string): number => Date.parse(`${day}T12:00:00Z`);
const mute = (comment: string | null, day = '2026-03-01') => muteByComment(commented(comment), at(day));

describe('a mute in the comment of an index', () => {
  it('says why and until when', () => {
    expect(mute('indexwarden: keep until=2027-06-30 reason=year-end report, see #12')).toEqual({
      until: '2027-06-30',
      reason: 'year-end report, see #12',
      by: 'comment on the index',
    });
  });

  it('holds through its last day and no longer', () => {
    const comment = 'indexwarden: keep until=2026-03-01';
    expect(mute(comment, '2026-03-01')).toBeDefined();
    expect(mute(comment, '2026-03-02')).toBeUndefined();
  });

  test.each([
    ['without an end', 'indexwarden: keep', null],
    ['in capitals and with blanks', '  IndexWarden:   KEEP  until=2999-01-01', '2999-01-01'],
    ['on a line of its own', 'For the audit.\nindexwarden: keep\nThanks', null],
    ['with a day that no calendar has', 'indexwarden: keep until=2026-13-45', null],
  ])('%s', (_, comment, until) => {
    expect(mute(comment)).toMatchObject({ until });
  });

  test.each([
    ['no comment', null],
    ['an empty one', ''],
    ['another word', 'indexwarden: drop'],
    ['a longer word', 'indexwarden: keeper'],
    ['talk about it', 'ask indexwarden: keep or drop?'],
  ])('none: %s', (_, comment) => {
    expect(mute(comment)).toBeUndefined();
  });

  it('does not mute what is about the table', () => {
    expect(
      muteByComment({ ...commented('indexwarden: keep'), index: null }, at('2026-03-01')),
    ).toBeUndefined();
  });
});
