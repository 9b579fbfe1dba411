import { spawnSync } from 'node:child_process';
import { env, execPath } from 'node:process';
import { fileURLToPath } from 'node:url';

/*
 * Prints what every expression of the dashboards returns on the demo: runs their end-to-end test, which needs Prometheus
 * (apt-get install prometheus), and has it show its table.
 */

const inRepository = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

const args = ['run', 'test/e2e/dashboards.test.ts', '--project=servers', '--disableConsoleIntercept=true'];
const { status } = spawnSync(execPath, [inRepository('node_modules/vitest/vitest.mjs'), ...args], {
  cwd: inRepository('.'),
  env: { ...env, SHOW_DASHBOARDS: '1' },
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
