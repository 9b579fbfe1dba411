import { randomBytes } from 'node:crypto';
import { chmod, cp, lstat, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import type { Binaries } from './binaries.ts';

/**
 * Copies the binaries to a folder that every user can read and run from, once per version and user, and returns it.
 *
 * Why a copy: the package may lie in a 0700 folder of root's, which the unprivileged server could not enter, and its
 * install script, which creates the libraries' symbolic links, may not have run. The copy appears by one rename, so
 * that two programs may do this at once. It is 60 MB and stays for the next run.
 */
export async function prepareRuntime(binaries: Binaries, temporary: string): Promise<string> {
  // Windows has no such links, no root, and locks files that run: it takes the package as it is.
  if (process.platform === 'win32') return binaries.nativeDir;
  const own = process.getuid?.() ?? 0;
  const runtime = path.join(temporary, `indexwarden-postgres-${binaries.version}-${own}`);
  const expected = await filesBelow(binaries.nativeDir);
  if (await isUsable(runtime, own, expected)) return runtime;

  const suffix = randomBytes(6).toString('hex');
  const fresh = `${runtime}.new-${suffix}`;
  try {
    await cp(binaries.nativeDir, fresh, { recursive: true, verbatimSymlinks: true });
    await makeReadable(fresh);
    await createLinks(fresh);
    // Fails when there is something: another program was faster than we, and then its folder is as good as ours; or a
    // cleaner of temporary files took a part of it.
    await rename(fresh, runtime).catch(() => {});
    if (!(await isUsable(runtime, own, expected))) {
      await rename(runtime, `${runtime}.old-${suffix}`).catch(() => {});
      await rename(fresh, runtime).catch(() => {});
    }
  } finally {
    await rm(fresh, { recursive: true, force: true });
    await rm(`${runtime}.old-${suffix}`, { recursive: true, force: true }).catch(() => {});
  }
  if (await isUsable(runtime, own, expected)) return runtime;
  throw new Error(
    `${runtime} cannot be used: it belongs to another user, or others may write to it; remove it`,
  );
}

/** Complete, ours, and writable by nobody else: the temporary folder is open to all, and we run what is in here. */
async function isUsable(runtime: string, own: number, expected: readonly string[]): Promise<boolean> {
  const status = await lstat(runtime).catch(() => undefined);
  if (status?.isDirectory() !== true || status.uid !== own || (status.mode & 0o022) !== 0) return false;
  const present = new Set(await filesBelow(runtime));
  return expected.every((file) => present.has(file));
}

async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)));
}

/** A checkout under umask 077 is readable by its owner only. */
async function makeReadable(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    if (entry.isSymbolicLink()) continue;
    const executable = entry.isDirectory() || path.basename(entry.parentPath) === 'bin';
    await chmod(file, executable ? 0o755 : 0o644);
  }
}

/**
 * npm packages cannot hold symbolic links; `pg-symlinks.json` lists those that the libraries need:
 * `[{ "source": "native/lib/libpq.so.5.17", "target": "native/lib/libpq.so.5" }]`, where `target` is the link to create.
 */
async function createLinks(runtime: string): Promise<void> {
  const listed = await readFile(path.join(runtime, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  // The package's own file, of the shape above.
  const links = JSON.parse(listed) as readonly { readonly source: string; readonly target: string }[];
  for (const { source, target } of links) {
    const link = path.join(runtime, path.relative('native', target));
    const existing = await lstat(link).catch(() => undefined);
    if (existing === undefined) await symlink(path.relative(path.dirname(target), source), link);
  }
}
