import { hash, timingSafeEqual } from 'node:crypto';
import type { HttpToken } from '../../config/http-tokens.ts';

/** The token among these that was shown, found in a time that tells nothing of them: digests are compared, and all of them. */
export function findToken(tokens: readonly HttpToken[], shown: string): HttpToken | undefined {
  const digest = hash('sha256', shown, 'buffer');
  let found: HttpToken | undefined;
  for (const token of tokens) if (timingSafeEqual(digest, Buffer.from(token.sha256, 'hex'))) found = token;
  return found;
}
