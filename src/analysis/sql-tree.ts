import { assertNever } from '../model/result.ts';
import { type SqlToken, sqlTokens } from './sql-tokens.ts';

/**
 * The tree of an SQL expression as people write it and as the server prints it, as far as indexes hold such. What two spellings have
 * in common is one node already: `IN` is `= ANY`, `BETWEEN` two comparisons, `CAST(a AS b)` is `a::b`.
 */
export type SqlTree =
  | { readonly kind: 'column'; readonly name: string }
  /** A constant without its type; text in quotes, `123`, `TRUE`, `NULL`. */
  | { readonly kind: 'constant'; readonly text: string }
  | { readonly kind: 'call'; readonly name: string; readonly operands: readonly SqlTree[] }
  | { readonly kind: 'cast'; readonly operand: SqlTree; readonly type: string }
  | { readonly kind: 'collate'; readonly operand: SqlTree; readonly collation: string }
  | { readonly kind: 'prefix'; readonly operator: string; readonly operand: SqlTree }
  | { readonly kind: 'infix'; readonly operator: string; readonly left: SqlTree; readonly right: SqlTree }
  /** `IS NULL`, `IS NOT TRUE` … */
  | { readonly kind: 'test'; readonly operand: SqlTree; readonly test: string }
  | {
      readonly kind: 'quantified';
      readonly operator: string;
      readonly quantifier: 'ANY' | 'ALL';
      readonly left: SqlTree;
      readonly right: SqlTree;
    }
  | { readonly kind: 'array' | 'row'; readonly members: readonly SqlTree[] }
  | { readonly kind: 'element'; readonly operand: SqlTree; readonly index: SqlTree };

/** The tree, or undefined for what this reader does not know (CASE, `SUBSTRING … FROM`, windows): its text must then do. */
export function parseSql(sql: string): SqlTree | undefined {
  const read = sqlTokens(sql);
  if ('problem' in read) return undefined;
  try {
    const parser = new Parser(read.tokens);
    const tree = parser.expression(0);
    return parser.isAtEnd ? tree : undefined;
  } catch (caught) {
    if (caught instanceof UnknownSyntax) return undefined;
    throw caught;
  }
}

class UnknownSyntax extends Error {}

/** How strongly infix operators bind, as in the manual's table of precedence. */
const strength = {
  or: 1,
  and: 2,
  not: 3,
  is: 4,
  comparison: 5,
  between: 6,
  other: 7,
  sum: 8,
  product: 9,
  power: 10,
  zone: 11,
  collate: 12,
  sign: 13,
  element: 14,
  cast: 15,
} as const;

const likes: ReadonlyMap<string, string> = new Map([
  ['like', '~~'],
  ['ilike', '~~*'],
]);

function strengthOf(operator: string): number {
  if (/^(?:<|>|=|<=|>=|<>|!=)$/.test(operator)) return strength.comparison;
  if (operator === '+' || operator === '-') return strength.sum;
  if (operator === '*' || operator === '/' || operator === '%') return strength.product;
  return operator === '^' ? strength.power : strength.other;
}

/** Words that begin what is not known here, and cannot be a column without quotes. */
const unknownWords = new Set('case when then else end select from where exists variadic distinct'.split(' '));
/** Functions with a syntax of their own. */
const unknownCalls = new Set('substring trim position overlay normalize grouping'.split(' '));

const constants = new Set(['true', 'false', 'null']);

class Parser {
  readonly #tokens: readonly SqlToken[];
  #place = 0;

  constructor(tokens: readonly SqlToken[]) {
    this.#tokens = tokens;
  }

  get isAtEnd(): boolean {
    return this.#place >= this.#tokens.length;
  }

  /** Reads on as long as operators bind at least as strongly as `weakest`. */
  expression(weakest: number): SqlTree {
    let left = this.#operand();
    for (;;) {
      const more = this.#continued(left, weakest);
      if (more === undefined) return left;
      left = more;
    }
  }

  #continued(left: SqlTree, weakest: number): SqlTree | undefined {
    const token = this.#peek();
    if (token === undefined) return undefined;
    if (token.kind === 'operator') return this.#infix(left, token.text, weakest);
    if (token.kind === 'mark') {
      if (token.text === '::' && weakest <= strength.cast) {
        this.#place += 1;
        return { kind: 'cast', operand: left, type: this.#type() };
      }
      if (token.text === '[' && weakest <= strength.element) {
        this.#place += 1;
        const index = this.expression(0);
        this.#expect(']');
        return { kind: 'element', operand: left, index };
      }
      return undefined;
    }
    return token.kind === 'name' ? this.#worded(left, token.text, weakest) : undefined;
  }

  #infix(left: SqlTree, text: string, weakest: number): SqlTree | undefined {
    const binds = strengthOf(text);
    if (binds < weakest) return undefined;
    this.#place += 1;
    const operator = text === '!=' ? '<>' : text;
    const quantifier = this.#peek()?.text;
    if (
      this.#peek()?.kind === 'name' &&
      (quantifier === 'any' || quantifier === 'some' || quantifier === 'all')
    ) {
      this.#place += 1;
      this.#expect('(');
      const right = this.expression(0);
      this.#expect(')');
      return { kind: 'quantified', operator, quantifier: quantifier === 'all' ? 'ALL' : 'ANY', left, right };
    }
    return { kind: 'infix', operator, left, right: this.expression(binds + 1) };
  }

  #worded(left: SqlTree, word: string, weakest: number): SqlTree | undefined {
    const connective = word === 'or' ? strength.or : word === 'and' ? strength.and : undefined;
    if (connective !== undefined) {
      if (connective < weakest) return undefined;
      this.#place += 1;
      const right = this.expression(connective + 1);
      return { kind: 'infix', operator: word.toUpperCase(), left, right };
    }
    if (word === 'is' || word === 'isnull' || word === 'notnull') {
      return weakest <= strength.is ? this.#test(left, word) : undefined;
    }
    const isNegated = word === 'not';
    const verb = isNegated ? this.#peek(1)?.text : word;
    if (verb === 'in' || verb === 'between' || likes.has(verb ?? '')) {
      if (strength.between < weakest) return undefined;
      this.#place += isNegated ? 2 : 1;
      return this.#between(left, verb ?? '', isNegated);
    }
    if (word === 'at' && this.#peek(1)?.text === 'time' && this.#peek(2)?.text === 'zone') {
      if (strength.zone < weakest) return undefined;
      this.#place += 3;
      return { kind: 'call', name: 'timezone', operands: [this.expression(strength.zone + 1), left] };
    }
    if (word === 'collate') {
      if (strength.collate < weakest) return undefined;
      this.#place += 1;
      return { kind: 'collate', operand: left, collation: this.#names().at(-1) ?? '' };
    }
    if (connectives.has(word)) return undefined;
    throw new UnknownSyntax();
  }

  #test(operand: SqlTree, word: string): SqlTree {
    this.#place += 1;
    if (word !== 'is') return { kind: 'test', operand, test: word === 'isnull' ? 'IS NULL' : 'IS NOT NULL' };
    const isNegated = this.#takes('not');
    if (this.#takes('distinct')) {
      if (!this.#takes('from')) throw new UnknownSyntax();
      const right = this.expression(strength.is + 1);
      const distinct: SqlTree = { kind: 'infix', operator: 'IS DISTINCT FROM', left: operand, right };
      return isNegated ? { kind: 'prefix', operator: 'NOT', operand: distinct } : distinct;
    }
    const tested = this.#next().text.toUpperCase();
    if (!['NULL', 'TRUE', 'FALSE', 'UNKNOWN'].includes(tested)) throw new UnknownSyntax();
    return { kind: 'test', operand, test: `IS ${isNegated ? 'NOT ' : ''}${tested}` };
  }

  #between(left: SqlTree, verb: string, isNegated: boolean): SqlTree {
    const infix = (operator: string, one: SqlTree, right: SqlTree): SqlTree => ({
      kind: 'infix',
      operator,
      left: one,
      right,
    });
    if (verb === 'between') {
      if (this.#takes('symmetric')) throw new UnknownSyntax();
      const low = this.expression(strength.between + 1);
      if (!this.#takes('and')) throw new UnknownSyntax();
      const high = this.expression(strength.between + 1);
      return isNegated
        ? infix('OR', infix('<', left, low), infix('>', left, high))
        : infix('AND', infix('>=', left, low), infix('<=', left, high));
    }
    if (verb === 'in') {
      this.#expect('(');
      const members = this.#list(')');
      const [only] = members;
      const operator = isNegated ? '<>' : '=';
      if (only === undefined) throw new UnknownSyntax();
      return members.length === 1
        ? infix(operator, left, only)
        : {
            kind: 'quantified',
            operator,
            quantifier: isNegated ? 'ALL' : 'ANY',
            left,
            right: { kind: 'array', members },
          };
    }
    const operator = `${isNegated ? '!' : ''}${likes.get(verb) ?? ''}`;
    return infix(operator, left, this.expression(strength.between + 1));
  }

  #operand(): SqlTree {
    const token = this.#next();
    switch (token.kind) {
      case 'string':
      case 'number':
        return { kind: 'constant', text: token.text };
      case 'operator':
        return {
          kind: 'prefix',
          operator: token.text,
          operand: this.expression(/^[+-]$/.test(token.text) ? strength.sign : strength.other + 1),
        };
      case 'mark':
        return this.#parenthesised(token);
      case 'name':
      case 'quoted-name':
        return this.#named(token);
      case 'parameter':
        throw new UnknownSyntax();
      default:
        return assertNever(token.kind);
    }
  }

  #parenthesised({ text }: SqlToken): SqlTree {
    if (text !== '(') throw new UnknownSyntax();
    const members = this.#list(')');
    const [only] = members;
    if (only === undefined) throw new UnknownSyntax();
    return members.length === 1 ? only : { kind: 'row', members };
  }

  #named(token: SqlToken): SqlTree {
    const word = token.kind === 'name' ? token.text : '';
    if (constants.has(word)) return { kind: 'constant', text: word.toUpperCase() };
    if (word === 'not') return { kind: 'prefix', operator: 'NOT', operand: this.expression(strength.not) };
    if (word === 'array' && this.#takes('[')) return { kind: 'array', members: this.#list(']') };
    if (word === 'row' && this.#takes('(')) return { kind: 'row', members: this.#list(')') };
    if (word === 'cast' && this.#takes('(')) {
      const operand = this.expression(0);
      if (!this.#takes('as')) throw new UnknownSyntax();
      const type = this.#type();
      this.#expect(')');
      return { kind: 'cast', operand, type };
    }
    if (word === 'extract' && this.#takes('(')) return this.#extract();
    if (unknownWords.has(word) || (unknownCalls.has(word) && this.#peek()?.text === '('))
      throw new UnknownSyntax();
    this.#place -= 1;
    // `date '2025-01-01'`: a type before a constant.
    if (token.kind === 'name' && this.#peek(1)?.kind === 'string')
      return {
        kind: 'cast',
        type: typeName(this.#next().text),
        operand: { kind: 'constant', text: this.#next().text },
      };
    const names = this.#names();
    const name = names.at(-1) ?? '';
    if (!this.#takes('(')) return { kind: 'column', name };
    const isBuiltIn = names.length === 1 || names[0] === 'pg_catalog';
    return { kind: 'call', name: isBuiltIn ? name : names.join('.'), operands: this.#list(')') };
  }

  #extract(): SqlTree {
    const field = this.#next();
    if (!this.#takes('from')) throw new UnknownSyntax();
    const operand = this.expression(0);
    this.#expect(')');
    const text = field.kind === 'string' ? field.text : `'${field.text}'`;
    return {
      kind: 'call',
      name: 'extract',
      operands: [{ kind: 'constant', text: text.toLowerCase() }, operand],
    };
  }

  /** `a.b.c` */
  #names(): readonly string[] {
    const names: string[] = [];
    do {
      const token = this.#next();
      if (token.kind !== 'name' && token.kind !== 'quoted-name') throw new UnknownSyntax();
      names.push(token.text);
    } while (this.#takes('.'));
    return names;
  }

  /** A type with its modifiers: `numeric(10,4)`, `timestamp with time zone`, `text[]`. */
  #type(): string {
    let type = this.#names()
      .filter((name) => name !== 'pg_catalog')
      .join('.');
    for (const word of ['precision', 'varying']) if (this.#takes(word)) type += ` ${word}`;
    const modifiers = this.#takes('(')
      ? `(${this.#list(')')
          .map((one) => (one.kind === 'constant' ? one.text : '?'))
          .join(',')})`
      : '';
    const zone = this.#peek()?.text;
    if ((zone === 'with' || zone === 'without') && this.#peek(1)?.text === 'time') {
      this.#place += 3;
      type += ` ${zone} time zone`;
    }
    let dimensions = '';
    while (this.#takes('[')) {
      this.#expect(']');
      dimensions += '[]';
    }
    return `${typeName(type)}${modifiers}${dimensions}`;
  }

  /** Expressions with commas between them, up to and with the mark that closes them. */
  #list(close: string): readonly SqlTree[] {
    const members: SqlTree[] = [];
    if (this.#takes(close)) return members;
    do members.push(this.expression(0));
    while (this.#takes(','));
    this.#expect(close);
    return members;
  }

  #peek(ahead = 0): SqlToken | undefined {
    return this.#tokens[this.#place + ahead];
  }

  #next(): SqlToken {
    const token = this.#tokens[this.#place];
    if (token === undefined) throw new UnknownSyntax();
    this.#place += 1;
    return token;
  }

  #takes(text: string): boolean {
    const token = this.#peek();
    const takes = token?.text === text && token.kind !== 'string' && token.kind !== 'quoted-name';
    if (takes) this.#place += 1;
    return takes;
  }

  #expect(text: string): void {
    if (!this.#takes(text)) throw new UnknownSyntax();
  }
}

/** Words at which an expression ends: they belong to what is around it. */
const connectives = new Set(['and', 'or', 'as', 'from', 'not']);

const typeNames: ReadonlyMap<string, string> = new Map([
  ['int', 'integer'],
  ['int4', 'integer'],
  ['int8', 'bigint'],
  ['int2', 'smallint'],
  ['varchar', 'character varying'],
  ['bool', 'boolean'],
  ['decimal', 'numeric'],
  ['float8', 'double precision'],
  ['float4', 'real'],
  ['timestamptz', 'timestamp with time zone'],
  ['timestamp', 'timestamp without time zone'],
  ['timetz', 'time with time zone'],
  ['time', 'time without time zone'],
]);

/** A type by the name that the server prints. */
const typeName = (name: string): string => typeNames.get(name) ?? name;
