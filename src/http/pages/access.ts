import type { Response } from 'express';
import { accessOf } from '../access/principal.ts';

/** What the reader of a page may do. */
export interface PageAccess {
  /** Whether this reader may change things. */
  readonly isAdministrator: boolean;
  /** Whether there is anybody at all who may. */
  readonly hasAdministrators: boolean;
  /** What a form that changes something carries in its field `csrf`; undefined where none is needed. */
  readonly csrfToken: string | undefined;
  /** Null where nothing was shown. */
  readonly name: string | null;
}

/** Pages stand behind `authenticate`; this throws where they do not. */
export function pageAccessOf(response: Response): PageAccess {
  const { principal, csrfToken, hasAdmins } = accessOf(response);
  return {
    isAdministrator: principal.role === 'admin',
    hasAdministrators: hasAdmins,
    csrfToken,
    name: principal.name,
  };
}
