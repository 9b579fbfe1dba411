import type { Request, Response } from 'express';

/** Browsers take a cookie of this prefix from the host itself only, over TLS, and for all paths. */
const name = (isSecure: boolean): string => `${isSecure ? '__Host-' : ''}indexwarden_session`;

/** The id of the session that a browser sends, if it has the form of one. */
export function sessionIdIn(request: Request): string | undefined {
  const wanted = `${name(request.secure)}=`;
  const values = (request.get('cookie') ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(wanted))
    .map((pair) => pair.slice(wanted.length));
  const [value] = values;
  return values.length === 1 && value !== undefined && /^[\w-]{43}$/.test(value) ? value : undefined;
}

export function setSessionCookie(request: Request, response: Response, id: string, lifetimeMs: number): void {
  response.cookie(name(request.secure), id, { ...attributes(request), maxAge: lifetimeMs });
}

export function clearSessionCookie(request: Request, response: Response): void {
  response.clearCookie(name(request.secure), attributes(request));
}

const attributes = (request: Request) =>
  ({ httpOnly: true, sameSite: 'strict', secure: request.secure, path: '/' }) as const;
