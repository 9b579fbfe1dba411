import { describe, expect, it } from 'vitest';
import { OwnScans } from '../../src/history/usage/own-scans.ts';
import { nodeName } from '../../src/model/ids.ts';

const node = nodeName('primary');
const counted = (scansTotal: number, indexOid = 1) => [{ indexOid, scansTotal }];
const settled = (own: OwnScans, scansTotal: number) => own.settle(node, counted(scansTotal)).get(1) ?? 0;

describe('scans of our own', () => {
  it('are taken off the next sample, once', () => {
    const own = new OwnScans();
    settled(own, 10);
    own.note(node, new Map([[1, 3]]));
    expect(settled(own, 15)).toBe(3);
    expect(settled(own, 18)).toBe(0);
  });

  it('wait for the server to show them', () => {
    const own = new OwnScans();
    settled(own, 10);
    own.note(node, new Map([[1, 3]]));
    expect(settled(own, 11)).toBe(1);
    expect([...own.unsettled(node)]).toEqual([[1, 2]]);
    expect(settled(own, 15)).toBe(2);
    expect(own.unsettled(node).size).toBe(0);
  });

  it('are given up in the end, so as not to hide what others do', () => {
    const own = new OwnScans();
    settled(own, 10);
    own.note(node, new Map([[1, 3]]));
    expect([settled(own, 10), settled(own, 10), settled(own, 12)]).toEqual([0, 0, 0]);
  });

  it('add up between two samples', () => {
    const own = new OwnScans();
    settled(own, 0);
    own.note(node, new Map([[1, 2]]));
    own.note(node, new Map([[1, 2]]));
    expect(settled(own, 9)).toBe(4);
  });

  it('are no more than a counter that began anew', () => {
    const own = new OwnScans();
    settled(own, 100);
    own.note(node, new Map([[1, 5]]));
    expect(settled(own, 2)).toBe(2);
  });

  it('belong to their node', () => {
    const own = new OwnScans();
    own.note(nodeName('standby'), new Map([[1, 5]]));
    expect(settled(own, 7)).toBe(0);
  });
});
