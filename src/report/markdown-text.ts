import { safeBlock, safeLine } from './text.ts';

/*
 * Text from strangers as GitHub-flavoured Markdown.
 */

/** One line of a table. */
export const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

/** A code block whose fence is longer than any run of backticks inside, so that nothing inside ends it. */
export function fenced(sql: string): readonly string[] {
  const runs = [...sql.matchAll(/`+/g)].map(([run]) => run.length);
  const fence = '`'.repeat(Math.max(2, ...runs) + 1);
  return [`${fence}sql`, safeBlock(sql), fence];
}

/**
 * Text on one line in which nothing is markup: no table cell, code, emphasis, link, image, mention, HTML or heading
 * comes of it. A backslash escapes punctuation (underscores inside of words mean nothing in this dialect); `<`, `>` and `&` become entities; an empty comment behind `@` and `#`
 * keeps GitHub, which looks for mentions after it has decoded entities, from calling people and issues.
 */
export function escapeMarkdown(text: string): string {
  return safeLine(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(/[\\`*{}[\]|~!$]|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, '\\$&')
    .replaceAll(/[@#](?=\w)/g, '$&<!-- -->')
    .replaceAll('://', ':&#47;/')
    .replaceAll(/www\./gi, (start) => `${start.slice(0, 3)}&#46;`)
    .replace(/^[-+=]/, '\\$&')
    .replace(/^(\d+)([.)])(?=\s|$)/, '$1\\$2');
}
