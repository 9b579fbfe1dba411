import { expect, test } from 'vitest';
import { meterBudgets } from '../../src/metrics/bloat.ts';
import { createDaemonMetrics } from '../../src/metrics/daemon.ts';
import { buildPage } from '../../src/metrics/exposition.ts';
import { MiB } from '../../src/model/units.ts';
import { parseExposition } from './parse-exposition.ts';

test('the budgets of the servers there are now, as they are when the page is made', async () => {
  const daemon = createDaemonMetrics({ version: '0.1.0', nodeVersion: 'v24.0.0', configLoadedAtMs: 0 });
  let budgets = new Map([
    ['main', { bytesPerSecond: 17 * MiB, debtBytes: 5.4 }],
    ['gone', { bytesPerSecond: 1, debtBytes: 0 }],
  ]);
  meterBudgets(daemon.registry, () => budgets);
  const shown = async () => {
    const { samples } = parseExposition(buildPage([await daemon.render()], 'text'));
    return samples
      .filter(({ name }) => name.startsWith('indexwarden_measurement_'))
      .map(({ name, labels, value }) => `${name} ${labels.get('server')} ${value}`);
  };
  expect(await shown()).toEqual([
    `indexwarden_measurement_budget_bytes_per_second main ${17 * MiB}`,
    'indexwarden_measurement_budget_bytes_per_second gone 1',
    'indexwarden_measurement_debt_bytes main 5',
    'indexwarden_measurement_debt_bytes gone 0',
  ]);
  budgets = new Map([['main', { bytesPerSecond: 2, debtBytes: 0 }]]);
  expect(await shown()).toEqual([
    'indexwarden_measurement_budget_bytes_per_second main 2',
    'indexwarden_measurement_debt_bytes main 0',
  ]);
});
