import { type Document, isAlias, isNode, isScalar, LineCounter, parseDocument, stringify, visit } from 'yaml';
import { err, ok, type Result } from '../model/result.ts';
import type { Problem } from './problems.ts';

/** A parsed file: its content, and where in the text each of its keys stands. */
export interface YamlDocument {
  readonly content: Readonly<Record<string, unknown>>;
  /** Line of the value at a path, or of the nearest thing above it that exists. */
  lineOf(path: readonly PropertyKey[]): number | undefined;
}

/**
 * Parses the text of a configuration file. Syntax errors and keys that stand twice come with line and column,
 * all at once. Anchors, aliases and `<<` merges work; an empty file is an empty configuration.
 */
export function parseYaml(text: string): Result<YamlDocument, readonly Problem[]> {
  if (text.length > charactersMax)
    return err([{ path: '', message: `is longer than ${charactersMax} characters: no file of settings is` }]);
  const lineCounter = new LineCounter();
  // Keys that stand twice are looked for below: the parser compares each key with each other.
  const document = parseDocument(text, { lineCounter, prettyErrors: false, merge: true, uniqueKeys: false });
  const complaints = [...document.errors, ...document.warnings, ...unusableIn(document)].sort(
    (a, b) => a.pos[0] - b.pos[0],
  );
  if (complaints.length > 0) {
    return err(
      complaints.map((error) => syntaxProblem(error.code, error.message, lineCounter.linePos(error.pos[0]))),
    );
  }

  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: 1000 }) ?? {};
  } catch (cause) {
    const why = cause instanceof Error ? withoutContent(cause.message) : 'it cannot be read';
    return err([{ path: '', message: `is not usable YAML: ${why}`, hint: starHint }]);
  }
  if (!isRecord(content)) {
    return err([
      { path: '', message: 'the file is not a group of settings', hint: 'begin with a line like `servers:`' },
    ]);
  }

  const lineOf = (path: readonly PropertyKey[]): number | undefined => {
    for (let length = path.length; length > 0; length--) {
      const node = document.getIn(path.slice(0, length), true);
      if (isNode(node) && !isAlias(node) && node.range) return lineCounter.linePos(node.range[0]).line;
    }
    return undefined;
  };
  return ok({ content, lineOf });
}

/** Thousands of servers fit; what is longer would only take long to be refused. */
const charactersMax = 2 * 1024 * 1024;
/** Settings in one group, entries of names to names included. */
const keysMax = 10_000;

interface Complaint {
  readonly code: string;
  readonly message: string;
  readonly pos: readonly [number, number];
}

/** What the parser accepts and nobody means: keys that stand twice, groups without end, aliases for what they stand in. */
function unusableIn(document: Document.Parsed): readonly Complaint[] {
  const found: Complaint[] = [];
  const add = (code: string, message: string, range: readonly number[] | null | undefined): void =>
    void found.push({ code, message, pos: [range?.[0] ?? 0, range?.[1] ?? 0] });
  visit(document, {
    Alias: (_, alias, above) => {
      const target = alias.resolve(document);
      if (target !== undefined && above.includes(target))
        add('ALIAS', 'An alias stands in its own anchor', alias.range);
    },
    Map: (_, { items, range }) => {
      if (items.length > keysMax) {
        add('TOO_MANY', `A group holds more than ${keysMax} settings`, range);
        return visit.SKIP;
      }
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key) || key.value === '<<') continue;
        if (seen.has(key.value)) add('DUPLICATE_KEY', 'Map keys must be unique', key.range);
        seen.add(key.value);
      }
      return undefined;
    },
  });
  return found;
}

/** A value on one line of YAML: `[app, 'a*']`. */
export const inlineYaml = (value: unknown): string =>
  stringify(value, {
    collectionStyle: 'flow',
    flowCollectionPadding: false,
    singleQuote: true,
    lineWidth: 0,
  }).trim();

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function syntaxProblem(code: string, message: string, { line, col }: { line: number; col: number }): Problem {
  const hint = syntaxHint(code, message);
  const what = `column ${col}: ${withoutContent(message)}`;
  return { path: '', line, message: what, ...(hint === undefined ? {} : { hint }) };
}

const starHint = "a value that begins with *, &, ! or % needs quotes, like '*/5 * * * *'";

function syntaxHint(code: string, message: string): string | undefined {
  if (code === 'DUPLICATE_KEY') return 'each key may stand once in its group; merge the two';
  if (code === 'TAG_RESOLVE_FAILED' || /alias/i.test(message)) return starHint;
  if (code === 'TAB_AS_INDENT') return 'indent with blanks';
  return undefined;
}

/** The parser quotes the text it stumbled over, which may be a password; only what it says about it is kept. */
const withoutContent = (message: string): string =>
  /call stack/.test(message) ? 'is nested too deeply' : (message.split(/[:\n]/)[0] ?? '').trim();
