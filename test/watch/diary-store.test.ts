import { expect, test } from 'vitest';
import { type FoundNow, usualLifeRules } from '../../src/findings/ledger.ts';
import type { DiaryEvent } from '../../src/model/event.ts';
import { minuteMs } from '../../src/model/units.ts';
import { memoryStore, type Store } from '../../src/store/store.ts';
import { Diary } from '../../src/watch/diary.ts';
import type { Judgement } from '../../src/watch/judge.ts';
import {
  aCatalogue,
  aFinding,
  anIndexFact,
  aSnapshot,
  aTableFact,
  aTarget,
  indexOid,
  takenAtMs,
} from '../support/builders.ts';

const { state: _, origin: __, firstSeen: ___, lastSeen: ____, ...found } = aFinding();

/** What one look would be judged to, so many minutes after the first. */
function judged(minute: number, indexes = [anIndexFact()]): Judgement {
  const facts = { tables: [aTableFact()], indexes, takenAtMs: takenAtMs + minute * minuteMs };
  return {
    drafts: [],
    undecided: [],
    judged: new Set(['duplicate-index'] as const),
    snapshot: aSnapshot(facts),
    catalogue: aCatalogue(facts),
    expectations: [],
    window: undefined,
    buildRates: new Map(),
  };
}

/** A store whose named calls fail while the switch is on. */
function faulty(...names: readonly (keyof Store)[]) {
  const store = memoryStore();
  const fault = { isOn: false };
  const failing = Object.fromEntries(
    names.map((name) => [
      name,
      (...values: unknown[]) =>
        fault.isOn
          ? Promise.reject(new Error('disk full'))
          : (store[name] as (...values: unknown[]) => Promise<unknown>)(...values),
    ]),
  );
  return { store: { ...store, ...failing }, fault };
}

function aDiary(store: Store) {
  const told: DiaryEvent[] = [];
  const lines: string[] = [];
  const note = (_fields: object, message: string): void => void lines.push(message);
  const diary = new Diary({
    target: aTarget(),
    store,
    isWatched: () => true,
    rules: usualLifeRules,
    mutes: [],
    log: { info: note, error: note },
    tell: (events) => void told.push(...events),
  });
  return { diary, told, lines };
}

const kinds = (events: readonly DiaryEvent[]): readonly string[] => events.map(({ kind }) => kind);
const find = (...more: readonly FoundNow[]): readonly FoundNow[] => more;

test('a store that cannot be written to costs neither findings nor news, and gets all when it can', async () => {
  const { store, fault } = faulty('keepLedger', 'keepRecords', 'mutes');
  const { diary, told, lines } = aDiary(store);
  await diary.keep(judged(0), []);
  fault.isOn = true;
  const extra = anIndexFact({ indexOid: indexOid(7), indexrelname: 'later_idx' });
  const during = await diary.keep(judged(1, [anIndexFact(), extra]), find(found));
  const still = await diary.keep(judged(2, [anIndexFact(), extra]), find(found));
  expect(still.findings.get(found.id)?.firstSeen).toBe(during.findings.get(found.id)?.firstSeen);
  expect(kinds(told)).toEqual(['index-created', 'finding-opened']);
  expect(await store.eventsOf({ limit: 10 })).toEqual([]);
  fault.isOn = false;
  await diary.keep(judged(3, [anIndexFact(), extra]), find(found));
  expect(kinds(await store.eventsOf({ limit: 10 }))).toEqual(['finding-opened', 'index-created']);
  expect((await store.recordsOf(aTarget(), 'definitions')).size).toBe(3);
  expect(lines).toEqual(['findings and events cannot be kept; watching goes on', 'findings are kept again']);
});

test('a store that cannot be read at first is not taken for an empty one', async () => {
  const { store, fault } = faulty('ledgerOf');
  const { diary } = aDiary(store);
  fault.isOn = true;
  await expect(diary.keep(judged(0), [])).rejects.toThrow('disk full');
  fault.isOn = false;
  expect((await diary.keep(judged(1), find(found))).findings.get(found.id)?.origin).toBe('baseline');
});

test('evaluations that overlap follow one another', async () => {
  const { diary, told } = aDiary(memoryStore());
  await Promise.all([
    diary.keep(judged(0), []),
    diary.keep(judged(1), find(found)),
    diary.keep(judged(2), find(found)),
    diary.keep(judged(3), []),
  ]);
  expect(kinds(told)).toEqual(['finding-opened', 'finding-resolved']);
});

test('events of elsewhere are kept and told together with its own', async () => {
  const store = memoryStore();
  const { diary, told } = aDiary(store);
  const reset: DiaryEvent = {
    ...{ kind: 'statistics-reset', atMs: takenAtMs, ...aTarget(), schemaname: null, relname: null },
    ...{ indexrelname: null, node: 'primary', findingId: null, title: 'statistics were reset', evidence: {} },
  };
  await diary.keep(judged(0), find(found), [reset]);
  expect(kinds(told)).toEqual(['statistics-reset', 'finding-opened']);
  expect(await store.eventsOf({ limit: 10 })).toHaveLength(2);
});
