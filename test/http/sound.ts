import { expect } from 'vitest';
import { markupProblem } from '../report/document/markup.ts';

/** Opened and closed as they must be, each id once, and nothing in it that a policy would have to stop. */
export function expectSound(html: string): void {
  const ids = [...html.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id);
  expect(ids.filter((id, place) => ids.indexOf(id) !== place)).toEqual([]);
  expect(html).not.toMatch(/\sstyle="|\son[a-z]+="|<script(?! src="\/assets)/i);
  const svgs = [...html.matchAll(/<svg[\s\S]*?<\/svg>/g)];
  for (const [svg] of svgs) expect(markupProblem(svg)).toBeUndefined();
  for (const tag of [
    'section',
    'table',
    'tr',
    'td',
    'figure',
    'details',
    'div',
    'form',
    'ul',
    'ol',
    'dl',
    'p',
    'a',
    'bdi',
    'pre',
  ])
    expect([tag, html.match(new RegExp(`<${tag}[\\s>]`, 'g'))?.length ?? 0]).toEqual([
      tag,
      html.match(new RegExp(`</${tag}>`, 'g'))?.length ?? 0,
    ]);
}
