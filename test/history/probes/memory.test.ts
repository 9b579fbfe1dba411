import { describe, expect, it } from 'vitest';
import type { RedFlag } from '../../../src/analysis/plans/red-flags.ts';
import {
  noDurations,
  type ProbeMemory,
  type ProbeSight,
  probeMemoriesFrom,
  seeProbe,
  withDuration,
} from '../../../src/history/probes/memory.ts';
import type { Probe } from '../../../src/model/probe.ts';
import { aTarget, takenAtMs } from '../../support/builders.ts';
import { aProbe } from '../../support/probes.ts';

const sort: RedFlag = { kind: 'sort', subject: 'o.at', text: 'rows are sorted' };
const unused: RedFlag = {
  kind: 'expected-index-unused',
  subject: 'i',
  text: 'the expected index i is not used',
};

const sight = (hash: string, overrides: Partial<ProbeSight> = {}): ProbeSight => ({
  atMs: takenAtMs,
  hash,
  text: `plan ${hash}`,
  flags: [],
  waived: [],
  roleName: 'monitor',
  ...overrides,
});

/** Sees one run after the other, and returns the memory and all that happened. */
function seen(probe: Probe, ...sights: readonly ProbeSight[]) {
  const events: unknown[] = [];
  let memory: ProbeMemory | undefined;
  for (const one of sights) {
    const next = seeProbe(aTarget(), probe, memory, one);
    memory = next.memory;
    events.push(...next.events);
  }
  if (memory === undefined) throw new Error('nothing was seen');
  return { memory, events };
}

const hashes = ({ memory }: ReturnType<typeof seen>) => [memory.baseline?.hash, memory.current?.hash];

describe('what is remembered of a probe', () => {
  it('begins with its first plan, which is no change', () => {
    const first = seen(aProbe(), sight('a', { durationMs: 12 }));
    expect(hashes(first)).toEqual(['a', 'a']);
    expect(first.memory.planChangedAtMs).toBeNull();
    expect(first.memory.runs).toEqual([{ atMs: takenAtMs, durationMs: 12, isTimeout: false }]);
    expect(first.events).toEqual([]);
  });

  it('takes a change without a new red flag for the baseline, and tells of it', () => {
    const changed = seen(aProbe(), sight('a'), sight('b', { atMs: takenAtMs + 5 }));
    expect(hashes(changed)).toEqual(['b', 'b']);
    expect(changed.memory.planChangedAtMs).toBe(takenAtMs + 5);
    expect(changed.events).toMatchObject([
      {
        kind: 'probe-plan-changed',
        schemaname: 'public',
        relname: 'orders',
        title: 'Probe recent-orders is planned in another way',
        evidence: { oldPlanHash: 'a', newPlanHash: 'b', oldPlan: ['plan a'], newPlan: ['plan b'] },
      },
    ]);
  });

  it('keeps the baseline over a plan with a new red flag, until it returns or a good one comes', () => {
    const worse = sight('b', { flags: [sort] });
    expect(hashes(seen(aProbe(), sight('a'), worse, worse))).toEqual(['a', 'b']);
    expect(hashes(seen(aProbe(), sight('a'), worse, sight('a')))).toEqual(['a', 'a']);
    expect(hashes(seen(aProbe(), sight('a'), worse, sight('c')))).toEqual(['c', 'c']);
    expect(hashes(seen(aProbe(), sight('a', { flags: [sort] }), worse))).toEqual(['b', 'b']);
  });

  it('has no baseline while no plan does what is declared', () => {
    const broken = sight('a', { flags: [unused] });
    expect(hashes(seen(aProbe(), broken))).toEqual([undefined, 'a']);
    expect(hashes(seen(aProbe(), broken, sight('b')))).toEqual(['b', 'b']);
    expect(hashes(seen(aProbe({ acceptPlan: 'a' }), broken))).toEqual(['a', 'a']);
  });

  it('tells a change once, and when the plan came', () => {
    const { memory, events } = seen(
      aProbe(),
      sight('a'),
      sight('b', { atMs: takenAtMs + 1 }),
      sight('b', { atMs: takenAtMs + 2 }),
    );
    expect(events).toHaveLength(1);
    expect(memory.current?.sinceMs).toBe(takenAtMs + 1);
    expect(memory.lastSuccessAtMs).toBe(takenAtMs + 2);
  });

  it('begins anew where something else is asked, and not where something else is expected', () => {
    const before = seen(aProbe(), sight('a', { durationMs: 3 })).memory;
    const other = aProbe({ sql: 'select 1 from orders' });
    expect(seeProbe(aTarget(), other, before, sight('b'))).toMatchObject({
      memory: { baseline: { hash: 'b' }, planChangedAtMs: null, runs: [] },
      events: [],
    });
    const stricter = aProbe({ targetMs: 1, expectIndexes: [['i']] });
    expect(seeProbe(aTarget(), stricter, before, sight('a')).memory.runs).toHaveLength(1);
  });

  it('keeps the last twenty times', () => {
    const runs = Array.from({ length: 25 }, (_, at) => sight('a', { atMs: at, durationMs: at }));
    const { memory } = seen(aProbe(), ...runs);
    expect(memory.runs.map(({ durationMs }) => durationMs)).toEqual(
      Array.from({ length: 20 }, (_, at) => at + 5),
    );
  });

  it('survives as JSON; what does not fit is dropped and named', () => {
    const { memory } = seen(
      aProbe(),
      sight('a', { durationMs: 1, flags: [sort] }),
      sight('b', { flags: [unused] }),
    );
    const kept = JSON.parse(JSON.stringify(memory));
    const { memories, dropped } = probeMemoriesFrom(
      new Map([
        ['good', kept],
        ['bad', { ...kept, runs: 'many' }],
      ]),
    );
    expect(memories.get('good')).toEqual(memory);
    expect(dropped).toEqual(['bad']);
  });
});

describe('the histogram', () => {
  it('counts each time in every bucket that it fits', () => {
    const counts = withDuration(withDuration(noDurations, 0.2), 7);
    expect(counts).toEqual({ within: [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1], count: 2, sumSeconds: 7.2 });
  });
});
