import { describe, expect, it, test } from 'vitest';
import { advance, emptyLedger } from '../../src/findings/ledger.ts';
import { type DiaryEvent, eventKinds } from '../../src/model/event.ts';
import type { Finding } from '../../src/model/finding.ts';
import { dayMs, MiB } from '../../src/model/units.ts';
import { bodyOf, headersOf, signatureOf } from '../../src/notify/body.ts';
import { isWanted, messagesOf, type Taste } from '../../src/notify/message.ts';
import { aFinding, takenAtMs } from '../support/builders.ts';
import { anOpening } from './events.ts';

const everything: Taste = { events: eventKinds, minSeverity: 'info' };
const only = (events: readonly DiaryEvent[]) => {
  const messages = messagesOf(events);
  expect(messages).toHaveLength(1);
  return messages[0]!;
};

describe('what a webhook is told of', () => {
  const opened = (evidence: DiaryEvent['evidence']): DiaryEvent => anOpening({ evidence });

  test.each<[string, DiaryEvent, Partial<Taste>, boolean]>([
    ['a new finding', anOpening(), {}, true],
    ['one of the first look', opened({ origin: 'baseline' }), {}, false],
    ['a muted one', opened({ origin: 'new', state: 'muted' }), {}, false],
    ['a kind of event it did not ask for', anOpening(), { events: ['node-lost'] }, false],
    ['a kind of finding it asked for', anOpening(), { kinds: ['duplicate-index'] }, true],
    ['a kind of finding it did not ask for', anOpening(), { kinds: ['unused-index'] }, false],
    ['one severe enough', opened({ severity: 'warning' }), { minSeverity: 'warning' }, true],
    ['one too harmless', opened({ severity: 'info' }), { minSeverity: 'warning' }, false],
    [
      'an event without a severity',
      anOpening({ kind: 'node-lost', evidence: {} }),
      { minSeverity: 'critical' },
      true,
    ],
  ])('%s: %#', (_, event, taste, isTold) => {
    expect(isWanted(event, { ...everything, ...taste })).toBe(isTold);
  });

  it('hears that a mute has expired, whenever the finding was first seen', () => {
    const expired = anOpening({ kind: 'mute-expired', evidence: { origin: 'baseline', state: 'open' } });
    expect(isWanted(expired, everything)).toBe(true);
  });

  it('hears nothing of day one, and of day two what is new', () => {
    const { state: _, origin: __, firstSeen: ___, lastSeen: ____, ...found } = aFinding();
    const first = Array.from({ length: 500 }, (_, place) => ({ ...found, id: `id${place}` }));
    const look = { judged: new Set(['duplicate-index'] as const), undecided: [], nowMs: takenAtMs };
    const one = advance(emptyLedger, { ...look, found: first });
    const two = advance(one.ledger, { ...look, found: [...first, found], nowMs: takenAtMs + dayMs });
    expect(one.events.filter((event) => isWanted(event, everything))).toEqual([]);
    expect(two.events.filter((event) => isWanted(event, everything))).toHaveLength(1);
  });
});

describe('events that came together', () => {
  it('are one message for each server and kind, whatever the database', () => {
    const messages = messagesOf([
      anOpening({ datname: 'shop' }),
      anOpening({ datname: 'audit' }),
      anOpening({ evidence: { kind: 'unused-index' } }),
      anOpening({ server: 'other' }),
      anOpening({ kind: 'finding-resolved' }),
    ]);
    expect(
      messages.map(({ server, event, kind, count, databases }) => [server, event, kind, count, databases]),
    ).toEqual([
      ['main', 'finding-opened', 'duplicate-index', 2, ['audit', 'shop']],
      ['main', 'finding-opened', 'unused-index', 1, ['shop']],
      ['other', 'finding-opened', 'duplicate-index', 1, ['shop']],
      ['main', 'finding-resolved', 'duplicate-index', 1, ['shop']],
    ]);
  });

  it('say how many, how much, how severe, and name the five that free most', () => {
    const events = Array.from({ length: 8 }, (_, place) =>
      anOpening({
        findingId: `id${place}`,
        atMs: takenAtMs + place,
        evidence: { reclaimableBytes: place * MiB, severity: place === 3 ? 'critical' : 'info' },
      }),
    );
    expect(only(events)).toMatchObject({
      count: 8,
      reclaimableBytes: 28 * MiB,
      severity: 'critical',
      firstAtMs: takenAtMs,
      lastAtMs: takenAtMs + 7,
      top: ['id7', 'id6', 'id5', 'id4', 'id3'].map((findingId) => ({ findingId })),
    });
  });

  it('count what opened together with what opened alone', () => {
    const finding = (id: string): Finding => aFinding({ id });
    const { state: _, origin: __, firstSeen: ___, lastSeen: ____, ...found } = finding('alone');
    const look = { judged: new Set(['duplicate-index'] as const), undecided: [], nowMs: takenAtMs };
    const { ledger } = advance(emptyLedger, { ...look, found: [] });
    const many = Array.from({ length: 30 }, (_, place) => ({ ...found, id: `id${place}` }));
    const { events } = advance(ledger, { ...look, found: many });
    const message = only([...events, anOpening()]);
    expect(message).toMatchObject({ event: 'finding-opened', count: 31, reclaimableBytes: 310 * MiB });
    expect(message.top).toHaveLength(5);
  });
});

describe('the body', () => {
  it('is JSON with a version, instants and a title', () => {
    expect(JSON.parse(bodyOf(only([anOpening(), anOpening({ findingId: 'b' })]), 'json'))).toEqual({
      version: 1,
      server: 'main',
      event: 'finding-opened',
      kind: 'duplicate-index',
      severity: 'warning',
      databases: ['shop'],
      count: 2,
      reclaimableBytes: 20 * MiB,
      top: ['00112233445566aa', 'b'].map((findingId) => ({
        findingId,
        datname: 'shop',
        schemaname: 'public',
        relname: 'orders',
        indexrelname: 'orders_a_idx1',
        title: 'public.orders_a_idx1 duplicates orders_a_idx',
        reclaimableBytes: 10 * MiB,
      })),
      title: 'main: 2 new findings, duplicate-index (warning), 20 MiB could be freed',
      firstAt: '2026-03-01T12:00:00.000Z',
      lastAt: '2026-03-01T12:00:00.000Z',
    });
  });

  it('is a text for Slack, one line each, in which names from strangers are only names', () => {
    const hostile = anOpening({ title: '<!channel> "a"\n*b* & <https://evil.example|c>', datname: '<@U1>' });
    const { text, mrkdwn } = JSON.parse(bodyOf(only([hostile]), 'slack'));
    expect(mrkdwn).toBe(false);
    expect(text.split('\n')).toEqual([
      'main: 1 new finding, duplicate-index (warning), 10 MiB could be freed',
      '• &lt;@U1&gt;: &lt;!channel&gt; "a" *b* &amp; &lt;https://evil.example|c&gt;',
    ]);
  });

  it('says how many more there are', () => {
    const events = Array.from({ length: 9 }, (_, place) => anOpening({ findingId: `id${place}` }));
    expect(JSON.parse(bodyOf(only(events), 'slack')).text).toMatch(/\n… and 4 others$/);
  });

  it('has words for every kind of event', () => {
    for (const kind of eventKinds) {
      const message = only([anOpening({ kind })]);
      expect(JSON.parse(bodyOf(message, 'json')).title).toMatch(/^main: 1 \S/);
    }
  });

  it('is signed together with the time of the attempt; its id stays', () => {
    const [one, two] = [headersOf('{}', 'key', 1_700_000_000_999), headersOf('{}', 'key', 1_700_000_060_000)];
    expect(one['X-Indexwarden-Timestamp']).toBe('1700000000');
    // printf '1700000000.{}' | openssl dgst -sha256 -hmac key
    expect(one['X-Indexwarden-Signature']).toBe(
      'v1=9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae',
    );
    expect(two['X-Indexwarden-Signature']).toBe(`v1=${signatureOf('{}', 'key', '1700000060')}`);
    expect(two['X-Indexwarden-Delivery']).toBe(one['X-Indexwarden-Delivery']);
    expect(headersOf('{}', undefined, 0)).not.toHaveProperty('X-Indexwarden-Signature');
  });
});
