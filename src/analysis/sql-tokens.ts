/** A piece of an SQL expression. Names are folded as the server folds them: lower case unless quoted. */
export interface SqlToken {
  readonly kind: 'name' | 'quoted-name' | 'string' | 'number' | 'operator' | 'mark' | 'parameter';
  readonly text: string;
  /** Where it begins in the text. */
  readonly at: number;
}

const pattern =
  /(?<space>\s+)|(?<comment>--|\/\*)|(?<dollar>\$\w*\$|\$\d+)|(?<escape>[Uu]&['"])|(?<string>[Ee]'(?:[^'\\]|\\[\s\S]|'')*'|[BbXxNn]?'(?:[^']|'')*')|(?<quoted>"(?:[^"]|"")*")|(?<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)|(?<name>[\p{L}_][\p{L}\p{N}_$]*)|(?<mark>::|[()[\],.:;])|(?<operator>[+\-*/<>=~!@#%^&|`?]+)|(?<other>[\s\S])/gu;

/**
 * The tokens of an SQL expression, or why it is none that stands by itself: comments, semicolons, dollar quotes and whatever is not
 * closed are refused, so that what passes can be printed inside of another statement. Parameters (`$1`) pass where they are allowed.
 */
export function sqlTokens(
  sql: string,
  options: { readonly parameters?: boolean } = {},
): { readonly tokens: readonly SqlToken[] } | { readonly problem: string } {
  const tokens: SqlToken[] = [];
  const open: string[] = [];
  for (const match of sql.matchAll(pattern)) {
    const [text] = match;
    const groups = match.groups ?? {};
    const at = match.index;
    if (groups.space !== undefined) continue;
    if (groups.comment !== undefined) return { problem: 'holds a comment' };
    if (groups.dollar !== undefined) {
      if (options.parameters !== true) return { problem: 'holds a dollar quote or a parameter' };
      if (!/^\$\d+$/.test(text)) return { problem: 'holds a dollar quote' };
      tokens.push({ kind: 'parameter', text, at });
      continue;
    }
    if (groups.escape !== undefined) return { problem: 'holds a U& string' };
    if (groups.other !== undefined)
      return {
        problem: text === "'" || text === '"' ? `has a ${text} that is not closed` : `holds a stray ${text}`,
      };
    if (groups.string !== undefined) tokens.push({ kind: 'string', text, at });
    else if (groups.quoted !== undefined)
      tokens.push({ kind: 'quoted-name', text: text.slice(1, -1).replaceAll('""', '"'), at });
    else if (groups.number !== undefined) tokens.push({ kind: 'number', text, at });
    else if (groups.name !== undefined) tokens.push({ kind: 'name', text: text.toLowerCase(), at });
    else if (groups.operator !== undefined) {
      // To the server an operator ends where a comment begins.
      if (text.includes('--') || text.includes('/*')) return { problem: 'holds a comment' };
      tokens.push({ kind: 'operator', text, at });
    } else {
      if (text === ';') return { problem: 'holds a semicolon' };
      if (text === '(' || text === '[') open.push(text);
      if ((text === ')' && open.pop() !== '(') || (text === ']' && open.pop() !== '['))
        return { problem: `has a ${text} too many` };
      tokens.push({ kind: 'mark', text, at });
    }
  }
  if (open.length > 0) return { problem: `has a ${open[0]} that is not closed` };
  return tokens.length === 0 ? { problem: 'is empty' } : { tokens };
}

/** Functions that are not immutable, and why; before a parenthesis only, since columns may be called so, too. */
const volatileCalls: ReadonlyMap<string, string> = new Map([
  ...[
    'now',
    'clock_timestamp',
    'statement_timestamp',
    'transaction_timestamp',
    'timeofday',
    'localtimestamp',
    'localtime',
    'current_timestamp',
    'current_time',
    'age',
  ].map((name) => [name, 'depends on the time of day'] as const),
  ...['random', 'random_normal', 'gen_random_uuid', 'uuid_generate_v4', 'uuidv4', 'uuidv7', 'setseed'].map(
    (name) => [name, 'is random'] as const,
  ),
  ...['nextval', 'currval', 'lastval', 'txid_current', 'pg_current_xact_id', 'pg_backend_pid'].map(
    (name) => [name, 'differs from call to call'] as const,
  ),
  ...['current_setting', 'current_schema', 'current_schemas', 'current_database', 'inet_client_addr'].map(
    (name) => [name, 'depends on the session'] as const,
  ),
  ...['to_char', 'to_date', 'to_timestamp'].map(
    (name) => [name, 'depends on settings of the session'] as const,
  ),
]);

/** Keywords that are a value by themselves. */
const volatileWords: ReadonlyMap<string, string> = new Map([
  ...['current_date', 'current_time', 'current_timestamp', 'localtime', 'localtimestamp'].map(
    (name) => [name, 'depends on the time of day'] as const,
  ),
  ...['current_user', 'current_role', 'session_user', 'user', 'current_schema', 'current_catalog'].map(
    (name) => [name, 'depends on the session'] as const,
  ),
]);

const momentLiteral = /^'(now|today|tomorrow|yesterday|allballs)'$/i;
const timeTypes = new Set(['date', 'time', 'timetz', 'timestamp', 'timestamptz']);

/**
 * The first part of an expression because of which PostgreSQL would refuse it in an index, with the reason; undefined where none is
 * known. `to_timestamp` of a number is immutable and passes; `age` of two arguments does too. What stands in quotes is no function.
 */
export function whyNotImmutable(
  tokens: readonly SqlToken[],
): { readonly part: string; readonly reason: string } | undefined {
  for (const [place, token] of tokens.entries()) {
    const next = tokens[place + 1];
    const previous = tokens[place - 1];
    if (token.kind === 'string') {
      const isTimed =
        (next?.text === '::' && timeTypes.has(tokens[place + 2]?.text ?? '')) ||
        (previous?.kind === 'name' && timeTypes.has(previous.text));
      if (isTimed && momentLiteral.test(token.text))
        return { part: token.text, reason: 'would stand still at the moment the index is built' };
      continue;
    }
    if (token.kind !== 'name') continue;
    if (token.text === 'select' && previous?.text === '(')
      return { part: 'select', reason: 'is a subquery, which no index can hold' };
    const isQualified = previous?.text === '.';
    const isCall = next?.text === '(';
    if (isCall && token.text === 'to_timestamp' && argumentsOf(tokens, place + 1) === 1) continue;
    if (isCall && token.text === 'age' && argumentsOf(tokens, place + 1) === 2) continue;
    const reason = isCall
      ? volatileCalls.get(token.text)
      : isQualified
        ? undefined
        : volatileWords.get(token.text);
    if (reason !== undefined) return { part: isCall ? `${token.text}()` : token.text, reason };
  }
  return undefined;
}

/** How many arguments stand between the parenthesis at this place and the one that closes it. */
function argumentsOf(tokens: readonly SqlToken[], open: number): number {
  let depth = 0;
  let commas = 0;
  for (const { kind, text } of tokens.slice(open)) {
    if (kind !== 'mark') continue;
    if (text === '(' || text === '[') depth += 1;
    else if (text === ')' || text === ']') depth -= 1;
    else if (text === ',' && depth === 1) commas += 1;
    if (depth === 0) break;
  }
  return commas + 1;
}
