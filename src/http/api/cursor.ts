import { createHash } from 'node:crypto';
import { z } from 'zod';
import { err, ok, type Result } from '../../model/result.ts';

const position = z.tuple([z.string().length(8), z.string().min(1).max(2048)]);

/**
 * Where a page ended: the id of its last entry, which stays a place in the order even when that entry is gone. The checksum binds
 * it to the list and its filters, so that a damaged or misplaced cursor is noticed; it is no secret, and guards none.
 */
export const encodeCursor = (scope: string, lastId: string): string =>
  Buffer.from(JSON.stringify([checksum(scope, lastId), lastId])).toString('base64url');

/** The id after which the page starts. */
export function decodeCursor(scope: string, cursor: string): Result<string, string> {
  const refused = err('is not one that this list gave with these filters; start again without it');
  const bytes = Buffer.from(cursor, 'base64url');
  // Node.js ignores what is not base64url; what does not come out the same was tampered with.
  if (bytes.toString('base64url') !== cursor) return refused;
  const parsed = position.safeParse(parseJson(bytes.toString('utf8')));
  if (!parsed.success) return refused;
  const [sum, lastId] = parsed.data;
  return sum === checksum(scope, lastId) ? ok(lastId) : refused;
}

const checksum = (scope: string, lastId: string): string =>
  createHash('sha256')
    .update(JSON.stringify([scope, lastId]))
    .digest('hex')
    .slice(0, 8);

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
