import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { allFamilies } from '../../src/metrics/families.ts';
import { metricsReference } from '../../src/metrics/reference.ts';

test('docs/metrics.md is what the declarations say (npm run generate)', () => {
  const committed = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
  expect(committed).toBe(metricsReference());
});

test('every family is described, once, with a sentence', () => {
  const reference = metricsReference();
  for (const { name, help } of allFamilies) {
    expect(reference.split(`### \`${name}\`\n`), name).toHaveLength(2);
    expect(help, name).toMatch(/^[A-Z\d].*\.$/);
  }
});

test('names follow the conventions', () => {
  for (const { name, type, unit, per } of allFamilies) {
    expect(name, name).toMatch(/^[a-z][a-z0-9_]*$/);
    expect(name.endsWith('_total'), name).toBe(type === 'counter');
    expect(name.endsWith('_info'), name).toBe(type === 'info');
    if (unit !== undefined) expect(name.replace(/_total$/, '').endsWith(`_${unit}`), name).toBe(true);
    if (per !== 'process') expect(name, name).toMatch(/^(pgindex|indexwarden)_/);
  }
});
