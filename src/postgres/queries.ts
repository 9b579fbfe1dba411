import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Beside `src` and `dist` alike. */
const folder = new URL('../../queries/', import.meta.url);

/** The text of a query file, exactly as it is run. Throws if the package is incomplete. */
export function readQuery(file: string): string {
  return readFileSync(fileURLToPath(new URL(file, folder)), 'utf8');
}
