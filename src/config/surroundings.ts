import { readFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { err, ok, type Result } from '../model/result.ts';

/** What loading the configuration reads of the world around it; tests hand in their own. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Content of a file as text; throws as `fs.readFileSync` does. */
  readonly readFile: (path: string) => string;
  /** Folder of libpq's default files, `~/.postgresql`; absent where there is no home. */
  readonly postgresFolder?: string;
  /** Name of the operating system's user, libpq's default role. */
  readonly osUser?: string;
}

/** The real surroundings of this process. */
export function processSurroundings(
  env: Surroundings['env'],
  readFile?: Surroundings['readFile'],
): Surroundings {
  const home = env.HOME ?? homedir();
  const appData = env.APPDATA;
  const isWindows = process.platform === 'win32' && appData !== undefined;
  return {
    env,
    readFile: readFile ?? ((path) => readFileSync(path, 'utf8')),
    postgresFolder: isWindows ? join(appData, 'postgresql') : join(home, '.postgresql'),
    ...osUserOf(env),
  };
}

/** A container may run under a number that no user has. */
function osUserOf(env: Surroundings['env']): { readonly osUser?: string } {
  try {
    return { osUser: userInfo().username };
  } catch {
    const name = env.USER ?? env.LOGNAME;
    return name === undefined ? {} : { osUser: name };
  }
}

/** A file cannot be read: why, in words, and whether it is simply not there. */
export interface UnreadableFile {
  readonly path: string;
  readonly message: string;
  readonly isMissing: boolean;
}

/** Reads a file that the configuration names; `~/` is not expanded, relative paths start at `folder`. */
export function readNamedFile(
  { readFile }: Pick<Surroundings, 'readFile'>,
  path: string,
  folder: string | undefined,
): Result<string, UnreadableFile> {
  const absolute = isAbsolute(path) ? path : resolve(folder ?? '.', path);
  try {
    return ok(readFile(absolute));
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
    const message = whys.get(code) ?? `the file cannot be read (${code})`;
    return err({ path: absolute, message, isMissing: code === 'ENOENT' || code === 'ENOTDIR' });
  }
}

/** Folder that relative paths in a configuration file start at. */
export const folderOf = (file: string): string => dirname(resolve(file));

const whys: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'the file does not exist'],
  ['ENOTDIR', 'the file does not exist'],
  ['EACCES', 'the file may not be read by this user'],
  ['EPERM', 'the file may not be read by this user'],
  ['EISDIR', 'the path is a folder, not a file'],
]);
