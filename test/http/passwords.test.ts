import { describe, expect, it } from 'vitest';
import { failedAttemptsPerMinute } from '../../src/http/access/attempts.ts';
import { Gate, openToAll } from '../../src/http/access/gate.ts';
import { Passwords } from '../../src/http/access/passwords.ts';
import { users } from './people.ts';

/** Comparisons that wait until the test lets them go on; what is right is called so. */
function counted() {
  const calls: { readonly password: string; readonly hash: string; readonly go: () => void }[] = [];
  const passwords = new Passwords(
    (password, hash) =>
      new Promise((resolve) => {
        calls.push({ password, hash, go: () => resolve(password === 'right') });
      }),
  );
  return { calls, passwords };
}

const turn = () => new Promise(setImmediate);
const hash = (cost: number) => `$2b$${cost}$${'a'.repeat(53)}`;
const two = new Map([
  ['ann', hash(10)],
  ['bob', hash(12)],
]);

describe('a password', () => {
  it('is compared once, and then known until the hash changes', async () => {
    const { calls, passwords } = counted();
    const checked = passwords.check('ann', 'right', two);
    await turn();
    expect(passwords.isKnown('ann', 'right', two)).toBe(false);
    calls[0]?.go();
    expect(await checked).toBe('right');
    expect(passwords.isKnown('ann', 'right', two)).toBe(true);
    expect(passwords.isKnown('ann', 'other', two)).toBe(false);
    expect(passwords.isKnown('bob', 'right', two)).toBe(false);
    expect(passwords.isKnown('ann', 'right', new Map([['ann', hash(11)]]))).toBe(false);
    expect(passwords.isKnown('ann', 'right', new Map())).toBe(false);
    expect(calls).toHaveLength(1);
  });

  it('of nobody takes the way of a known name: one comparison at the highest cost in use, never right', async () => {
    const { calls, passwords } = counted();
    const checked = passwords.check('eve', 'right', two);
    await turn();
    calls[0]?.go();
    expect(await checked).toBe('wrong');
    expect(calls[0]?.hash).toMatch(/^\$2b\$12\$.{53}$/);
    expect([...two.values()]).not.toContain(calls[0]?.hash);
    expect(passwords.isKnown('eve', 'right', two)).toBe(false);
    expect(await passwords.check('eve', 'right', two)).toBe('wrong');
    expect(calls).toHaveLength(1);
  });

  it('is the bcrypt of others, too', async () => {
    const passwords = new Passwords();
    // As htpasswd writes it.
    const htpasswd = (users.get('bob') ?? '').replace('$2b$', '$2y$');
    expect(await passwords.check('bob', 'bob’s password', new Map([['bob', htpasswd]]))).toBe('right');
    expect(await passwords.check('bob', 'bob’s passwor', new Map([['bob', htpasswd]]))).toBe('wrong');
    expect(await passwords.check('eve', 'bob’s password', users)).toBe('wrong');
  });
});

describe('many at once', () => {
  it('are compared one after the other, and beyond sixteen nobody waits', async () => {
    const { calls, passwords } = counted();
    const waiting = Array.from({ length: 17 }, (_, at) => passwords.check('ann', `wrong ${at}`, two));
    await turn();
    expect(calls).toHaveLength(1);
    expect(await waiting[16]).toBe('busy');
    for (let at = 0; at < 16; at++) {
      calls[at]?.go();
      expect(await waiting[at]).toBe('wrong');
      await turn();
    }
    expect(calls).toHaveLength(16);
    const again = passwords.check('ann', 'right', two);
    await turn();
    calls[16]?.go();
    expect(await again).toBe('right');
  });

  it('of one address are refused after ten failures, without a comparison, while others and what is known get in', async () => {
    let comparisons = 0;
    const passwords = new Passwords(async (password) => {
      comparisons += 1;
      return password === 'right';
    });
    let nowMs = 0;
    const gate = new Gate({ rules: openToAll, users: () => two, now: () => nowMs, passwords });
    const ask = async (name: string, password: string, address = '192.0.2.1') =>
      (await gate.verify({ kind: 'user', name, password }, address)).kind;
    expect(await ask('ann', 'right')).toBe('accepted');
    const kinds = await Promise.all(
      Array.from({ length: failedAttemptsPerMinute + 5 }, (_, at) => ask('bob', `wrong ${at}`)),
    );
    expect(kinds.filter((kind) => kind === 'refused')).toHaveLength(failedAttemptsPerMinute);
    expect(kinds.filter((kind) => kind === 'later')).toHaveLength(5);
    expect(comparisons).toBe(1 + failedAttemptsPerMinute);
    expect(await gate.verify({ kind: 'user', name: 'bob', password: 'right' }, '192.0.2.1')).toEqual({
      kind: 'later',
      seconds: 60,
    });
    expect(await ask('ann', 'right')).toBe('accepted');
    expect(await ask('bob', 'right', '192.0.2.2')).toBe('accepted');
    // One network of IPv6 is one client.
    for (let at = 0; at < failedAttemptsPerMinute; at++) await ask('bob', `wrong ${at}`, `2001:db8::${at}`);
    expect(await ask('bob', 'another', '2001:db8::ffff')).toBe('later');
    expect(await ask('bob', 'another', '2001:db8:0:1::')).toBe('refused');
    nowMs += 60_000;
    expect(await ask('bob', 'right')).toBe('accepted');
    gate.close();
  });

  it('that are right are no failures', async () => {
    const passwords = new Passwords(async () => true);
    const gate = new Gate({ rules: openToAll, users: () => two, now: () => 0, passwords });
    for (let at = 0; at < 2 * failedAttemptsPerMinute; at++) {
      const answer = await gate.verify({ kind: 'user', name: 'ann', password: `right ${at}` }, '192.0.2.1');
      expect(answer.kind).toBe('accepted');
    }
    gate.close();
  });
});
