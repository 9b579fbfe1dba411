import { readFile, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** A user of this machine that is not root. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * Who to become when this process is root: the owner of this checkout, else `nobody`. Undefined when this process is
 * not root (or on Windows), `'none'` when it is and there is nobody. The account needs an entry in /etc/passwd,
 * since initdb looks its name up.
 */
export async function unprivilegedAccount(): Promise<Account | undefined | 'none'> {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = parsePasswd(await readFile('/etc/passwd', 'utf8').catch(() => ''));
  const owner = (await stat(fileURLToPath(new URL('../../', import.meta.url)))).uid;
  return (
    accounts.find((account) => account.uid === owner && owner !== 0) ??
    accounts.find((account) => account.name === 'nobody' && account.uid !== 0) ??
    'none'
  );
}

/**
 * The preferred temporary folder if every user may enter it, else one of the usual ones: root's TMPDIR is often
 * private, and the account that root becomes could not run anything in it.
 */
export async function sharedTemporaryFolder(preferred: string): Promise<string> {
  for (const candidate of [preferred, '/tmp', '/var/tmp']) {
    if (await isOpenToAll(candidate)) return candidate;
  }
  return preferred;
}

async function isOpenToAll(folder: string): Promise<boolean> {
  try {
    for (let at = await realpath(folder); ; at = path.dirname(at)) {
      if (((await stat(at)).mode & 0o001) === 0) return false;
      if (at === path.dirname(at)) return true;
    }
  } catch {
    return false;
  }
}

function parsePasswd(text: string): readonly Account[] {
  return text.split('\n').flatMap((line) => {
    const [name, , uid, gid] = line.split(':');
    if (name === undefined || uid === undefined || gid === undefined) return [];
    const account = { name, uid: Number(uid), gid: Number(gid) };
    return uid !== '' && Number.isInteger(account.uid) && Number.isInteger(account.gid) ? [account] : [];
  });
}
