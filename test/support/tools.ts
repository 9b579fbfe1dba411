import { execFileSync, spawnSync } from 'node:child_process';

/**
 * Whether a program that does not come from npm is there. In CI it has to be, and a test that needs it fails without;
 * elsewhere it is skipped, and this says why: `it.skipIf(isMissing('promtool', 'apt-get install prometheus'))`.
 */
export function isMissing(program: string, remedy: string): boolean {
  const isThere = spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;
  if (isThere || process.env.CI === 'true') return false;
  console.warn(`skipped, since ${program} is not installed: ${remedy}`);
  return true;
}

/** Runs a program to its end and returns what it printed; throws, with both outputs in the message, when it fails. */
export function run(
  program: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], ...options });
}
