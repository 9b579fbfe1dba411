/**
 * Text from strangers on its way to people: index names, expressions and error messages may hold line breaks, terminal
 * escapes, invisible and right-to-left characters. Here they become visible and lose their effect.
 */

/** Controls, format characters (bidi, zero width), lone surrogates, line separators, and spaces that only look like one. */
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;
const named: ReadonlyMap<string, string> = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

/** One line without anything that a terminal, an editor or a reader's eye could take for something else. */
export const safeLine = (text: string): string => text.replaceAll(unsafe, visible);

/** Like `safeLine`, but keeps line feeds: for SQL and notes, whose lines are ours or stand inside of quotes. */
export const safeBlock = (text: string): string =>
  text
    .replaceAll('\r\n', '\n')
    .replaceAll(unsafe, (character) => (character === '\n' ? '\n' : visible(character)));

/** Whether `safeBlock` would change the text, so that what is shown cannot be run as it stands. */
export const isShownVerbatim = (text: string): boolean => safeBlock(text) === text;

function visible(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return named.get(character) ?? (code < 0x100 ? `\\x${hex(code, 2)}` : `\\u{${hex(code, 4)}}`);
}

const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, '0');

const wide =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;
const plainAscii = /^[ -~]*$/;
const combining = /\p{Mn}|\p{Me}/u;

/** Columns that a line takes on a terminal; expects safe text. East Asian wide characters and emoji take two. */
export function displayWidth(text: string): number {
  if (plainAscii.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += wide.test(character) ? 2 : combining.test(character) ? 0 : 1;
  return width;
}

/** Breaks a line at spaces so that none is wider than asked; words that are too long are broken inside. At least one line. */
export function wrap(line: string, width: number): readonly string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of line.split(' ').flatMap((long) => chop(long, width))) {
    if (current === '') current = word;
    else if (displayWidth(current) + 1 + displayWidth(word) <= width) current += ` ${word}`;
    else {
      lines.push(current);
      current = word;
    }
  }
  return [...lines, current];
}

/** Wraps and puts `first` before the first line, as much space before the others. */
export function wrapHanging(line: string, width: number, first: string): readonly string[] {
  const indent = displayWidth(first);
  return wrap(line, Math.max(width - indent, minimumWidth)).map(
    (part, number) => `${number === 0 ? first : ' '.repeat(indent)}${part}`,
  );
}

/** Below this, wrapping makes a column of single syllables; the terminal may break the line instead. */
const minimumWidth = 20;

function chop(word: string, width: number): readonly string[] {
  if (displayWidth(word) <= width) return [word];
  const parts: string[] = [];
  let part = '';
  for (const character of word) {
    if (part !== '' && displayWidth(part + character) > width) {
      parts.push(part);
      part = '';
    }
    part += character;
  }
  return [...parts, part];
}

/** The first few of a list and how many more there are: `a, b, c and 4 more`. */
export function fewOf(items: readonly string[], most: number): string {
  if (items.length <= most) return items.join(', ');
  return `${items.slice(0, most).join(', ')} and ${items.length - most} more`;
}
