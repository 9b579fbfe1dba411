import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Request } from 'express';
import { MemoryStore } from 'express-rate-limit';
import type { HttpToken } from '../../config/http-tokens.ts';
import type { exemptions } from '../../config/schema-http.ts';
import { FailedAttempts } from './attempts.ts';
import { sessionIdIn } from './cookies.ts';
import { Passwords, type Users } from './passwords.ts';
import { addressOf, type Principal, type RequestAccess } from './principal.ts';
import { type Holder, type Session, Sessions } from './sessions.ts';
import { findToken } from './tokens.ts';

/** Who may do what, as the configuration in force says. */
export interface GateRules {
  readonly tokens: readonly HttpToken[];
  /** Those of the users who may change things. */
  readonly adminUsers: readonly string[];
  readonly withoutAuthentication: readonly (typeof exemptions)[number][];
  readonly sessionLifetimeMs: number;
}

export const openToAll: GateRules = {
  tokens: [],
  adminUsers: [],
  withoutAuthentication: ['health'],
  sessionLifetimeMs: 43_200_000,
};

/** What came of looking at what somebody showed. */
export type Shown =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'accepted'; readonly principal: Principal; readonly holder: Holder }
  | { readonly kind: 'refused' }
  /** Too many attempts failed, or too many wait. */
  | { readonly kind: 'later'; readonly seconds: number };

export type Credentials =
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'user'; readonly name: string; readonly password: string };

/**
 * Who is let in. It outlives reloads of the configuration, which give it other rules: sessions, what was counted and what was found
 * right stay, as far as tokens and users still exist.
 */
export class Gate {
  /** Requests of each client, for the limit; kept here so that a reload leaves no timer behind. */
  readonly requests = new MemoryStore();
  readonly #csrfKey = randomBytes(32);
  readonly #attempts: FailedAttempts;
  readonly #passwords: Passwords;
  readonly #sessions: Sessions;
  readonly #users: () => Users;
  #rules: GateRules;

  constructor(options: {
    readonly rules: GateRules;
    /** As they are now: their file may change at any time. */
    readonly users: () => Users;
    readonly now: () => number;
    readonly passwords?: Passwords;
  }) {
    this.#rules = options.rules;
    this.#users = options.users;
    this.#passwords = options.passwords ?? new Passwords();
    this.#attempts = new FailedAttempts(options.now);
    this.#sessions = new Sessions(options.now);
  }

  adopt(rules: GateRules): void {
    this.#rules = rules;
  }

  get rules(): GateRules {
    return this.#rules;
  }

  /** Whether readers, too, must show who they are. */
  get isClosed(): boolean {
    return this.hasUsers || this.#rules.tokens.some(({ role }) => role === 'read');
  }

  get hasUsers(): boolean {
    return this.#users().size > 0;
  }

  get hasTokens(): boolean {
    return this.#rules.tokens.length > 0;
  }

  get #hasAdmins(): boolean {
    const users = this.#users();
    return this.#rules.tokens.some(isAdmin) || this.#rules.adminUsers.some((name) => users.has(name));
  }

  /**
   * What the `Authorization` header shows. It is looked at where its scheme is one that is configured: a proxy in front may pass on
   * credentials that are meant for it alone.
   */
  async inHeader(request: Request): Promise<Shown> {
    const [, scheme = '', rest = ''] = /^(\S+)(?: +(.*))?$/s.exec(request.get('authorization') ?? '') ?? [];
    switch (scheme.toLowerCase()) {
      case 'bearer':
        if (!this.hasTokens) return { kind: 'nothing' };
        return this.verify({ kind: 'token', token: rest.trimEnd() }, addressOf(request));
      case 'basic': {
        if (!this.hasUsers) return { kind: 'nothing' };
        const written = decodeBasic(rest.trimEnd());
        return this.verify(written ?? { kind: 'user', name: '', password: '' }, addressOf(request));
      }
      default:
        return { kind: 'nothing' };
    }
  }

  /** Whoever is right is never held up by the failures of others at the same address, unless a password must be computed anew. */
  async verify(shown: Credentials, address: string): Promise<Shown> {
    const users = this.#users();
    const known =
      shown.kind === 'token'
        ? this.#byToken(shown.token)
        : this.#passwords.isKnown(shown.name, shown.password, users)
          ? this.#byUser(shown.name)
          : undefined;
    if (known !== undefined) return known;
    if (!this.#attempts.begin(address))
      return { kind: 'later', seconds: this.#attempts.secondsLeft(address) };
    if (shown.kind === 'token') return { kind: 'refused' };
    const verdict = await this.#passwords.check(shown.name, shown.password, users);
    if (verdict === 'wrong') return { kind: 'refused' };
    this.#attempts.takeBack(address);
    if (verdict === 'busy') return { kind: 'later', seconds: 1 };
    // The users may have changed while it was computed.
    const still = this.#users().get(shown.name) === users.get(shown.name);
    return (still ? this.#byUser(shown.name) : undefined) ?? { kind: 'refused' };
  }

  /** The session that the cookie names, if it lives and what it began with is still in force. */
  inCookie(request: Request): { readonly session: Session; readonly principal: Principal } | undefined {
    const id = sessionIdIn(request);
    const session = id === undefined ? undefined : this.#sessions.find(id);
    if (id === undefined || session === undefined) return undefined;
    const principal = this.#holderNow(session.holder);
    if (principal !== undefined) return { session, principal: { ...principal, by: 'session' } };
    this.#sessions.end(id);
    return undefined;
  }

  /** Begins a session in place of the one that the browser had; its id. */
  beginSession(request: Request, holder: Holder): string {
    this.endSession(request);
    return this.#sessions.begin(holder, this.#rules.sessionLifetimeMs).id;
  }

  endSession(request: Request): void {
    const id = sessionIdIn(request);
    if (id !== undefined) this.#sessions.end(id);
  }

  /** What the routes behind `authenticate` get to know. */
  accessFor(principal: Principal, session?: Session): RequestAccess {
    const csrfToken = this.#csrfToken(principal, session);
    return {
      principal,
      hasAdmins: this.#hasAdmins,
      challenges: this.challenges,
      ...(csrfToken === undefined ? {} : { csrfToken }),
    };
  }

  get challenges(): readonly string[] {
    return [
      ...(this.hasUsers ? ['Basic realm="indexwarden", charset="UTF-8"'] : []),
      ...(this.hasTokens ? ['Bearer realm="indexwarden"'] : []),
    ];
  }

  close(): void {
    this.requests.shutdown();
  }

  /** A browser repeats passwords and cookies for whoever makes it ask; a token it does not. */
  #csrfToken({ name, by }: Principal, session: Session | undefined): string | undefined {
    if (by !== 'password' && by !== 'session') return undefined;
    return createHmac('sha256', this.#csrfKey)
      .update(JSON.stringify([by, name, session?.key ?? null]))
      .digest('base64url');
  }

  #byToken(shown: string): Accepted | undefined {
    const token = findToken(this.#rules.tokens, shown);
    if (token === undefined) return undefined;
    return {
      kind: 'accepted',
      principal: { name: token.name, role: token.role, by: 'token' },
      holder: { kind: 'token', sha256: token.sha256 },
    };
  }

  #byUser(name: string): Accepted | undefined {
    const passwordHash = this.#users().get(name);
    if (passwordHash === undefined) return undefined;
    const role = this.#rules.adminUsers.includes(name) ? 'admin' : 'read';
    return {
      kind: 'accepted',
      principal: { name, role, by: 'password' },
      holder: { kind: 'user', name, passwordHash },
    };
  }

  #holderNow(holder: Holder): Principal | undefined {
    if (holder.kind === 'user') {
      const isSame = this.#users().get(holder.name) === holder.passwordHash;
      return isSame ? this.#byUser(holder.name)?.principal : undefined;
    }
    const token = this.#rules.tokens.find(({ sha256 }) => sha256 === holder.sha256);
    return token === undefined ? undefined : { name: token.name, role: token.role, by: 'token' };
  }
}

type Accepted = Extract<Shown, { readonly kind: 'accepted' }>;

const isAdmin = ({ role }: HttpToken): boolean => role === 'admin';

/** Equal or not, in a time that does not tell how much of it is. */
export function isSameText(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function decodeBasic(encoded: string): Credentials | undefined {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(encoded)) return undefined;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(encoded, 'base64'));
    const colon = text.indexOf(':');
    if (colon < 0) return undefined;
    return { kind: 'user', name: text.slice(0, colon), password: text.slice(colon + 1) };
  } catch {
    return undefined;
  }
}
