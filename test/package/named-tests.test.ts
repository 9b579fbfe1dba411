import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { inRepository, readText } from '../support/repository.ts';

/*
 * Pages that say which test shows a promise: that test is there, under that name. A name may be the end of one that counts.
 */

const named = /`(test\/[\w./-]+\.test\.ts)`(?:: "([^"]+)")?/g;

describe.each([
  ['docs/plan.md', 25],
  ['docs/threat-model.md', 25],
])('%s', (page, atLeast) => {
  const tests = [...readText(page).matchAll(named)].map(([, file = '', title]) => ({ file, title }));

  it('names tests', () => {
    expect(tests.length).toBeGreaterThanOrEqual(atLeast);
  });

  it.each(tests)('names one that exists: $file, $title', ({ file, title }) => {
    expect(existsSync(inRepository(file))).toBe(true);
    if (title === undefined) return;
    const source = readText(file);
    const isThere = source.includes(`'${title}'`) || source.includes(` ${title}\``);
    expect([title, isThere]).toEqual([title, true]);
  });
});
