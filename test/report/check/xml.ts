/** A check for well-formed XML 1.0 as far as our reports use it: no DTD, no CDATA, no comments. */
export function xmlProblem(xml: string): string | undefined {
  // Production [2] of the standard: the characters that a document may hold.
  if (/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u.test(xml)) return 'an illegal character';
  const body = xml.replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n/, '');
  const open: string[] = [];
  let at = 0;
  for (const match of body.matchAll(/<(\/?)([a-z-]+)((?: [a-z]+="[^"<]*")*)(\/?)>/g)) {
    const problem = textProblem(body.slice(at, match.index)) ?? textProblem(match[3] ?? '');
    if (problem !== undefined) return problem;
    at = match.index + match[0].length;
    const [, isClosing, name = '', , isEmpty] = match;
    if (isClosing === '/') {
      if (open.pop() !== name) return `</${name}> closes nothing`;
    } else if (isEmpty !== '/') open.push(name);
  }
  return open.length > 0 ? `<${open.at(-1)}> is not closed` : textProblem(body.slice(at));
}

/** Attribute values and text, entities as they stand. */
export const textsIn = (xml: string): readonly string[] =>
  [...xml.matchAll(/"([^"]*)"|>([^<]*)</g)].map((match) => match[1] ?? match[2] ?? '');

function textProblem(text: string): string | undefined {
  if (text.includes('<')) return `a stray < in ${text}`;
  return /&(?!(?:amp|lt|gt|quot);)/.test(text) ? `a stray & in ${text}` : undefined;
}
