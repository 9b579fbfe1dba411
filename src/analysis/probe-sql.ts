import { type SqlToken, sqlTokens } from './sql-tokens.ts';

/** Why a probe's SQL is not run, and what to write instead. */
export interface SqlRefusal {
  readonly message: string;
  readonly hint: string;
}

/** A relation as a query names it; without a schema it is the first of that name on the search path. */
export interface NamedRelation {
  readonly schemaname: string | undefined;
  readonly relname: string;
}

/** One query that reads, as far as its text tells. */
export interface ProbeSql {
  readonly tokens: readonly SqlToken[];
  /** The highest `$n`. */
  readonly parameters: number;
  /** The first relation after a FROM that is none of the query's own; undefined where there is none. */
  readonly firstRelation: NamedRelation | undefined;
  /** Functions it calls by name, without their schemas. */
  readonly functions: readonly string[];
}

/**
 * Reads the SQL of a probe and refuses what is not one query that only reads: writes in any form, row locks, several statements,
 * utility statements, functions known to have effects. It goes by words and not by a grammar, and therefore refuses too much rather than
 * too little: a column called `update` must be quoted. What it cannot know (functions of users, views, operators) the read-only
 * transaction and the check before EXPLAIN ANALYZE deal with.
 */
export function readProbeSql(
  sql: string,
): { readonly query: ProbeSql } | { readonly refusals: readonly SqlRefusal[] } {
  const read = sqlTokens(sql.replace(/[\s;]+$/, ''), { parameters: true });
  if ('problem' in read) return { refusals: [unreadable(read.problem)] };
  const { tokens } = read;
  const functions = calledFunctions(tokens);
  const refusals = [
    ...whyNoQuery(tokens),
    ...whyWriting(tokens),
    ...functions.flatMap((name) => whyNotCalled(name)),
  ];
  if (refusals.length > 0) return { refusals: uniqueRefusals(refusals) };
  return {
    query: {
      tokens,
      parameters: Math.max(0, ...numbersOf(tokens)),
      firstRelation: firstRelation(tokens),
      functions,
    },
  };
}

/**
 * The SQL with the type of each parameter written at its place. PostgreSQL takes `($1::uuid)` for a parameter of that type, not for
 * a cast: the plan is that of a driver which sends the value with its type.
 */
export function withParameterTypes(
  sql: string,
  tokens: readonly SqlToken[],
  types: readonly string[],
): string {
  let written = '';
  let from = 0;
  for (const { kind, text, at } of tokens) {
    const type = kind === 'parameter' ? types[Number(text.slice(1)) - 1] : undefined;
    if (type === undefined) continue;
    written += `${sql.slice(from, at)}(${text}::${type})`;
    from = at + text.length;
  }
  return (written + sql.slice(from)).replace(/[\s;]+$/, '');
}

/** Words that end the list of relations after FROM or JOIN. */
const endsFrom = new Set(
  'where on using group order having limit offset fetch window union intersect except select set values'.split(
    ' ',
  ),
);

/** Every word of the query that may be the name of a relation or of its schema: what is asked for when a right turns out to be missing. */
export function namesIn(tokens: readonly SqlToken[]): readonly string[] {
  const names = new Set<string>();
  let isInFrom = false;
  for (const token of tokens) {
    if (isWord(token, 'from', 'join', 'table')) isInFrom = true;
    else if (token.kind === 'name' && endsFrom.has(token.text)) isInFrom = false;
    else if (isInFrom && isName(token)) names.add(token.text);
  }
  return [...names];
}

const isName = ({ kind }: SqlToken): boolean => kind === 'name' || kind === 'quoted-name';
const isWord = (token: SqlToken | undefined, ...words: readonly string[]): boolean =>
  token?.kind === 'name' && words.includes(token.text);
const numbersOf = (tokens: readonly SqlToken[]): readonly number[] =>
  tokens.filter(({ kind }) => kind === 'parameter').map(({ text }) => Number(text.slice(1)));

function unreadable(problem: string): SqlRefusal {
  const hint =
    problem === 'holds a semicolon'
      ? 'a probe is one statement: make each a probe of its own'
      : problem === 'holds a comment'
        ? 'write it beside the probe as a comment of YAML: #'
        : problem === 'is empty'
          ? 'write the query to watch'
          : 'write it with plain quotes and closed brackets';
  return { message: problem, hint };
}

function whyNoQuery(tokens: readonly SqlToken[]): readonly SqlRefusal[] {
  const first = tokens.find(({ text }) => text !== '(');
  if (isWord(first, 'select', 'with', 'values', 'table')) return [];
  const hint =
    'only queries can be probes: SELECT, WITH … SELECT, VALUES or TABLE, without EXPLAIN before it';
  return [{ message: `begins with ${(first?.text ?? '').toUpperCase()}, which is no query`, hint }];
}

const lockStrengths = ['update', 'share', 'no', 'key'] as const;

function whyWriting(tokens: readonly SqlToken[]): readonly SqlRefusal[] {
  const refusals: SqlRefusal[] = [];
  for (const [place, token] of tokens.entries()) {
    const [previous, next] = [tokens[place - 1], tokens[place + 1]];
    if (previous?.text === '.' && previous.kind === 'mark') continue;
    if (isWord(token, 'for') && isWord(next, ...lockStrengths))
      refusals.push({
        message: `locks rows: FOR ${next?.text.toUpperCase()}`,
        hint: 'leave the locking clause out: the plan is the same without it',
      });
    // Of FOR NO KEY UPDATE, which is told already.
    if (isWord(token, 'update') && isWord(previous, 'for', 'key')) continue;
    if (isWord(token, 'insert', 'update', 'delete', 'merge', 'into') && !isWord(previous, 'as'))
      refusals.push({
        message: `would write: ${token.text.toUpperCase()}`,
        hint: `a probe only reads; a column of that name is written "${token.text}"`,
      });
  }
  return refusals;
}

/** Words before a bracket that are grammar and no functions; whatever else stands there is taken for one. */
function calledFunctions(tokens: readonly SqlToken[]): readonly string[] {
  const names = tokens.filter((token, place) => isName(token) && tokens[place + 1]?.text === '(');
  return [...new Set(names.map(({ text }) => text))];
}

/** With effects beyond the transaction, or on others, or that run SQL which nobody here has read. */
const refusedFunctions: readonly (readonly [pattern: RegExp, effect: string])[] = [
  [/^(?:nextval|setval|lastval|currval)$/, 'moves or depends on a sequence of the session'],
  [/^(?:set_config|setseed)$/, 'changes the session'],
  [/^pg_(?:terminate|cancel)_backend$/, 'ends what others do'],
  [/^pg_(?:try_)?advisory_/, 'takes locks that others may wait for'],
  [/^pg_sleep/, 'only waits'],
  [/^(?:pg_notify)$/, 'sends a notification'],
  [
    /^pg_(?:reload_conf|rotate_|switch_|promote|log_|export_snapshot|stat_reset|stat_statements_reset|stat_force|replication_|create_|drop_|copy_|logical_|backup_|start_backup|stop_backup|wal_replay_|sync_|import_|restore_|clear_|set_|prewarm|autoprewarm|nextoid|stop_making|truncate_|buffercache_evict|current_xact_id$|read_file|read_binary_file|ls_|file_|logdir_|logfile_|extension_config)/,
    'acts on the server',
  ],
  [/^(?:txid_current)$/, 'takes a transaction id'],
  [/^(?:lo_|loread$|lowrite$)/, 'works on large objects'],
  [/^(?:dblink|postgres_fdw_|http(?:_|$)|net_)/, 'speaks to other servers'],
  [
    /^(?:query_to_xml|cursor_to_xml|table_to_xml|schema_to_xml|database_to_xml|ts_stat$|ts_rewrite$|crosstab|connectby$|xpath_table$)/,
    'runs SQL of its own',
  ],
  [
    /^(?:brin_summarize_|brin_desummarize_|gin_clean_pending_list$|binary_upgrade_)/,
    'changes an index or the catalogue',
  ],
];

function whyNotCalled(name: string): readonly SqlRefusal[] {
  const effect = refusedFunctions.find(([pattern]) => pattern.test(name))?.[1];
  if (effect === undefined) return [];
  return [
    { message: `calls ${name}(), which ${effect}`, hint: 'a probe only reads tables; leave the call out' },
  ];
}

const uniqueRefusals = (refusals: readonly SqlRefusal[]): readonly SqlRefusal[] => [
  ...new Map(refusals.map((refusal) => [refusal.message, refusal])).values(),
];

function firstRelation(tokens: readonly SqlToken[]): NamedRelation | undefined {
  const own = new Set(
    tokens.filter((token, place) => isName(token) && isCommonTable(tokens, place)).map(({ text }) => text),
  );
  for (const [place, token] of tokens.entries()) {
    if (!isWord(token, 'from', 'join', 'table')) continue;
    const at = isWord(tokens[place + 1], 'only') ? place + 2 : place + 1;
    const [name, mark, rest] = [tokens[at], tokens[at + 1], tokens[at + 2]];
    if (name === undefined || !isName(name) || isWord(name, 'lateral')) continue;
    const isQualified = mark?.text === '.' && rest !== undefined && isName(rest);
    const after = isQualified ? tokens[at + 3] : mark;
    // A function; or `extract(year from created_at)`, whose bracket ends at once.
    if (after?.text === '(' || isInsideCall(tokens, place)) continue;
    if (isQualified) return { schemaname: name.text, relname: rest.text };
    if (!own.has(name.text)) return { schemaname: undefined, relname: name.text };
  }
  return undefined;
}

/** `name as (` and `name (a, b) as (` of a WITH; a table alias is followed by no `as (`. */
function isCommonTable(tokens: readonly SqlToken[], place: number): boolean {
  const previous = tokens[place - 1];
  if (!isWord(previous, 'with', 'recursive') && previous?.text !== ',') return false;
  let at = place + 1;
  if (tokens[at]?.text === '(') {
    while (at < tokens.length && tokens[at]?.text !== ')') at += 1;
    at += 1;
  }
  if (!isWord(tokens[at], 'as')) return false;
  const next = tokens[at + 1];
  return next?.text === '(' || isWord(next, 'materialized', 'not');
}

/** Whether the innermost bracket around a FROM is that of a call, as in `extract(year from a)` and `substring(a from 1)`. */
function isInsideCall(tokens: readonly SqlToken[], place: number): boolean {
  let depth = 0;
  for (let at = place - 1; at >= 0; at -= 1) {
    const text = tokens[at]?.text;
    if (tokens[at]?.kind !== 'mark') continue;
    if (text === ')') depth += 1;
    else if (text === '(') {
      if (depth === 0) return isWord(tokens[at - 1], 'extract', 'substring', 'trim', 'overlay', 'position');
      depth -= 1;
    }
  }
  return false;
}
