import { hash, randomBytes } from 'node:crypto';

/** What somebody signed in with, so that a session ends with it. */
export type Holder =
  | { readonly kind: 'token'; readonly sha256: string }
  | { readonly kind: 'user'; readonly name: string; readonly passwordHash: string };

export interface Session {
  /** Digest of the id in the cookie; the id itself is kept nowhere. */
  readonly key: string;
  readonly holder: Holder;
  readonly expiresAtMs: number;
}

/** More people than look at indexes at one time; beyond, the oldest session ends. */
const sessionsMax = 1000;

/** Sessions of browsers, in memory: they end with the daemon. */
export class Sessions {
  readonly #byKey = new Map<string, Session>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Begins a session under an id that nobody knew before, which is what keeps planted ids out. */
  begin(holder: Holder, lifetimeMs: number): { readonly id: string; readonly session: Session } {
    this.#forgetEnded();
    const [oldest] = this.#byKey.keys();
    if (this.#byKey.size >= sessionsMax && oldest !== undefined) this.#byKey.delete(oldest);
    const id = randomBytes(32).toString('base64url');
    const session = { key: keyOf(id), holder, expiresAtMs: this.#now() + lifetimeMs };
    this.#byKey.set(session.key, session);
    return { id, session };
  }

  find(id: string): Session | undefined {
    const session = this.#byKey.get(keyOf(id));
    if (session === undefined || session.expiresAtMs > this.#now()) return session;
    this.#byKey.delete(session.key);
    return undefined;
  }

  end(id: string): void {
    this.#byKey.delete(keyOf(id));
  }

  #forgetEnded(): void {
    const nowMs = this.#now();
    for (const { key, expiresAtMs } of this.#byKey.values())
      if (expiresAtMs <= nowMs) this.#byKey.delete(key);
  }
}

const keyOf = (id: string): string => hash('sha256', id, 'hex');
