import MarkdownIt, { type Token } from 'markdown-it';
import { columnsOf } from './layout.ts';
import { paintFor } from './paint.ts';
import { displayWidth, safeBlock, safeLine, wrap, wrapHanging } from './text.ts';

export interface TerminalOptions {
  readonly width: number;
  readonly hasColour: boolean;
}

/** A documentation page for a terminal: headings, paragraphs, lists, code and tables, without markup. */
export function renderMarkdownForTerminal(markdown: string, options: TerminalOptions): string {
  const page = new TerminalPage(options);
  for (const token of new MarkdownIt({ html: false, linkify: false }).parse(
    withoutFrontMatter(markdown),
    {},
  )) {
    page.add(token);
  }
  return page.text();
}

/** The section of a page below a heading that fits, until the next heading of its level; `undefined` if there is none. */
export function sectionOf(markdown: string, heading: RegExp): string | undefined {
  const lines = markdown.split('\n');
  const start = lines.findIndex((line) => /^#{1,6} /.test(line) && heading.test(line));
  if (start < 0) return undefined;
  const level = /^#+/.exec(lines[start] ?? '')?.[0].length ?? 1;
  const end = lines.findIndex((line, at) => at > start && new RegExp(`^#{1,${level}} `).test(line));
  return lines
    .slice(start + 1, end < 0 ? undefined : end)
    .join('\n')
    .trim();
}

const withoutFrontMatter = (markdown: string): string => markdown.replace(/^---\n.*?\n---\n/s, '');

/** Collects the lines of a page from the block tokens of its parser, which come flat: open, inline, close. */
class TerminalPage {
  readonly #lines: string[] = [];
  readonly #width: number;
  readonly #paint: ReturnType<typeof paintFor>;
  /** A number that counts on for ordered lists, undefined for bullets. */
  readonly #lists: { next: number | undefined }[] = [];
  #marker = '';
  #heading: string | undefined;
  #quoteDepth = 0;
  #row: string[] | undefined;
  #rows: string[][] = [];

  constructor({ width, hasColour }: TerminalOptions) {
    this.#width = width;
    this.#paint = paintFor(hasColour);
  }

  text(): string {
    return `${this.#lines
      .join('\n')
      .replaceAll(/\n{3,}/g, '\n\n')
      .trim()}\n`;
  }

  add(token: Token): void {
    switch (token.type) {
      case 'heading_open':
        this.#heading = token.tag;
        break;
      case 'heading_close':
        this.#heading = undefined;
        break;
      case 'bullet_list_open':
        this.#lists.push({ next: undefined });
        break;
      case 'ordered_list_open':
        this.#lists.push({ next: Number(token.attrGet('start') ?? 1) });
        break;
      case 'bullet_list_close':
      case 'ordered_list_close':
        this.#lists.pop();
        if (this.#lists.length === 0) this.#lines.push('');
        break;
      case 'list_item_open':
        this.#marker = this.#nextMarker();
        break;
      case 'blockquote_open':
        this.#quoteDepth++;
        break;
      case 'blockquote_close':
        this.#quoteDepth--;
        break;
      case 'tr_open':
        this.#row = [];
        break;
      case 'tr_close':
        this.#rows.push(this.#row ?? []);
        this.#row = undefined;
        break;
      case 'table_close':
        this.#addTable();
        break;
      case 'fence':
      case 'code_block':
        this.#addCode(token.content);
        break;
      case 'inline':
        this.#addText(inlineText(token));
        break;
      default:
        break;
    }
  }

  #nextMarker(): string {
    const list = this.#lists.at(-1);
    if (list?.next === undefined) return '- ';
    return `${list.next++}. `;
  }

  #addText(text: string): void {
    if (this.#row !== undefined) {
      this.#row.push(text);
      return;
    }
    if (this.#heading !== undefined) {
      const shown = this.#heading === 'h1' ? text.toUpperCase() : text;
      this.#lines.push('', ...wrap(shown, this.#width).map(this.#paint.strong), '');
      return;
    }
    const indent = `${'> '.repeat(this.#quoteDepth)}${'  '.repeat(Math.max(0, this.#lists.length - 1))}`;
    const first = this.#lists.length === 0 ? indent : `${indent}${this.#marker === '' ? '  ' : this.#marker}`;
    this.#marker = '';
    this.#lines.push(...text.split('\n').flatMap((line) => wrapHanging(line, this.#width, first)));
    if (this.#lists.length === 0) this.#lines.push('');
  }

  #addCode(code: string): void {
    this.#lines.push(
      ...safeBlock(code)
        .trimEnd()
        .split('\n')
        .map((line) => `    ${this.#paint.code(line)}`.trimEnd()),
      '',
    );
  }

  #addTable(): void {
    const rows = this.#rows;
    this.#rows = [];
    const count = Math.max(...rows.map((row) => row.length));
    const widest = Array.from({ length: count }, (_, column) =>
      Math.max(...rows.map((row) => displayWidth(row[column] ?? ''))),
    );
    const widths = fitWidths(widest, this.#width - 2 * count);
    const cells = rows.map((row, index) =>
      widths.map((width, column) => {
        const lines = wrap(row[column] ?? '', width);
        return (index === 0 ? lines.map(this.#paint.strong) : lines).join('\n');
      }),
    );
    this.#lines.push(...columnsOf(cells), '');
  }
}

/** Takes from the widest columns until all fit; none gets below a width that can still be read. */
function fitWidths(widths: readonly number[], available: number): readonly number[] {
  const fitted = [...widths];
  const least = 8;
  while (fitted.reduce((sum, width) => sum + width, 0) > available) {
    const widest = fitted.indexOf(Math.max(...fitted));
    const width = fitted[widest] ?? 0;
    if (width <= least) break;
    fitted[widest] = width - 1;
  }
  return fitted;
}

/** Text of a paragraph: code without backticks, links as `text (address)`. */
function inlineText(token: Token): string {
  let text = '';
  let address = '';
  for (const child of token.children ?? []) {
    if (child.type === 'text' || child.type === 'code_inline') text += child.content;
    else if (child.type === 'softbreak') text += ' ';
    else if (child.type === 'hardbreak') text += '\n';
    else if (child.type === 'image') text += child.content;
    else if (child.type === 'link_open') address = String(child.attrGet('href') ?? '');
    else if (child.type === 'link_close' && /^https?:/.test(address) && !text.endsWith(address))
      text += ` (${address})`;
  }
  return text
    .split('\n')
    .map((line) => safeLine(line))
    .join('\n');
}
