import { describe, expect, it, test } from 'vitest';
import type { Draft } from '../../src/detectors/draft.ts';
import { duplicateIndex } from '../../src/detectors/duplicate-index/detector.ts';
import { endOf, type MuteRule, muteByComment, muteLookup } from '../../src/findings/mutes.ts';
import { judge, onlyDraft } from '../detectors/judge.ts';
import { aFinding } from '../support/builders.ts';

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
    ['with a day that February does not have', 'indexwarden: keep until=2026-02-30', null],
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

describe('a mute set over the API or configured', () => {
  const finding = aFinding();
  const kept = { findingId: finding.id, reason: 'known', author: 'ann', setAtMs: 0, untilMs: null };
  const rule: MuteRule = { matches: () => true, reason: 'soaking', author: null, until: '2026-03-01' };

  it('is found by the finding’s id, then by the rules in order', () => {
    const lookup = muteLookup([kept], [{ ...rule, matches: () => false }, rule], at('2026-03-01'));
    expect(lookup(finding)).toEqual({ reason: 'known', until: null, by: 'ann' });
    expect(lookup({ ...finding, id: 'other' })).toEqual({
      reason: 'soaking',
      until: '2026-03-01',
      by: 'the configuration',
    });
  });

  it('names its author', () => {
    const by = muteLookup([], [{ ...rule, author: 'bob' }], at('2026-03-01'))(finding)?.by;
    expect(by).toBe('bob (the configuration)');
  });

  it('holds until its end', () => {
    const untilMs = at('2026-03-01');
    const during = muteLookup([{ ...kept, untilMs }], [], untilMs - 1);
    expect(during(finding)?.until).toBe('2026-03-01T12:00:00.000Z');
    expect(muteLookup([{ ...kept, untilMs }], [], untilMs)(finding)).toBeUndefined();
    expect(muteLookup([], [rule], at('2026-03-02'))(finding)).toBeUndefined();
  });

  test.each([
    ['2026-03-01', Date.UTC(2026, 2, 2)],
    ['2026-03-01T10:00:00Z', Date.UTC(2026, 2, 1, 10)],
    ['2026-02-30', undefined],
    ['soon', undefined],
  ])('%s ends at its own time', (text, endMs) => {
    expect(endOf(text)).toBe(endMs);
  });
});
