import { randomBytes } from 'node:crypto';
import { chmodSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';

/**
 * Writes a file beside the one named and puts it into its place: a reader never sees half of it, and a full disk leaves the old one. A link
 * stays a link, a device or pipe is simply written to. Throws as `node:fs` does.
 */
export function replaceFile(path: string, text: string): void {
  const before = statSync(path, { throwIfNoEntry: false });
  if (before !== undefined && !before.isFile()) {
    writeFileSync(path, text);
    return;
  }
  const place = before === undefined ? path : realpathSync(path);
  const beside = `${place}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    writeFileSync(beside, text, { flag: 'wx' });
    if (before !== undefined) chmodSync(beside, before.mode & 0o7777);
    renameSync(beside, place);
  } catch (caught) {
    rmSync(beside, { force: true });
    throw caught;
  }
}
