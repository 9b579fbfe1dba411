/**
 * Installs Alembic, for the tests of the migrations that we print, into a virtual environment below node_modules/.cache, and prints the
 * path of its `alembic`. Does nothing where the versions of test/e2e/alembic/requirements.txt are installed. Ends with 1 and the reason where it cannot.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const requirements = path.join(root, 'test', 'e2e', 'alembic', 'requirements.txt');
const version = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
const cache = path.join(root, 'node_modules', '.cache', 'indexwarden-alembic');
const folder = path.join(cache, version);
const marker = path.join(folder, 'complete');
const program = path.join(folder, 'bin', 'alembic');

try {
  if (!existsSync(marker)) install();
  console.log(program);
} catch (error) {
  const said = error.stderr?.toString().trim().split('\n').at(-1);
  console.error(`Alembic could not be installed: ${said || error.message}`);
  process.exitCode = 1;
}

/** A virtual environment holds its own path, so that it has to be made where it stays; the marker is written last. */
function install() {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(cache, { recursive: true });
  const run = (command, args) => execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  run('python3', ['-m', 'venv', folder]);
  run(path.join(folder, 'bin', 'pip'), ['install', '--quiet', '--requirement', requirements]);
  mkdirSync(marker);
}
