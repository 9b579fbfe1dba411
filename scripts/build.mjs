/**
 * Keeps dist/ in step with src/ in a checkout. Plain JavaScript without dependencies: it runs before anything is built,
 * and during an installation without development dependencies.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const dist = path.join(root, 'dist');
const entry = path.join(dist, 'main.js');
/** Holds the fingerprint of the sources that dist/ was built from. */
const stamp = path.join(dist, '.built');
const lock = path.join(root, 'dist.lock');
const compiler = path.join(root, 'node_modules', 'typescript', 'lib', 'tsc.js');

/** A build takes seconds; a lock this old was left behind by a process whose number now belongs to another. */
const staleLockMs = 5 * 60_000;
const lockPollMs = 50;

export const hasCompiler = () => existsSync(compiler);

/**
 * What to run in this checkout, after building it where that is needed and possible.
 * @returns {{ file?: string, note?: string }} a file URL, unless there is nothing to run; a note for the person who started it.
 */
export function runnable() {
  const built = pathToFileURL(entry).href;
  if (isFresh()) return { file: built };
  const outcome = hasCompiler() ? build() : { kind: 'impossible', why: 'TypeScript is not installed' };
  if (outcome.kind === 'built') return { file: built };
  if (outcome.kind === 'failed') return { note: `src does not compile: ${outcome.why}` };
  if (existsSync(entry))
    return { file: built, note: `dist is not built from this src, but ${outcome.why}: running it as it is` };
  // Node 22.18 and later read the sources as they are: they hold types that can be erased, and nothing more.
  if (process.features.typescript) return { file: pathToFileURL(path.join(root, 'src', 'main.ts')).href };
  return {
    note: `dist is missing and cannot be built, since ${outcome.why}. Run "npm ci" in ${root}, or use Node.js 22.18 or later.`,
  };
}

/**
 * Builds dist/ unless it is up to date. Of processes that ask at once, one builds and the others wait for it.
 * @returns {{ kind: 'built', didCompile: boolean } | { kind: 'impossible' | 'failed', why: string }}
 */
export function build() {
  try {
    return underLock(() => (isFresh() ? { kind: 'built', didCompile: false } : compile()));
  } catch (error) {
    if (['EACCES', 'EPERM', 'EROFS'].includes(error.code)) {
      return { kind: 'impossible', why: `${root} is not writable` };
    }
    throw error;
  }
}

function compile() {
  const fingerprint = fingerprintOfSources();
  // Beside dist and not below it: source maps then name the same relative paths before and after the renaming.
  const fresh = path.join(root, `dist.${process.pid}`);
  const former = path.join(root, `dist.${process.pid}.old`);
  removeLeftovers();
  if (process.stderr.isTTY) console.error('indexwarden: building dist from src');
  try {
    const tsc = spawnSync(
      process.execPath,
      [compiler, '-p', path.join(root, 'tsconfig.build.json'), '--outDir', fresh],
      {
        cwd: root,
        encoding: 'utf8',
      },
    );
    if (tsc.error !== undefined) throw tsc.error;
    if (tsc.status !== 0) return { kind: 'failed', why: `\n${tsc.stdout}${tsc.stderr}`.trimEnd() };
    writeFileSync(path.join(fresh, path.basename(stamp)), fingerprint);
    if (existsSync(dist)) renameSync(dist, former);
    renameSync(fresh, dist);
    return { kind: 'built', didCompile: true };
  } finally {
    removeLeftovers();
  }
}

/** Folders of this build and of any that was killed; under the lock nobody else has one. */
function removeLeftovers() {
  for (const name of readdirSync(root)) {
    if (/^dist\.\d+(\.old)?$/.test(name)) rmSync(path.join(root, name), { recursive: true, force: true });
  }
}

function isFresh() {
  return existsSync(entry) && existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprintOfSources();
}

/** Contents, not times: a checkout of another branch, a copy and a deleted file all count, touching a file does not. */
function fingerprintOfSources() {
  const hash = createHash('sha256');
  const sources = readdirSync(path.join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    // Node 20 has `path`, later releases `parentPath`.
    .map((file) => path.join(file.parentPath ?? file.path, file.name));
  const settings = ['package.json', 'tsconfig.json', 'tsconfig.build.json'].map((name) =>
    path.join(root, name),
  );
  for (const file of [...sources.sort(), ...settings]) {
    const content = readFileSync(file);
    hash.update(`${path.relative(root, file)}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

/** Spares a second build and keeps dist/ from being replaced while another process that waited for it is reading it. */
function underLock(action) {
  while (!tryLock()) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, lockPollMs);
  try {
    return action();
  } finally {
    rmSync(lock, { force: true });
  }
}

function tryLock() {
  try {
    const file = openSync(lock, 'wx');
    writeSync(file, String(process.pid));
    closeSync(file);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    if (isAbandoned()) rmSync(lock, { force: true });
    return false;
  }
}

function isAbandoned() {
  try {
    if (Date.now() - statSync(lock).mtimeMs > staleLockMs) return true;
    const owner = Number(readFileSync(lock, 'utf8'));
    // Empty for the moment between its creation and the writing of the number.
    if (owner !== 0) process.kill(owner, 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}
