import { afterEach, describe, expect, it } from 'vitest';
import type { DiaryEvent } from '../../src/model/event.ts';
import { memoryStore, type Store } from '../../src/store/store.ts';
import { anOpening } from '../notify/events.ts';
import { takenAtMs } from '../support/builders.ts';
import { type Client, serve } from './daemon.ts';

const open: Client[] = [];
afterEach(async () => {
  for (const client of open.splice(0)) await client.close();
});

async function diaryOf(
  events: readonly DiaryEvent[],
): Promise<{ readonly client: Client; readonly store: Store }> {
  const store = memoryStore();
  for (const event of events) {
    const { server, datname } = event;
    await store.keepLedger({ server, datname }, await store.ledgerOf({ server, datname }), [event]);
  }
  const client = await serve({ diary: store });
  open.push(client);
  return { client, store };
}

const ids = (body: { readonly items: readonly { readonly id: number }[] }) => body.items.map(({ id }) => id);
const inTurns = (count: number): readonly DiaryEvent[] =>
  Array.from({ length: count }, (_, place) =>
    anOpening({
      server: place % 2 === 0 ? 'main' : 'other',
      datname: place % 3 === 0 ? 'shop' : 'audit',
      kind: place % 5 === 0 ? 'index-created' : 'finding-opened',
    }),
  );

describe('GET /api/v1/events', () => {
  it('shows what happened, the newest first', async () => {
    const { client } = await diaryOf([anOpening(), anOpening({ kind: 'finding-resolved' })]);
    const answer = await client.get('/api/v1/events');
    expect(answer.status).toBe(200);
    expect(answer.json()).toEqual({
      items: [
        { ...shown, id: 2, kind: 'finding-resolved' },
        { ...shown, id: 1, kind: 'finding-opened' },
      ],
      next: null,
      generatedAt: new Date(takenAtMs).toISOString(),
    });
  });

  const { atMs: _, ...rest } = anOpening();
  const shown = { ...rest, at: new Date(takenAtMs).toISOString() };

  it('is empty while nothing has happened', async () => {
    const { client } = await diaryOf([]);
    expect((await client.get('/api/v1/events')).json()).toMatchObject({ items: [], next: null });
  });

  it.each([
    ['server=main', (event: DiaryEvent) => event.server === 'main'],
    ['datname=shop', (event: DiaryEvent) => event.datname === 'shop'],
    ['kind=index-created', (event: DiaryEvent) => event.kind === 'index-created'],
    ['kind=index-created&kind=finding-opened', () => true],
    [
      'server=main&datname=audit',
      (event: DiaryEvent) => event.server === 'main' && event.datname === 'audit',
    ],
    ['server=main&server=other&datname=shop', (event: DiaryEvent) => event.datname === 'shop'],
    ['server=nobody', () => false],
  ])('page by page, every entry once: %s', async (query, isAsked) => {
    const events = inTurns(47);
    const { client } = await diaryOf(events);
    const seen: number[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const at: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const body = (await client.get(`/api/v1/events?limit=4&${query}${at}`)).json();
      expect(body.items.length).toBeLessThanOrEqual(4);
      seen.push(...ids(body));
      cursor = body.next;
    }
    const expected = events.flatMap((event, place) => (isAsked(event) ? [place + 1] : [])).reverse();
    expect(seen).toEqual(expected);
  });

  it('goes on behind the last entry, whatever happens meanwhile', async () => {
    const { client, store } = await diaryOf(inTurns(4));
    const first = (await client.get('/api/v1/events?limit=2')).json();
    const target = { server: 'main', datname: 'shop' };
    await store.keepLedger(target, await store.ledgerOf(target), [anOpening()]);
    const second = (await client.get(`/api/v1/events?limit=2&cursor=${first.next}`)).json();
    expect([...ids(first), ...ids(second)]).toEqual([4, 3, 2, 1]);
  });

  it('reads no further back at once than it can bear: a short page says where to go on', async () => {
    const events = Array.from({ length: 25_000 }, () => anOpening({ server: 'busy' }));
    const target = { server: 'quiet', datname: 'shop' };
    const { client, store } = await diaryOf([anOpening(target)]);
    await store.keepLedger({ ...target, server: 'busy' }, await store.ledgerOf(target), events);
    const first = (await client.get('/api/v1/events?server=quiet')).json();
    expect(first.items).toEqual([]);
    const second = (await client.get(`/api/v1/events?server=quiet&cursor=${first.next}`)).json();
    expect([ids(second), second.next]).toEqual([[1], null]);
  });

  it.each([
    ['kind=birthday', 'kind must be one of finding-opened'],
    ['limit=0', 'limit must be a whole number from 1 to 1000'],
    ['cursor=abc', 'cursor is not one that this list gave'],
    ['offset=3', 'offset is refused'],
    ['table=x', 'unknown parameter "table"'],
  ])('refuses %s', async (query, why) => {
    const { client } = await diaryOf([]);
    const answer = await client.get(`/api/v1/events?${query}`);
    expect([answer.status, answer.json().detail]).toEqual([400, expect.stringContaining(why)]);
  });

  it('is there to read only', async () => {
    const { client } = await diaryOf([]);
    const answer = await client.send('POST', '/api/v1/events');
    expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, HEAD']);
  });
});
