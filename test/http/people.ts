import { hashSync } from 'bcryptjs';
import { hashOfToken } from '../../src/config/http-tokens.ts';
import type { GateRules } from '../../src/http/access/gate.ts';
import type { Users } from '../../src/http/access/passwords.ts';
import type { Answer, Client } from './daemon.ts';

/** The cheapest hashes that bcrypt knows: what is tested is not its strength. */
export const cost = 4;

export const secrets = {
  reader: 'reader-token-0123456789abcdef',
  admin: 'admin-token-0123456789abcdef',
  ann: 'ann’s p:ssword',
  bob: 'bob’s password',
} as const;

/** Ann may change things, Bob reads; and a token of each kind. */
export const users: Users = new Map([
  ['ann', hashSync(secrets.ann, cost)],
  ['bob', hashSync(secrets.bob, cost)],
]);
export const rules: Partial<GateRules> = {
  tokens: [
    { name: 'grafana', role: 'read', sha256: hashOfToken(secrets.reader) },
    { name: 'ops', role: 'admin', sha256: hashOfToken(secrets.admin) },
  ],
  adminUsers: ['ann'],
};

export const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
export const basic = (user: string, password: string) => ({
  Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

export const form = (
  client: Client,
  path: string,
  fields: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> => {
  const body = new URLSearchParams(fields).toString();
  return client.send(
    'POST',
    path,
    {
      'Content-Type': 'application/x-www-form-urlencoded',
      'Content-Length': String(Buffer.byteLength(body)),
      ...headers,
    },
    body,
  );
};

/** The cookie of an answer as the browser would send it back, and what it was told of it. */
export function cookieOf(answer: Answer): {
  readonly header: Record<string, string>;
  readonly attributes: string;
} {
  const [pair = '', ...attributes] = (answer.headers['set-cookie']?.[0] ?? '').split('; ');
  return { header: { Cookie: pair }, attributes: attributes.join('; ') };
}

export async function signIn(client: Client, token: string): Promise<Record<string, string>> {
  const answer = await form(client, '/login', { token });
  if (answer.status !== 303) throw new Error(`signing in was answered with ${answer.status}`);
  return cookieOf(answer).header;
}

export async function csrfTokenFor(
  client: Client,
  headers: Readonly<Record<string, string>>,
): Promise<string> {
  return (await client.get('/api/v1/session', headers)).json().csrfToken;
}
