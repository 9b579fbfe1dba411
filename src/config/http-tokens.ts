import { hash } from 'node:crypto';
import { formatPath, type Problem } from './problems.ts';
import type { roles } from './schema-http.ts';
import { readNamedFile, type Surroundings } from './surroundings.ts';
import type { LocatedProblem } from './validation.ts';
import { isRecord } from './yaml-file.ts';

/** A token as it is kept: enough to recognize it, not to show it. */
export interface HttpToken {
  readonly name: string;
  readonly role: (typeof roles)[number];
  /** SHA-256 of the token, hexadecimal. */
  readonly sha256: string;
}

/** Shorter ones are guessed. */
const tokenCharactersMin = 16;

/** Why a text is no token, if it is none; the text is not part of the answer. */
export const whyNoToken = (token: string): Omit<Problem, 'path'> | undefined =>
  token.length < tokenCharactersMin || /\s/.test(token)
    ? {
        message: `the token in the file is shorter than ${tokenCharactersMin} characters, or has blanks in it`,
        hint: 'make one with: openssl rand -hex 32',
      }
    : undefined;

export const hashOfToken = (token: string): string => hash('sha256', token, 'hex');

/** The name that the log has for the token of `http.adminTokenFile`. */
export const adminTokenName = 'adminTokenFile';

/** Reads `http.tokens` of the unvalidated document, its files included. */
export function findTokens(
  document: Readonly<Record<string, unknown>>,
  place: { readonly surroundings: Surroundings; readonly folder?: string },
): { readonly tokens: readonly HttpToken[]; readonly problems: readonly LocatedProblem[] } {
  const problems: LocatedProblem[] = [];
  const tokens: HttpToken[] = [];
  const http = isRecord(document.http) ? document.http : {};
  for (const [at, entry] of (Array.isArray(http.tokens) ? http.tokens : []).entries()) {
    if (!isRecord(entry)) continue;
    const note = (key: string, rest: Omit<Problem, 'path'>): void => {
      const steps = ['http', 'tokens', at, key];
      problems.push({ steps, path: formatPath(steps), ...rest });
    };
    const { name, file } = entry;
    if (name === adminTokenName || tokens.some((token) => token.name === name))
      note('name', { message: 'another token has this name already', hint: 'names must be unique' });
    if (entry.hash !== undefined && file !== undefined)
      note('file', { message: 'stands beside hash', hint: 'keep one of the two' });
    else if (entry.hash === undefined && file === undefined)
      note('hash', {
        message: 'is missing',
        hint: 'sha256: and what `printf %s "$TOKEN" | sha256sum` prints, or a file that holds the token in file',
      });
    const sha256 = typeof file === 'string' && file !== '' ? fromFile(file, note) : writtenHash(entry.hash);
    if (sha256 === undefined) continue;
    if (tokens.some((token) => token.sha256 === sha256))
      note(file === undefined ? 'hash' : 'file', {
        message: 'is the token of another entry',
        hint: 'give each its own: openssl rand -hex 32',
      });
    tokens.push({ name: String(name), role: entry.role === 'admin' ? 'admin' : 'read', sha256 });
  }
  return { tokens, problems };

  function fromFile(
    file: string,
    note: (key: string, rest: Omit<Problem, 'path'>) => void,
  ): string | undefined {
    const found = readNamedFile(place.surroundings, file, place.folder);
    if (!found.ok) {
      const hint = 'is the path right, and may the user that runs indexwarden read it?';
      note('file', { message: found.error.message, value: found.error.path, hint });
      return undefined;
    }
    const content = found.value.trim();
    const written = writtenHash(content);
    if (written !== undefined) return written;
    const why = whyNoToken(content);
    if (why === undefined) return hashOfToken(content);
    note('file', why);
    return undefined;
  }
}

const writtenHash = (text: unknown): string | undefined =>
  typeof text === 'string' ? /^sha256:([0-9a-f]{64})$/.exec(text)?.[1] : undefined;
