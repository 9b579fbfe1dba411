/** What is wrong with a page of ours as XML: tags that do not fit, attributes without quotes, stray characters. Undefined where nothing is. */
export function markupProblem(html: string): string | undefined {
  const body = html.replace(/^<!DOCTYPE html>\n/, '').replace(/(<style>)[^<]*(<\/style>)/, '$1$2');
  const open: string[] = [];
  let at = 0;
  for (const match of body.matchAll(/<(\/?)([a-z][a-z0-9]*)((?: [a-zA-Z][a-zA-Z0-9-]*="[^"<>]*")*)(\/?)>/g)) {
    const problem = textProblem(body.slice(at, match.index)) ?? textProblem(match[3] ?? '');
    if (problem !== undefined) return problem;
    at = match.index + match[0].length;
    const [, isClosing, name = '', attributes = '', isEmpty] = match;
    if (/ (?:on[a-z]+|style|src)="/.test(attributes))
      return `<${name}${attributes}> has an attribute that a policy forbids`;
    if (name === 'script' || name === 'img' || name === 'iframe' || name === 'link')
      return `there is a <${name}>`;
    if (isClosing === '/') {
      const last = open.pop();
      if (last !== name) return `</${name}> closes <${last ?? 'nothing'}>`;
    } else if (isEmpty !== '/') open.push(name);
  }
  return open.length > 0 ? `<${open.at(-1)}> is not closed` : textProblem(body.slice(at));
}

function textProblem(text: string): string | undefined {
  if (/[<>]/.test(text)) return `a stray angle bracket in ${JSON.stringify(text.slice(0, 200))}`;
  return /&(?!(?:amp|lt|gt|quot|#39);)/.test(text) ? `a stray & in ${text.slice(0, 200)}` : undefined;
}

/** Text of each cell of each table, tags taken out. */
export const cellsOf = (html: string): readonly string[] =>
  [...html.matchAll(/<t[dh][^>]*>([\s\S]*?)<\/t[dh]>/g)].map(([, inner = '']) => textOf(inner));

export const textOf = (html: string): string =>
  html
    .replace(/<[^>]*>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
    .trim();
