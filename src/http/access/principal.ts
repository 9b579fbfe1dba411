import type { Request, Response } from 'express';

/** What somebody may do: who may change things may read them as well. */
export type Role = 'read' | 'admin';

/** Who a request comes from, as far as that has been shown. */
export interface Principal {
  /** The user's name or the token's; null where nothing was shown. */
  readonly name: string | null;
  readonly role: Role;
  readonly by: 'nothing' | 'password' | 'token' | 'session';
}

/** What is known of a request once it has passed `authenticate`. */
export interface RequestAccess {
  readonly principal: Principal;
  /** Where a browser sends the credentials by itself: what a form has to carry besides. */
  readonly csrfToken?: string;
  /** Whether there is anybody at all who may change things. */
  readonly hasAdmins: boolean;
  /** Values of `WWW-Authenticate`. */
  readonly challenges: readonly string[];
}

export const setAccess = (response: Response, access: RequestAccess): void => {
  response.locals.access = access;
};

/** Throws where no `authenticate` stands before: who forgets it must not let everybody in. */
export function accessOf(response: Response): RequestAccess {
  const access: RequestAccess | undefined = response.locals.access;
  if (access === undefined) throw new Error('this route does not stand behind authenticate');
  return access;
}

export const principalOf = (response: Response): Principal => accessOf(response).principal;

/** For forms that change something, in a field called `csrf`; undefined for whoever needs none. */
export const csrfTokenOf = (response: Response): string | undefined => accessOf(response).csrfToken;

/** The address of a client, for limits and the log. Behind a proxy it is the proxy's. */
export const addressOf = (request: Request): string => request.socket.remoteAddress ?? 'unknown';
