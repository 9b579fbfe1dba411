/** A text as a Python literal; of several lines as one of several lines, so that SQL stays readable. */
export function pythonString(text: string): string {
  const escaped = text
    .replaceAll('\\', '\\\\')
    // What would end a line, or show a reader something else than Python reads.
    .replace(/(?!\n)[\p{Cc}\p{Cf}\u2028\u2029]/gu, escapeOf);
  if (!text.includes('\n')) return `"${escaped.replaceAll('"', '\\"')}"`;
  return `"""${escaped.replaceAll(/"(?="|$)/g, '\\"')}"""`;
}

function escapeOf(character: string): string {
  const hex = (character.codePointAt(0) ?? 0).toString(16);
  return hex.length <= 4 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}

/** Lines as comments, each line of each text by itself. */
export const pythonComments = (texts: readonly string[], indent = ''): readonly string[] =>
  texts.flatMap((text) =>
    text.split(/\r\n?|\n/).map((line) => (line === '' ? `${indent}#` : `${indent}# ${line}`)),
  );
