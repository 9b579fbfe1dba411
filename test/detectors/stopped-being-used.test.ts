import { describe, expect, it } from 'vitest';
import { stoppedBeingUsed } from '../../src/detectors/stopped-being-used/detector.ts';
import type { DescribedTable } from '../support/builders.ts';
import { type DescribedUsage, type Moment, usageOver } from '../support/usage.ts';
import { judge, onlyDraft, reasonsOf } from './judge.ts';

const orders: DescribedTable = {
  name: 'orders',
  columns: ['id', 'a'],
  indexes: [{ name: 'orders_a_idx', keys: ['a'] }],
};

// The last look is on a Sunday at noon: its day is not whole yet, and the last whole day is a Saturday.
const judged = (
  described: Partial<DescribedUsage>,
  more: Parameters<typeof judge>[2] = {},
  tables: readonly DescribedTable[] = [orders],
) => judge(stoppedBeingUsed, tables, { ...more, usage: usageOver(tables, { days: 30, ...described }) });

/** Used a hundred times a look until so many days ago. */
const until =
  (days: number, where: (moment: Moment) => boolean = () => true) =>
  (_: string, moment: Moment): number =>
    moment.day >= days && where(moment) ? 100 : 0;
const isWeekend = ({ atMs }: Moment): boolean => [0, 6].includes(new Date(atMs).getUTCDay());
const silence = { drafts: [], undecided: [] };

describe('stopped-being-used', () => {
  it('opens after a whole day without use of an index that was used daily', () => {
    expect(onlyDraft(judged({ scans: until(2) }))).toMatchObject({
      severity: 'info',
      confidence: 'likely',
      subject: 'orders_a_idx',
      title: 'orders_a_idx on public.orders (a) was used 600 times a day and has not been for 2 d',
      evidence: { usesPerDayBefore: 600, usedDaysOfSeven: 7, quietWholeDays: 1 },
      impact: { reclaimableBytes: 0 },
      remedy: { kind: 'review' },
    });
  });

  it('is a warning where sequential scans have taken over', () => {
    const reads = (_: string, { day }: Moment) => (day < 2 ? 100 : 10);
    const draft = onlyDraft(judged({ scans: until(2), reads }));
    expect(draft.severity).toBe('warning');
    expect(draft.title).toContain('the table is read whole 600 times a day instead of 60');
  });

  it('counts any index, keys too', () => {
    const indexes = [{ name: 'orders_pkey', keys: ['id'], fact: { isUnique: true, isPrimary: true } }];
    expect(judged({ scans: until(2) }, {}, [{ ...orders, indexes }]).drafts).toHaveLength(1);
  });

  it.each<[string, Partial<DescribedUsage>]>([
    ['an index that is in use', { scans: () => 100 }],
    ['one that was never used', {}],
    ['one that stopped today', { scans: until(1) }],
    ['one that was used on few days', { scans: (_, { day }) => (day >= 2 && day % 5 === 0 ? 100 : 0) }],
    ['one that was used rarely', { scans: (_, { day }) => (day >= 2 ? 1 : 0) }],
    [
      'one that is used elsewhere',
      {
        nodes: ['primary', 'standby'],
        scans: (_, { node, day }) => (node === 'standby' || day >= 2 ? 100 : 0),
      },
    ],
  ])('is silent on %s', (_, described) => {
    expect(judged(described)).toMatchObject(silence);
  });

  it('knows weekends: what is used on working days has not stopped on a Saturday', () => {
    const onWorkdays = (moment: Moment): boolean => !isWeekend(moment);
    expect(judged({ scans: until(1, onWorkdays) })).toMatchObject(silence);
    // Friday without use is another matter.
    expect(onlyDraft(judged({ scans: until(3, onWorkdays) })).evidence.quietWholeDays).toBe(1);
  });

  it('wants as many such days as it is told', () => {
    expect(judged({ scans: until(3) }, { settings: { quietDays: 3 } })).toMatchObject(silence);
    expect(judged({ scans: until(4) }, { settings: { quietDays: 3 } }).drafts).toHaveLength(1);
  });

  it('leaves it to unused-index when its window has passed', () => {
    expect(judged({ scans: until(9) }, { policy: { unusedAfterMs: 7 * 86_400_000 } })).toMatchObject(silence);
  });

  it('does not judge an index whose table is not read either, or by fewer others too', () => {
    const quietSince =
      (days: number, reads: number) =>
      (_: string, { day }: Moment) =>
        day < days ? reads : 200;
    const unread = judged({ scans: until(2), reads: quietSince(2, 0) });
    expect([unread.drafts, reasonsOf(unread)]).toEqual([
      [],
      ['public.orders_a_idx: it is no longer used, but its table is not read either'],
    ]);
    expect(reasonsOf(judged({ scans: until(2), reads: quietSince(2, 50) }))[0]).toContain(
      'read less than half as often as usual on these weekdays',
    );
  });

  it('does not judge while a node that may use it cannot be read, or was not observed', () => {
    const unreachable = { standby: 'connection refused' };
    const away = judged({ scans: until(2), nodes: ['primary', 'standby'], unreachable });
    expect(reasonsOf(away)[0]).toContain('node standby could not be read (connection refused)');
    const isBlind = ({ day }: Moment) => day === 1;
    expect(judged({ scans: until(3), isBlind, everyMs: 3_600_000 }).drafts).toEqual([]);
  });

  it('is only possible while nodes may be unknown', () => {
    const topology = { isComplete: false, unseenNodes: [] };
    expect(onlyDraft(judged({ scans: until(2) }, { topology })).confidence).toBe('possible');
  });

  it('takes no part in a single look, which remembers nothing', () => {
    const evaluation = judge(stoppedBeingUsed, [orders]);
    expect(evaluation).toMatchObject(silence);
    expect(evaluation.judged.size).toBe(0);
  });
});
