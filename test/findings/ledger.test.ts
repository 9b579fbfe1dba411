import { describe, expect, it } from 'vitest';
import type { Undecided } from '../../src/detectors/evaluate.ts';
import { advance, emptyLedger, type FoundNow, type Ledger } from '../../src/findings/ledger.ts';
import type { Finding, FindingKind } from '../../src/model/finding.ts';
import { dayMs } from '../../src/model/units.ts';
import { aFinding, takenAtMs } from '../support/builders.ts';

function found(overrides: Partial<Finding> = {}): FoundNow {
  const { state: _, origin: __, firstSeen: ___, lastSeen: ____, ...rest } = aFinding(overrides);
  return rest;
}

interface Pass {
  readonly found?: readonly FoundNow[];
  readonly judged?: readonly FindingKind[];
  readonly undecided?: readonly Undecided[];
}

/** One pass a day, beginning with the day of {@link takenAtMs}. */
function live(...passes: readonly Pass[]): Ledger {
  return passes.reduce<Ledger>(
    (ledger, pass, day) =>
      advance(ledger, {
        found: pass.found ?? [],
        judged: new Set(pass.judged ?? ['duplicate-index', 'unused-index']),
        undecided: pass.undecided ?? [],
        nowMs: takenAtMs + day * dayMs,
      }),
    emptyLedger,
  );
}

const only = (ledger: Ledger): Finding | undefined => [...ledger.findings.values()][0];
const day = (number: number): string => new Date(takenAtMs + number * dayMs).toISOString();
const nothing: Pass = {};
const same: Pass = { found: [found()] };

describe('the life of a finding', () => {
  it('begins as the baseline of its detector’s first look', () => {
    expect(only(live(same))).toMatchObject({
      state: 'open',
      origin: 'baseline',
      firstSeen: day(0),
      lastSeen: day(0),
    });
  });

  it('is new once the detector has looked without finding it', () => {
    expect(only(live(nothing, same))).toMatchObject({ origin: 'new', firstSeen: day(1) });
  });

  it('goes on: first seen stays, last seen moves, and what it says is of today', () => {
    const ledger = live(same, { found: [found({ title: 'larger by now' })] });
    expect(only(ledger)).toMatchObject({
      origin: 'baseline',
      title: 'larger by now',
      firstSeen: day(0),
      lastSeen: day(1),
    });
  });

  it('ends when its detector looked and did not find it', () => {
    expect(only(live(same, nothing))).toMatchObject({
      state: 'resolved',
      firstSeen: day(0),
      lastSeen: day(1),
    });
  });

  it('stays ended at the same moment while it is gone', () => {
    expect(only(live(same, nothing, nothing))).toMatchObject({ state: 'resolved', lastSeen: day(1) });
  });

  it('begins anew when it comes back, as something new', () => {
    expect(only(live(same, nothing, same))).toMatchObject({
      state: 'open',
      origin: 'new',
      firstSeen: day(2),
    });
  });

  it('is remembered for thirty days after its end', () => {
    const gone = Array.from({ length: 30 }, () => nothing);
    expect(live(same, ...gone).findings.size).toBe(1);
    expect(live(same, ...gone, nothing).findings.size).toBe(0);
  });

  it('is muted and open again as its owner says', () => {
    const muted = found({ muted: { reason: 'asked for', until: null, by: 'comment on the index' } });
    const ledger = live(same, { found: [muted] });
    expect(only(ledger)).toMatchObject({ state: 'muted', firstSeen: day(0) });
    expect(only(live(same, { found: [muted] }, same))).toMatchObject({ state: 'open', firstSeen: day(0) });
  });
});

describe('when nobody could look', () => {
  const blind: Pass = {
    judged: ['unused-index'],
    undecided: [{ kind: 'duplicate-index', reason: 'indexes: not permitted' }],
  };

  it('nothing ends and nothing changes', () => {
    expect(only(live(same, blind))).toMatchObject({ state: 'open', firstSeen: day(0), lastSeen: day(0) });
    expect(only(live(same, blind, nothing))).toMatchObject({ state: 'resolved' });
  });

  it('the baseline is still to come', () => {
    expect(only(live(blind, same))).toMatchObject({ origin: 'baseline' });
    expect(only(live(blind, nothing, same))).toMatchObject({ origin: 'new' });
  });

  it('at one index or its table, what is about them stands and the rest goes on', () => {
    const here = found();
    const there = found({ id: 'ffff', relname: 'elsewhere', indexrelname: 'elsewhere_idx' });
    for (const relation of ['public.orders_a_idx1', 'public.orders']) {
      const ledger = live(
        { found: [here, there] },
        { undecided: [{ kind: 'duplicate-index', reason: 'locked', relations: [relation] }] },
      );
      expect(ledger.findings.get(here.id)?.state).toBe('open');
      expect(ledger.findings.get('ffff')?.state).toBe('resolved');
    }
  });

  it('an index of the same name in another schema is another', () => {
    const ledger = live(same, {
      undecided: [{ kind: 'duplicate-index', reason: 'locked', relations: ['other.orders_a_idx1'] }],
    });
    expect(only(ledger)?.state).toBe('resolved');
  });

  it('what one relation hid from the first look is baseline when it shows; the rest is new', () => {
    const hidden: Pass = {
      undecided: [{ kind: 'duplicate-index', reason: 'locked', relations: ['public.orders_a_idx1'] }],
    };
    const there = found({ id: 'ffff', relname: 'elsewhere', indexrelname: 'elsewhere_idx' });
    const ledger = live(hidden, hidden, { found: [found(), there] });
    expect(ledger.findings.get(found().id)?.origin).toBe('baseline');
    expect(ledger.findings.get('ffff')?.origin).toBe('new');
  });

  it('a relation that was judged once and is hidden later has had its baseline', () => {
    const hidden: Pass = {
      undecided: [{ kind: 'duplicate-index', reason: 'locked', relations: ['public.orders_a_idx1'] }],
    };
    expect(only(live(nothing, hidden, same))?.origin).toBe('new');
  });

  it('each detector has a baseline of its own', () => {
    const unused = found({ id: 'eeee', kind: 'unused-index' });
    const ledger = live({ judged: ['duplicate-index'] }, { found: [found(), unused] });
    expect(ledger.findings.get('eeee')?.origin).toBe('baseline');
    expect(ledger.findings.get(found().id)?.origin).toBe('new');
  });
});

it('remembers a thousand ended findings at most, the newest', () => {
  const many = Array.from({ length: 1_200 }, (_, place) => found({ id: `id${place}` }));
  const ledger = live({ found: many }, nothing);
  expect(ledger.findings.size).toBe(1_000);
});

it('never changes a ledger that was handed out', () => {
  const before = live(same);
  const text = JSON.stringify([...before.findings]);
  advance(before, {
    found: [],
    judged: new Set(['duplicate-index']),
    undecided: [],
    nowMs: takenAtMs + dayMs,
  });
  expect(JSON.stringify([...before.findings])).toBe(text);
});
