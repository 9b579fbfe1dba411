import { createHmac, randomBytes } from 'node:crypto';
import { compare } from 'bcryptjs';
import { bcryptCostOf } from '../../config/web-config-schema.ts';

/** Bcrypt hashes by the name of the user. */
export type Users = ReadonlyMap<string, string>;

export type Verdict =
  | 'right'
  | 'wrong'
  /** Too many others wait for theirs. */
  | 'busy';

/** Each comparison takes a core for 50 ms and more: who stands further back would wait for seconds. */
const waitingMax = 16;
/** Wrong passwords that are remembered: a program with an old one asks again and again. */
const refusedMax = 256;

/**
 * Compares passwords with bcrypt, one at a time. What was right is remembered until the hash changes; a name that nobody has costs
 * as much as one that somebody has. Nothing that is kept here lets a password be guessed faster than from the hashes themselves
 * by somebody without this process's memory.
 */
export class Passwords {
  readonly #key = randomBytes(32);
  readonly #compare: (password: string, hash: string) => Promise<boolean>;
  /** Digests, by user: each has one right password. */
  readonly #accepted = new Map<string, string>();
  readonly #refused = new Set<string>();
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** `compareWith` takes the place of bcrypt in tests that count comparisons. */
  constructor(compareWith: (password: string, hash: string) => Promise<boolean> = compare) {
    this.#compare = compareWith;
  }

  /** Whether this password was found right before and still is; costs nothing. */
  isKnown(user: string, password: string, users: Users): boolean {
    const hash = users.get(user);
    return hash !== undefined && this.#accepted.get(user) === this.#digest(user, password, hash);
  }

  async check(user: string, password: string, users: Users): Promise<Verdict> {
    const known = users.get(user);
    const hash = known ?? standInFor(users);
    const digest = this.#digest(user, password, hash);
    if (this.#refused.has(digest)) return 'wrong';
    if (this.#waiting >= waitingMax) return 'busy';
    this.#waiting += 1;
    const turn = this.#last.then(() => this.#compare(password, hash));
    this.#last = turn.catch(() => {});
    try {
      const isRight = (await turn) && known !== undefined;
      if (isRight) this.#accept(user, digest, users);
      else this.#refuse(digest);
      return isRight ? 'right' : 'wrong';
    } finally {
      this.#waiting -= 1;
    }
  }

  #accept(user: string, digest: string, users: Users): void {
    for (const name of this.#accepted.keys()) if (!users.has(name)) this.#accepted.delete(name);
    this.#accepted.set(user, digest);
  }

  #refuse(digest: string): void {
    const [oldest] = this.#refused;
    if (this.#refused.size >= refusedMax && oldest !== undefined) this.#refused.delete(oldest);
    this.#refused.add(digest);
  }

  #digest(user: string, password: string, hash: string): string {
    return createHmac('sha256', this.#key)
      .update(JSON.stringify([user, hash, password]))
      .digest('base64');
  }
}

/** A hash of the highest cost in use that no password has. */
function standInFor(users: Users): string {
  const cost = Math.max(10, ...[...users.values()].map(bcryptCostOf));
  return `$2b$${String(cost).padStart(2, '0')}$${'.'.repeat(53)}`;
}
