import type { LifeRules } from '../findings/ledger.ts';
import type { FindingsSettings } from './schema-findings.ts';

/** The settings as the ledger takes them. */
export const lifeRules = (settings: FindingsSettings): LifeRules => ({
  resolvedForMs: settings.resolvedFor.ms,
  resolvedMax: settings.resolvedMax,
  reopenWithinMs: settings.reopenWithin.ms,
  absentForMs: settings.absentFor.ms,
  openedTogetherAbove: settings.openedTogether,
  baselineGrowthMinBytes: settings.baselineGrowthMin.bytes,
});
