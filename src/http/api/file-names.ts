import type { Response } from 'express';

/** Of a name from a database what is harmless in a file's name everywhere. */
const harmless = (name: string): string =>
  name
    .replaceAll(/[^\w.-]+/g, '-')
    .replaceAll(/^[.-]+|-+$/g, '')
    .slice(0, 60);

/**
 * Names the answer, for whoever saves it: parts joined by dashes, of each only what is harmless in a header and on every disk.
 * `isDownload`: a browser saves it instead of showing it.
 */
export function nameAnswer(
  response: Response,
  parts: readonly string[],
  ending: string,
  isDownload: boolean,
): void {
  const name = parts
    .map(harmless)
    .filter((part) => part !== '')
    .join('-');
  response.set(
    'Content-Disposition',
    `${isDownload ? 'attachment' : 'inline'}; filename="${name}.${ending}"`,
  );
}
