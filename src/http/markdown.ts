import markdownIt from 'markdown-it';

export interface Markdown {
  readonly render: (text: string) => string;
}

/** HTML inside Markdown is shown, not run; headings get the anchors that links in the documentation use. */
export function createMarkdown(): Markdown {
  const markdown = markdownIt({ html: false, linkify: false, typographer: false });
  markdown.core.ruler.push('heading-anchors', (state) => {
    const used = new Map<string, number>();
    state.tokens.forEach((token, place) => {
      if (token.type !== 'heading_open') return;
      const slug = slugOf(state.tokens[place + 1]?.content ?? '');
      const before = used.get(slug) ?? 0;
      used.set(slug, before + 1);
      token.attrSet('id', before === 0 ? slug : `${slug}-${before}`);
    });
  });
  // What is wider than the screen can be scrolled by keyboard. The text holds no such mark of its own: its HTML is shown.
  return { render: (text) => markdown.render(text).replaceAll('<pre>', '<pre tabindex="0">') };
}

/** As GitHub makes them, so that a link works in both places. */
const slugOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');

/** The text of the first heading, without its marks. */
export const titleOf = (text: string): string | undefined =>
  /^#\s+(.+?)\s*#*$/m.exec(text)?.[1]?.replace(/[`*]/g, '');
