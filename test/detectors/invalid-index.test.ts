import { describe, expect, it } from 'vitest';
import type { InvalidIndexFact } from '../../src/collectors/builds.ts';
import { invalidIndex } from '../../src/detectors/invalid-index/detector.ts';
import {
  aServerFact,
  collected,
  type DescribedIndex,
  type Facts,
  factsOf,
  failed,
  takenAtMs,
} from '../support/builders.ts';
import { judge, onlyDraft, reasonsOf } from './judge.ts';

const tablesWith = (index: DescribedIndex) => [{ name: 'orders', columns: ['id', 'a'], indexes: [index] }];

/** What the second look saw, `afterMs` after the first. */
function secondLook(index: DescribedIndex, seen: Partial<InvalidIndexFact>, afterMs = 1_500): Facts {
  const [fact] = factsOf(tablesWith(index)).indexes ?? [];
  if (fact === undefined) throw new Error('the table has an index');
  const invalid: InvalidIndexFact = {
    indexOid: fact.indexOid,
    isValid: fact.isValid,
    isReady: fact.isReady,
    isLive: fact.isLive,
    isBuilding: false,
    isWorkedOn: false,
    seesBuilds: true,
    partitions: null,
    attachedPartitions: null,
    invalidPartitionIndexes: null,
    ...seen,
  };
  return { outcomes: { 'invalid-indexes': collected([invalid], { collectedAtMs: takenAtMs + afterMs }) } };
}

const lookTwice = (index: DescribedIndex, seen: Partial<InvalidIndexFact> = {}, afterMs?: number) =>
  judge(invalidIndex, tablesWith(index), { facts: secondLook(index, seen, afterMs) });

const broken: DescribedIndex = { name: 'broken', keys: ['a'], fact: { isValid: false } };

describe('invalid-index', () => {
  it('opens when both looks show it invalid and nobody is at work', () => {
    expect(onlyDraft(lookTwice(broken))).toMatchObject({
      severity: 'warning',
      confidence: 'proven',
      subject: 'broken',
      evidence: { class: 'failed' },
      remedy: { kind: 'replace-index' },
    });
  });

  it('is critical for an index that a constraint needs', () => {
    const key = { ...broken, fact: { ...broken.fact, isUnique: true, isReplicaIdentity: true } };
    expect(onlyDraft(lookTwice(key)).severity).toBe('critical');
  });

  it.each([
    ['broken_ccnew', 'debris'],
    ['broken_ccold1', 'debris'],
    ['broken_ccnewest', 'failed'],
  ])('%s is classed as %s', (name, expected) => {
    expect(onlyDraft(lookTwice({ ...broken, name })).evidence.class).toBe(expected);
  });

  it('tells a half dropped index by its not being live', () => {
    const half = { ...broken, fact: { isValid: false, isReady: false, isLive: false } };
    expect(onlyDraft(lookTwice(half)).evidence.class).toBe('dropping');
  });

  it('is info while a partitioned index waits for its partitions, and a warning when it never became valid', () => {
    const parent: DescribedIndex = { ...broken, fact: { isValid: false, relkind: 'I' } };
    const waiting = lookTwice(parent, { partitions: 3, attachedPartitions: 1, invalidPartitionIndexes: 0 });
    expect(onlyDraft(waiting)).toMatchObject({ severity: 'info', evidence: { class: 'partitions-missing' } });
    const stuck = lookTwice(parent, { partitions: 3, attachedPartitions: 3, invalidPartitionIndexes: 1 });
    expect(onlyDraft(stuck)).toMatchObject({ severity: 'warning', evidence: { class: 'partition-stuck' } });
  });

  it.each([
    ['a build is running', { isBuilding: true }],
    ['somebody holds a lock that only DDL takes', { isWorkedOn: true }],
  ])('is silent while %s', (_, seen) => {
    expect(lookTwice(broken, seen).drafts).toEqual([]);
  });

  it('is silent about an index that was valid or gone at the second look', () => {
    const facts = { outcomes: { 'invalid-indexes': collected([], { collectedAtMs: takenAtMs + 1_500 }) } };
    expect(judge(invalidIndex, tablesWith(broken), { facts }).drafts).toEqual([]);
  });

  it('does not judge before the second look is due', () => {
    const evaluation = lookTwice(broken, {}, 400);
    expect(evaluation.drafts).toEqual([]);
    expect(reasonsOf(evaluation)).toEqual(['public.broken: seen invalid once; the second look is due']);
  });

  it('is inconclusive where builds of others are invisible, and names the grant', () => {
    const facts = {
      ...secondLook(broken, {}),
      server: aServerFact({ hasReadAllStats: false, roleName: 'app' }),
    };
    expect(reasonsOf(judge(invalidIndex, tablesWith(broken), { facts })).join()).toContain(
      'GRANT pg_monitor TO "app"',
    );
  });

  it('calls nothing invalid when the right was lost between the two looks', () => {
    const evaluation = lookTwice(broken, { seesBuilds: false });
    expect(evaluation.drafts).toEqual([]);
    expect(reasonsOf(evaluation).join()).toContain('GRANT pg_monitor TO');
  });

  it('is inconclusive without the second look', () => {
    const facts = { outcomes: { 'invalid-indexes': failed('it failed') } };
    expect(judge(invalidIndex, tablesWith(broken), { facts }).judged.size).toBe(0);
  });
});
