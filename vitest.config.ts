import { defineConfig } from 'vitest/config';

/** Tests below these folders start servers or processes; everything else is pure and needs neither. */
const needsServers = ['test/postgres/**', 'test/queries/**', 'test/watch/**', 'test/e2e/**', 'test/demo/**'];
/** Minutes of failing servers, networks and disks: a command of its own, `npm run test:faults`. */
const faults = ['test/faults/**'];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...needsServers, ...faults],
          // Properties are tried hundreds of times, on machines that may have other things to do.
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'servers',
          include: needsServers.map((folder) => `${folder}/*.test.ts`),
          // After the unit tests: projects of different sizes cannot share a turn, and servers want the cores to themselves.
          sequence: { groupOrder: 1 },
          // One embedded server a file; more files at once than cores only slow each other down.
          maxWorkers: 2,
          // In CI what a busy machine delayed may try once more; the log says so beside the test. At a desk it fails at once.
          retry: process.env.CI === 'true' ? 1 : 0,
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          name: 'faults',
          include: faults.map((folder) => `${folder}/*.test.ts`),
          maxWorkers: 2,
          retry: process.env.CI === 'true' ? 1 : 0,
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
