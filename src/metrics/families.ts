import { daemonFamilies } from './families/daemon.ts';
import type { Family } from './families/declare.ts';
import { findingFamilies } from './families/findings.ts';
import { indexFamilies } from './families/indexes.ts';
import { probeFamilies } from './families/probes.ts';
import { runtimeFamilies } from './families/runtime.ts';
import { tableFamilies } from './families/tables.ts';
import { targetFamilies } from './families/targets.ts';

/**
 * Every metric family there is, declared once: exposition, `docs/metrics.md` and the tests of alerts and dashboards all read this
 * list. Families appear on the page in this order.
 */
export const families = {
  ...targetFamilies,
  ...findingFamilies,
  ...indexFamilies,
  ...tableFamilies,
  ...probeFamilies,
  ...daemonFamilies,
  ...runtimeFamilies,
} as const;

export const allFamilies: readonly Family[] = Object.values(families);
