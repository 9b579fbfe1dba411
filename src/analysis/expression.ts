/**
 * Canonical text of expressions as PostgreSQL deparses them (`pg_get_expr`, not pretty: every operator stands in its own
 * parentheses), so that two spellings of one condition compare equal. Text is enough because the server has already resolved
 * names and types; node trees are not compared, since they hold parse locations that differ.
 *
 * Recognised as equal: `x > 5` and `5 < x`; operands of AND, OR, `=` and `<>` in any order; members of `= ANY (ARRAY[…])` in
 * any order; `5`, `'5'::bigint` and `(5)::bigint`; `'a'::text` and `('a'::character varying)::text`; and, in a predicate,
 * `x` and `x = true`. Anything not understood is kept as it stands: a missed equality costs a finding, a wrong one would cost
 * somebody an index.
 *
 * What counts is what the planner takes for equal when it matches a query to an index. It proves predicates, but not `x IS TRUE`
 * from `x`; key expressions it only compares, so that for them {@link isSameExpression} has the last word.
 */
export function canonicalExpression(deparsed: string): string {
  return renderSequence(parse(deparsed));
}

/** As {@link canonicalExpression}, for a WHERE clause: only rows for which it is true count, so NULL and false are one. */
export function canonicalPredicate(deparsed: string): string {
  const conditions = conjuncts(deparsed);
  const isAlternative = (condition: string): boolean => splitAt(parse(condition), 'OR').length > 1;
  return conditions.length === 1
    ? conditions.join()
    : conditions.map((text) => (isAlternative(text) ? `(${text})` : text)).join(' AND ');
}

/** The canonical conditions that a predicate joins with AND, sorted and without repetition. */
export function conjuncts(predicate: string): readonly string[] {
  const parts = operandsOf(parse(predicate), 'AND').map(renderCondition);
  return [...new Set(parts)].sort();
}

/**
 * Whether two key expressions, as the server prints them, are one to the planner: the same but for how a constant got its type,
 * which is settled before it compares.
 */
export const isSameExpression = (a: string, b: string): boolean =>
  a === b || withPlainConstants(a) === withPlainConstants(b);

/** `(0)::bigint`, a cast of an integer, and `'0'::bigint`, a constant of that type. */
const withPlainConstants = (sql: string): string =>
  sql.replace(/'(?:[^']|'')*'::(?:smallint|bigint)|'(?:[^']|'')*'|"(?:[^"]|"")*"/g, (text) =>
    text.replace(/^'(\d+)'::(smallint|bigint)$/, '($1)::$2'),
  );

/** The members of a deparsed expression list (`indexprs`), canonical, in order. */
export function splitExpressions(list: string): readonly string[] {
  return splitAt(parse(list), ',').map((part) => renderSequence(unwrap(part)));
}

/** The members of a deparsed expression list as the server printed them, in order: for SQL that must match to the letter. */
export function splitExpressionTexts(list: string): readonly string[] {
  const texts: string[] = [];
  let depth = 0;
  let start = 0;
  for (const match of list.matchAll(tokenPattern)) {
    const [token] = match;
    if (token === '(' || token === '[') depth += 1;
    else if (token === ')' || token === ']') depth -= 1;
    else if (token === ',' && depth === 0) {
      texts.push(list.slice(start, match.index).trim());
      start = match.index + 1;
    }
  }
  return [...texts, list.slice(start).trim()];
}

type Node = { readonly kind: 'token'; readonly text: string } | Group;
interface Group {
  readonly kind: 'group';
  readonly open: '(' | '[';
  readonly items: readonly Node[];
}

const tokenPattern =
  /[EBXN]?'(?:[^']|'')*'|"(?:[^"]|"")*"|\d+(?:\.\d+)?(?:e[+-]?\d+)?|::|[()[\],.:;]|[+\-*/<>=~!@#%^&|`?]+|[\p{L}_][\p{L}\p{N}_$]*|\S/giu;

function parse(text: string): readonly Node[] {
  const stack: { open: '(' | '['; items: Node[] }[] = [];
  let items: Node[] = [];
  for (const [token] of text.matchAll(tokenPattern)) {
    if (token === '(' || token === '[') {
      stack.push({ open: token, items });
      items = [];
    } else if (token === ')' || token === ']') {
      const outer = stack.pop();
      // Unbalanced text is not an expression that a server printed; keep it whole, equal only to itself.
      if (outer === undefined) return [{ kind: 'token', text }];
      outer.items.push({ kind: 'group', open: outer.open, items: withoutEcho(items) });
      items = outer.items;
    } else {
      items.push({ kind: 'token', text: token });
    }
  }
  return stack.length === 0 ? withoutEcho(items) : [{ kind: 'token', text }];
}

/** A condition that AND or OR joins with nothing but itself is that condition: `(a AND a) OR b` is `a OR b`. */
function withoutEcho(items: readonly Node[]): readonly Node[] {
  if (items.some((node) => isToken(node, ','))) return items;
  for (const connective of ['OR', 'AND'] as const) {
    const [first, ...others] = operandsOf(items, connective);
    if (first === undefined || others.length === 0) continue;
    const text = renderOperand(first);
    return others.every((other) => renderOperand(other) === text) ? first : items;
  }
  return items;
}

const isToken = (node: Node | undefined, text: string): boolean =>
  node?.kind === 'token' && node.text === text;

function isParenthesised(node: Node | undefined): node is Group {
  return node?.kind === 'group' && node.open === '(';
}

/** Takes off parentheses that only wrap: `((x))` is `x`. */
function unwrap(sequence: readonly Node[]): readonly Node[] {
  const [only] = sequence;
  return sequence.length === 1 && isParenthesised(only) ? unwrap(only.items) : sequence;
}

function splitAt(sequence: readonly Node[], separator: string): readonly (readonly Node[])[] {
  const parts: Node[][] = [[]];
  for (const node of sequence) {
    if (isToken(node, separator)) parts.push([]);
    else parts.at(-1)?.push(node);
  }
  return parts;
}

/** What a connective joins, however it is nested: `(a AND b) AND c` joins three. OR binds less than AND. */
function operandsOf(sequence: readonly Node[], connective: 'AND' | 'OR'): readonly (readonly Node[])[] {
  const inner = unwrap(sequence);
  if (connective === 'AND' && splitAt(inner, 'OR').length > 1) return [inner];
  const parts = splitAt(inner, connective);
  return parts.length === 1 ? [inner] : parts.flatMap((part) => operandsOf(part, connective));
}

/** A condition where NULL counts as false. */
function renderCondition(sequence: readonly Node[]): string {
  const rendered = renderSequence(sequence);
  return rendered.replace(/^(?:(.+) = true|true = (.+))$/, (_, ...operands: string[]) =>
    stripParentheses(operands.slice(0, 2).find((operand) => operand !== undefined) ?? rendered),
  );
}

const stripParentheses = (text: string): string => renderSequence(unwrap(parse(text)));

function renderSequence(sequence: readonly Node[]): string {
  for (const connective of ['OR', 'AND'] as const) {
    const parts = operandsOf(sequence, connective);
    if (parts.length > 1) {
      const rendered = parts.map((part) => renderOperand(part));
      return [...new Set(rendered)].sort().join(` ${connective} `);
    }
  }
  return renderComparison(sequence) ?? renderPlain(simplifyCasts(sequence));
}

const mirrored: ReadonlyMap<string, string> = new Map([
  ['<', '<'],
  ['<=', '<='],
  ['>', '<'],
  ['>=', '<='],
  ['=', '='],
  ['<>', '<>'],
]);

/** One comparison between two operands, written smallest first; undefined when the sequence is something else. */
function renderComparison(sequence: readonly Node[]): string | undefined {
  const places = sequence.flatMap((node, place) =>
    node.kind === 'token' && mirrored.has(node.text) ? [place] : [],
  );
  const [place] = places;
  if (places.length !== 1 || place === undefined || place === 0) return undefined;
  const node = sequence[place];
  const operator = node?.kind === 'token' ? node.text : '';
  const next = sequence[place + 1];
  if (isToken(next, 'ANY') || isToken(next, 'ALL')) {
    const rest = sequence.slice(place + 2);
    const left = renderOperand(sequence.slice(0, place));
    return `${left} ${operator} ${(next as { text: string }).text} ${renderMembers(rest, operator === '=')}`;
  }
  const left = renderOperand(sequence.slice(0, place));
  const right = renderOperand(sequence.slice(place + 1));
  const swaps =
    operator === '>' || operator === '>=' || ((operator === '=' || operator === '<>') && right < left);
  const written = mirrored.get(operator) ?? operator;
  return swaps ? `${right} ${written} ${left}` : `${left} ${written} ${right}`;
}

/** Lists with more members are only compared as a whole: the planner does not look into them (MAX_SAOP_ARRAY_SIZE). */
const provableMembersMax = 100;

/** The members of `= ANY (ARRAY[a, b])`: their order and repetition mean nothing. */
function renderMembers(sequence: readonly Node[], isSet: boolean): string {
  const inner = simplifyCasts(unwrap(sequence));
  const [keyword, list, ...rest] = inner;
  const isArray = isToken(keyword, 'ARRAY') && list?.kind === 'group' && list.open === '[';
  if (!isArray || !isSet) return `(${renderPlain(inner)})`;
  const members = [...new Set(splitAt(list.items, ',').map((member) => renderOperand(member)))].sort();
  if (members.length > provableMembersMax) return `(${renderPlain(inner)})`;
  const isText = members.every((member) => /'::text$/.test(member));
  const cast = renderPlain(rest);
  // A list of text literals needs no cast to text[] once its members have lost theirs to character varying.
  const suffix = isText && cast === '::text[]' ? '' : cast;
  return `(ARRAY[${members.join(', ')}]${suffix})`;
}

function renderOperand(sequence: readonly Node[]): string {
  const inner = simplifyCasts(unwrap(sequence));
  const text = renderSequence(inner);
  return inner.length === 1 && inner[0]?.kind === 'token' ? text : isAtomic(inner) ? text : `(${text})`;
}

/** Calls, casts and qualified names bind tighter than any operator and need no parentheses of their own. */
function isAtomic(sequence: readonly Node[]): boolean {
  return sequence.every(
    (node) => node.kind === 'group' || !/^[+\-*/<>=~!@#%^&|`?]+$|^[A-Z]{2,}$/.test(node.text),
  );
}

const integerTypes = new Set(['smallint', 'integer', 'bigint']);

/**
 * Drops casts of literals that change nothing in a comparison: integers cast to integer types, and strings cast to
 * `character varying` (without a length, which would truncate) on their way to text.
 */
function simplifyCasts(sequence: readonly Node[]): readonly Node[] {
  const [literal, ...casts] = sequence;
  if (literal === undefined || casts.length < 2 || !isToken(casts[0], '::')) return sequence;
  const types = splitAt(casts.slice(1), '::').map((type) => renderPlain(type));
  const inner = literal.kind === 'group' ? simplifyCasts(unwrap([literal])) : [literal];
  const value = inner[0]?.kind === 'token' ? inner[0].text : '';
  const number = /^'(-?\d+)'$/.exec(value)?.[1] ?? (/^\d+$/.test(value) ? value : undefined);
  if (inner.length === 1 && number !== undefined && types.every((type) => integerTypes.has(type))) {
    return [{ kind: 'token', text: number }];
  }
  const isString = value.startsWith("'") && (inner.length === 1 || isToken(inner[1], '::'));
  const innerTypes = splitAt(inner.slice(1), '::')
    .slice(1)
    .map((type) => renderPlain(type));
  const chain = [...innerTypes, ...types];
  if (isString && chain.every((type) => type === 'text' || type === 'character varying')) {
    return parse(`${value}::text`);
  }
  return literal.kind === 'group' && isArrayConstructor(inner) ? [...inner, ...casts] : sequence;
}

const isArrayConstructor = (sequence: readonly Node[]): boolean =>
  isToken(sequence[0], 'ARRAY') && sequence[1]?.kind === 'group' && sequence.length === 2;

function renderPlain(sequence: readonly Node[]): string {
  let text = '';
  for (const [place, node] of sequence.entries()) {
    const previous = sequence[place - 1];
    const piece = node.kind === 'token' ? node.text : renderGroup(node, previous);
    const glued =
      place === 0 ||
      isToken(node, '::') ||
      isToken(previous, '::') ||
      isToken(node, '.') ||
      isToken(previous, '.') ||
      isToken(node, ',') ||
      (node.kind === 'group' && (node.open === '[' || isFunctionName(previous)));
    text += glued ? piece : ` ${piece}`;
  }
  return text;
}

/** A word before a parenthesis is a function unless it is a keyword, which the server prints in capitals. */
const isFunctionName = (node: Node | undefined): boolean =>
  node?.kind === 'token' && /^[\p{L}_"]/u.test(node.text) && !/^[A-Z]+$/.test(node.text);

function renderGroup(group: Group, previous: Node | undefined): string {
  const close = group.open === '(' ? ')' : ']';
  const isCall = previous?.kind === 'token' && /^[\p{L}_"]/u.test(previous.text);
  const parts = splitAt(group.items, ',');
  const inner =
    parts.length === 1 && !isCall
      ? renderSequence(unwrap(group.items))
      : parts.map(renderArgument).join(', ');
  return `${group.open}${inner}${close}`;
}

const renderArgument = (sequence: readonly Node[]): string => renderSequence(unwrap(sequence));
