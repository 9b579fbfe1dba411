import { describe, expect, it } from 'vitest';
import type { Undecided } from '../../src/detectors/evaluate.ts';
import {
  advance,
  emptyLedger,
  type FoundNow,
  type Ledger,
  type Observation,
  usualLifeRules,
} from '../../src/findings/ledger.ts';
import type { DiaryEvent } from '../../src/model/event.ts';
import type { Finding, FindingKind } from '../../src/model/finding.ts';
import { dayMs, hourMs, KiB, MiB, minuteMs } from '../../src/model/units.ts';
import { aFinding, takenAtMs } from '../support/builders.ts';

function found(overrides: Partial<Finding> = {}): FoundNow {
  const { state: _, origin: __, firstSeen: ___, lastSeen: ____, ...rest } = aFinding(overrides);
  return rest;
}

interface Pass extends Partial<Omit<Observation, 'found' | 'judged' | 'undecided' | 'nowMs'>> {
  readonly found?: readonly FoundNow[];
  readonly judged?: readonly FindingKind[];
  readonly undecided?: readonly Undecided[];
  /** After the pass before; a day unless told otherwise. */
  readonly afterMs?: number;
}

interface Life {
  readonly ledger: Ledger;
  /** The events of each pass. */
  readonly events: readonly (readonly DiaryEvent[])[];
}

/** Passes in a row, the first at {@link takenAtMs}. */
function lived(...passes: readonly Pass[]): Life {
  let ledger = emptyLedger;
  let nowMs = takenAtMs;
  const events: (readonly DiaryEvent[])[] = [];
  for (const [place, pass] of passes.entries()) {
    const { judged = ['duplicate-index', 'unused-index'], afterMs = dayMs, ...rest } = pass;
    nowMs += place === 0 ? 0 : afterMs;
    const step = advance(ledger, { found: [], undecided: [], ...rest, judged: new Set(judged), nowMs });
    ledger = step.ledger;
    events.push(step.events);
  }
  return { ledger, events };
}

const live = (...passes: readonly Pass[]): Ledger => lived(...passes).ledger;
/** What the last of the passes made happen. */
const lastEvents = (...passes: readonly Pass[]): readonly DiaryEvent[] =>
  lived(...passes).events.at(-1) ?? [];

const only = (ledger: Ledger): Finding | undefined => [...ledger.findings.values()][0];
const day = (number: number): string => new Date(takenAtMs + number * dayMs).toISOString();
const minute = (number: number): string => new Date(takenAtMs + number * minuteMs).toISOString();
const nothing: Pass = {};
const same: Pass = { found: [found()] };
const soon = (pass: Pass, minutes = 1): Pass => ({ ...pass, afterMs: minutes * minuteMs });
const many = (count: number, overrides: Partial<Finding> = {}): readonly FoundNow[] =>
  Array.from({ length: count }, (_, place) =>
    found({ ...overrides, id: `${overrides.kind ?? ''}${place}`, title: `finding ${place}` }),
  );

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
    const { ledger, events } = lived(nothing, same);
    expect(only(ledger)).toMatchObject({ origin: 'new', firstSeen: day(1) });
    expect(events.at(-1)).toMatchObject([
      {
        kind: 'finding-opened',
        atMs: takenAtMs + dayMs,
        server: 'main',
        datname: 'shop',
        findingId: found().id,
        indexrelname: 'orders_a_idx1',
        title: found().title,
        evidence: { kind: 'duplicate-index', severity: 'warning', origin: 'new', state: 'open' },
      },
    ]);
  });

  it('goes on: first seen stays, last seen moves, and what it says is of today', () => {
    const { ledger, events } = lived(same, { found: [found({ title: 'larger by now' })] });
    expect(only(ledger)).toMatchObject({
      origin: 'baseline',
      title: 'larger by now',
      firstSeen: day(0),
      lastSeen: day(1),
    });
    expect(events.at(-1)).toEqual([]);
  });

  it('ends when its detector looked and did not find it; last seen is when it was seen', () => {
    const { ledger, events } = lived(same, nothing);
    expect(only(ledger)).toMatchObject({
      state: 'resolved',
      firstSeen: day(0),
      lastSeen: day(0),
      resolvedAt: day(1),
    });
    expect(events.at(-1)).toMatchObject([{ kind: 'finding-resolved', evidence: { lastSeen: day(0) } }]);
  });

  it('stays ended at the same moment while it is gone', () => {
    const { ledger, events } = lived(same, nothing, nothing);
    expect(only(ledger)).toMatchObject({ state: 'resolved', resolvedAt: day(1) });
    expect(events.at(-1)).toEqual([]);
  });

  it('begins anew when it comes back much later, as something new', () => {
    const { ledger, events } = lived(same, nothing, same);
    expect(only(ledger)).toMatchObject({ state: 'open', origin: 'new', firstSeen: day(2) });
    expect(only(ledger)).not.toHaveProperty('resolvedAt');
    expect(events.at(-1)).toMatchObject([{ kind: 'finding-opened' }]);
  });

  it('is remembered for thirty days after its end, or for as long as the settings say', () => {
    const gone = Array.from({ length: 30 }, () => nothing);
    expect(live(same, ...gone).findings.size).toBe(1);
    const later = live(same, ...gone, nothing);
    expect([later.findings.size, later.life.size]).toEqual([0, 0]);
    const rules = { ...usualLifeRules, resolvedForMs: dayMs };
    expect(live(same, { rules }, { rules }).findings.size).toBe(0);
  });
});

describe('what comes and goes', () => {
  const back = soon(same);
  const gone = soon(nothing);

  it('is the same finding when it comes back soon, reopened', () => {
    const { ledger, events } = lived(same, gone, back);
    expect(only(ledger)).toMatchObject({
      state: 'open',
      origin: 'baseline',
      firstSeen: day(0),
      lastSeen: minute(2),
      reopened: 1,
    });
    expect(events.at(-1)).toMatchObject([{ kind: 'finding-reopened', evidence: { reopened: 1 } }]);
  });

  it('is then told of once: while it is away for a short time it stays open, and last seen says since when', () => {
    const flaps = Array.from({ length: 100 }, () => [gone, back]).flat();
    const { ledger, events } = lived(same, ...flaps, gone);
    expect(events.flat().map(({ kind }) => kind)).toEqual([
      'finding-opened',
      'finding-resolved',
      'finding-reopened',
    ]);
    expect(only(ledger)).toMatchObject({ state: 'open', lastSeen: minute(200) });
  });

  it('ends once it has stayed away for half an hour', () => {
    const away = [gone, ...Array.from({ length: 29 }, () => gone)];
    expect(only(live(same, gone, back, ...away))).toMatchObject({ state: 'open' });
    const { ledger, events } = lived(same, gone, back, ...away, gone);
    expect(only(ledger)).toMatchObject({ state: 'resolved', lastSeen: minute(2), resolvedAt: minute(33) });
    expect(events.at(-1)).toMatchObject([{ kind: 'finding-resolved' }]);
  });

  it('does not stay away while nobody can look', () => {
    const blind: Pass = { judged: [], afterMs: hourMs };
    expect(only(live(same, gone, back, blind, gone))).toMatchObject({ state: 'open' });
  });

  it('is believed at once again when it has been steady for a day', () => {
    expect(only(live(same, gone, back, same, nothing))).toMatchObject({ state: 'resolved' });
  });

  it('is told each time where the settings say so', () => {
    const rules = { ...usualLifeRules, reopenWithinMs: 0, absentForMs: 0 };
    const { events } = lived(same, { ...gone, rules }, { ...back, rules }, { ...gone, rules });
    expect(events.flat().map(({ kind }) => kind)).toEqual([
      'finding-opened',
      'finding-resolved',
      'finding-opened',
      'finding-resolved',
    ]);
  });
});

describe('when nobody could look', () => {
  const blind: Pass = {
    judged: ['unused-index'],
    undecided: [{ kind: 'duplicate-index', reason: 'indexes: not permitted' }],
  };

  it('nothing ends and nothing changes', () => {
    const { ledger, events } = lived(same, blind);
    expect(only(ledger)).toMatchObject({ state: 'open', firstSeen: day(0), lastSeen: day(0) });
    expect(events.at(-1)).toEqual([]);
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

describe('day one', () => {
  it('500 findings are a baseline and an event for each kind; one more on day two is exactly one new finding', () => {
    const first = [...many(300), ...many(200, { kind: 'unused-index', severity: 'info' })];
    const { ledger, events } = lived({ found: first }, { found: [...first, found()] });
    expect(events[0]).toMatchObject([
      {
        kind: 'findings-opened-together',
        findingId: null,
        evidence: {
          kind: 'duplicate-index',
          origin: 'baseline',
          count: 300,
          reclaimableBytes: 300 * 10 * MiB,
        },
      },
      {
        kind: 'findings-opened-together',
        title: expect.stringMatching(/^200 unused-index findings on the first look in shop/),
        evidence: { kind: 'unused-index', origin: 'baseline', count: 200, severity: 'info' },
      },
    ]);
    expect(events[1]).toMatchObject([{ kind: 'finding-opened', findingId: found().id }]);
    const origins = [...ledger.findings.values()].map(({ origin }) => origin);
    expect(origins.filter((origin) => origin === 'baseline')).toHaveLength(500);
    expect(origins.filter((origin) => origin === 'new')).toHaveLength(1);
  });

  it('twenty findings at once are twenty events, one more are one, with the five that free most', () => {
    expect(lastEvents(nothing, { found: many(20) })).toHaveLength(20);
    const large = found({ id: 'large', title: 'the largest', impact: { reclaimableBytes: 99 * MiB } });
    const [event, ...others] = lastEvents(nothing, { found: [...many(20), large] });
    expect(others).toEqual([]);
    expect(event).toMatchObject({
      kind: 'findings-opened-together',
      evidence: { count: 21, origin: 'new', top: [{ findingId: 'large' }, {}, {}, {}, {}] },
    });
    expect(event?.title).toBe('21 duplicate-index findings at once in shop (299 MiB could be freed)');
  });
});

describe('a baseline finding speaks again', () => {
  const sized = (bytes: number, overrides: Partial<Finding> = {}): Pass => ({
    found: [found({ evidence: { sizeBytes: bytes }, ...overrides })],
  });

  it('when it has doubled, as new, once', () => {
    const grown = lived(sized(10 * MiB), sized(19 * MiB), sized(20 * MiB), sized(90 * MiB));
    expect(grown.events.map((events) => events.map(({ kind }) => kind))).toEqual([
      ['finding-opened'],
      [],
      ['finding-worsened'],
      [],
    ]);
    expect(only(grown.ledger)).toMatchObject({ origin: 'new', firstSeen: day(0) });
  });

  it('not for a few kilobytes', () => {
    expect(only(live(sized(8 * KiB), sized(640 * KiB)))).toMatchObject({ origin: 'baseline' });
  });

  it('goes by the first size that was known', () => {
    const unknown: Pass = {
      found: [found({ evidence: { sizeBytes: null }, impact: { reclaimableBytes: 0 } })],
    };
    expect(only(live(unknown, sized(100 * MiB)))).toMatchObject({ origin: 'baseline' });
    expect(only(live(unknown, sized(100 * MiB), sized(200 * MiB)))).toMatchObject({ origin: 'new' });
  });

  it('when it has risen in severity; falling and rising again is no news', () => {
    const severe = (severity: Finding['severity']): Pass => sized(MiB, { severity });
    const { ledger, events } = lived(
      ...[severe('info'), severe('warning'), severe('info'), severe('warning'), severe('critical')],
    );
    expect(only(ledger)).toMatchObject({ origin: 'new', severity: 'critical' });
    expect(events.map((happened) => happened.map(({ kind }) => kind))).toEqual([
      ['finding-opened'],
      ['finding-worsened'],
      [],
      [],
      ['finding-worsened'],
    ]);
  });

  it('is none where an index that was seen valid is invalid, on whatever look', () => {
    expect(only(live({ ...same, neverBaseline: new Set([found().id]) }))).toMatchObject({ origin: 'new' });
  });
});

describe('a rename', () => {
  const old = found({ id: 'old', indexrelname: 'before_idx' });
  const renamed = found({ id: 'now', indexrelname: 'after_idx' });
  const lineages = new Map([
    ['old', 'index 1'],
    ['now', 'index 1'],
  ]);
  const before: Pass = { found: [old], lineages };
  const after: Pass = { found: [renamed], lineages };

  it('ends the finding under the old name and goes on under the new', () => {
    const { ledger, events } = lived(before, after);
    expect(ledger.findings.get('old')).toMatchObject({ state: 'resolved', resolvedAt: day(1) });
    expect(ledger.findings.get('now')).toMatchObject({
      state: 'open',
      origin: 'baseline',
      firstSeen: day(0),
      renamedFrom: 'public.orders.before_idx',
    });
    expect(events.at(-1)?.map(({ kind, findingId }) => [kind, findingId])).toEqual([
      ['finding-reopened', 'now'],
      ['finding-resolved', 'old'],
    ]);
  });

  it('is remembered as long as the finding is there', () => {
    expect(live(before, after, after).findings.get('now')?.renamedFrom).toBe('public.orders.before_idx');
  });

  it('is seen even where the old name could not be judged', () => {
    const undecided = [
      { kind: 'duplicate-index', reason: 'locked', relations: ['public.before_idx'] },
    ] as const;
    expect(live(before, { ...after, undecided }).findings.get('old')?.state).toBe('resolved');
  });

  it('is none where both names have findings, where the kind differs, or the relation does', () => {
    const both: Pass = { found: [old, renamed], lineages };
    expect(live(both, both).findings.get('now')).not.toHaveProperty('renamedFrom');
    const other: Pass = { found: [{ ...renamed, kind: 'unused-index' }], lineages };
    expect(live(before, other).findings.get('now')).not.toHaveProperty('renamedFrom');
    const elsewhere: Pass = { found: [renamed], lineages: new Map([['now', 'index 2']]) };
    expect(live(before, elsewhere).findings.get('now')).toMatchObject({ origin: 'new', firstSeen: day(1) });
  });
});

describe('a muted finding', () => {
  const byComment = found({ muted: { reason: 'asked for', until: null, by: 'comment on the index' } });
  const mutedUntil = (until: string | null): Pass => ({
    found: [found()],
    muteOf: () => ({ reason: 'known', until, by: 'ann' }),
  });

  it('is muted and open again as its owner says', () => {
    const ledger = live(same, { found: [byComment] });
    expect(only(ledger)).toMatchObject({ state: 'muted', firstSeen: day(0) });
    const again = live(same, { found: [byComment] }, same);
    expect(only(again)).toMatchObject({ state: 'open', firstSeen: day(0) });
    expect(only(again)).not.toHaveProperty('muted');
  });

  it('tells when it is muted and when the mute is lifted', () => {
    expect(lastEvents(same, { found: [byComment] })).toMatchObject([
      { kind: 'mute-set', evidence: { mute: { reason: 'asked for', by: 'comment on the index' } } },
    ]);
    expect(lastEvents(same, { found: [byComment] }, same)).toMatchObject([{ kind: 'mute-lifted' }]);
  });

  it('opens again when the mute has expired, and tells of it', () => {
    const { ledger, events } = lived(same, mutedUntil(day(2)), same);
    expect(only(ledger)).toMatchObject({ state: 'open' });
    expect(events.at(-1)).toMatchObject([
      { kind: 'mute-expired', evidence: { mute: { until: day(2), by: 'ann' } } },
    ]);
  });

  it('goes on being muted by another mute, which is no news', () => {
    const { ledger, events } = lived({ found: [byComment] }, mutedUntil(null));
    expect(only(ledger)).toMatchObject({ state: 'muted', muted: { by: 'ann' } });
    expect(events.at(-1)).toEqual([]);
  });

  it('keeps its own mute before one set from elsewhere', () => {
    const ledger = live({ ...mutedUntil(null), found: [byComment] });
    expect(only(ledger)?.muted?.by).toBe('comment on the index');
  });

  it('opens when the mute expires while nobody can look', () => {
    const blind: Pass = { judged: [] };
    expect(only(live(same, mutedUntil(day(2)), blind))).toMatchObject({ state: 'open', lastSeen: day(1) });
    expect(only(live(same, { found: [byComment] }, blind))).toMatchObject({ state: 'muted' });
  });

  it('opens as muted', () => {
    expect(lastEvents(nothing, { found: [byComment] })).toMatchObject([
      { kind: 'finding-opened', evidence: { state: 'muted' } },
    ]);
  });
});

it('remembers a thousand ended findings at most, the newest', () => {
  const ledger = live({ found: many(1_200) }, nothing);
  expect(ledger.findings.size).toBe(1_000);
  expect(ledger.life.size).toBe(1_000);
});

it('goes on with what an older version kept, which knew no lives', () => {
  const older = { ...live(same), life: new Map() };
  const { ledger, events } = advance(older, {
    found: [found()],
    judged: new Set(['duplicate-index']),
    undecided: [],
    nowMs: takenAtMs + dayMs,
  });
  expect(only(ledger)).toMatchObject({ origin: 'baseline', firstSeen: day(0) });
  expect(events).toEqual([]);
});

it('keeps what is JSON by finding id', () => {
  const { findings, life } = live(same, soon(nothing), soon(same), soon(nothing));
  expect(JSON.parse(JSON.stringify([...findings]))).toEqual([...findings]);
  expect(JSON.parse(JSON.stringify([...life]))).toEqual([...life]);
});

it('never changes a ledger that was handed out', () => {
  const before = live(same);
  const text = JSON.stringify([[...before.findings], [...before.life]]);
  advance(before, {
    found: [],
    judged: new Set(['duplicate-index']),
    undecided: [],
    nowMs: takenAtMs + dayMs,
  });
  expect(JSON.stringify([[...before.findings], [...before.life]])).toBe(text);
});
