/**
 * Remakes the pictures in docs/images from a running demo: `npm run screenshots [-- ADDRESS [FOLDER]]`, by preset the demo at
 * http://127.0.0.1:10187. Takes the system's Chromium, or the program that CHROMIUM names. With pngquant on the search path they are a
 * third as large.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { humaneBytes } from '../src/model/units.ts';

const [address = 'http://127.0.0.1:10187', folder = path.join('docs', 'images')] = process.argv.slice(2);

interface Picture {
  readonly name: string;
  readonly path: string;
}

const findingOf = async (query: string): Promise<string> => {
  const answer = await fetch(new URL(`/api/v1/findings?state=open&limit=1&${query}`, address));
  const { items } = (await answer.json()) as { readonly items: readonly { readonly id: string }[] };
  const [first] = items;
  if (first === undefined) throw new Error(`the demo has no open finding with ${query}; is it still young?`);
  return `/findings/${first.id}`;
};

const objectOf = async (sort: 'indexes' | 'tables', query: string): Promise<string> => {
  const answer = await fetch(new URL(`/api/v1/${sort}?limit=1&${query}`, address));
  const { items } = (await answer.json()) as { readonly items: readonly { readonly id: string }[] };
  return `/${sort}/${items[0]?.id ?? ''}`;
};

const looks = [
  { suffix: '', width: 1280, height: 900, colorScheme: 'light' },
  { suffix: '-dark', width: 1280, height: 900, colorScheme: 'dark' },
  { suffix: '-phone', width: 360, height: 780, colorScheme: 'light' },
  { suffix: '-phone-dark', width: 360, height: 780, colorScheme: 'dark' },
] as const;

async function take(browser: Browser, { name, path: page }: Picture): Promise<void> {
  for (const { suffix, width, height, colorScheme } of looks) {
    const context = await browser.newContext({
      viewport: { width, height },
      colorScheme,
      timezoneId: 'Europe/Berlin',
    });
    const tab = await context.newPage();
    await tab.goto(new URL(page, address).href, { waitUntil: 'load' });
    const file = path.join(folder, `page-${name}${suffix}.png`);
    await tab.screenshot({ path: file });
    spawnSync('pngquant', ['--quality', '40-80', '--speed', '3', '--force', '--ext', '.png', file]);
    await context.close();
    console.log(`${file}: ${humaneBytes(statSync(file).size)}`);
  }
}

mkdirSync(folder, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
try {
  const pictures: readonly Picture[] = [
    { name: 'overview', path: '/' },
    { name: 'findings', path: '/findings' },
    { name: 'finding', path: await findingOf('kind=duplicate-index') },
    { name: 'index', path: await objectOf('indexes', 'indexrelname=assignments_pkey') },
    { name: 'table', path: await objectOf('tables', 'relname=assignments') },
    { name: 'targets', path: '/targets' },
    { name: 'events', path: '/events' },
    { name: 'plan', path: '/plan' },
    { name: 'probes', path: '/probes' },
    { name: 'report', path: '/report' },
    { name: 'about', path: '/about' },
  ];
  for (const picture of pictures) await take(browser, picture);
} finally {
  await browser.close();
}
