import { type SqlToken, sqlTokens, whyNotImmutable } from '../analysis/sql-tokens.ts';
import type { Expectation, ExpectedKey } from '../model/expectation.ts';
import { err, ok, type Result } from '../model/result.ts';
import {
  ExpectedIndex,
  type ExpectedIndexEntry,
  type ManifestKeyEntry,
  ManifestSchema,
} from './manifest-schema.ts';
import { formatPath, type Problem, showValue } from './problems.ts';
import { type LocatedProblem, problemsOf } from './validation.ts';
import { parseYaml } from './yaml-file.ts';

/**
 * Reads a manifest of expected indexes. Everything that can be told without a database is found here, all at once, each with its
 * path, line, value and a hint: keys, duplicate names, conditions that no index can have.
 */
export function parseManifest(
  text: string,
  name: string,
): Result<readonly Expectation[], readonly Problem[]> {
  const yaml = parseYaml(text);
  const at = (path: string): string => (path === '' ? name : `${name}: ${path}`);
  if (!yaml.ok) {
    // A hint about the configuration's own keys helps nobody here.
    return err(
      yaml.error.map(({ hint, ...problem }) => ({
        ...problem,
        path: at(problem.path),
        ...(hint === undefined || hint.includes('servers:') ? {} : { hint }),
      })),
    );
  }
  const { content, lineOf } = yaml.value;
  const parsed = ManifestSchema.safeParse(content);
  // Entries that are well formed are looked at whatever is wrong with others: all problems are told at once.
  const listed = Array.isArray(content.indexes) ? content.indexes : [];
  const entries = listed.map((entry) => ExpectedIndex.safeParse(entry).data);
  const schema = typeof content.schema === 'string' ? content.schema : 'public';
  const found = [
    ...(parsed.success ? [] : problemsOf(ManifestSchema, content, parsed.error.issues)),
    ...meaninglessIn(entries, schema),
  ];
  if (!parsed.success || found.length > 0)
    return err(
      found
        .map(({ steps, ...problem }): Problem => {
          const line = lineOf(steps);
          return { ...problem, path: at(problem.path), ...(line === undefined ? {} : { line }) };
        })
        .sort((a, b) => (a.line ?? 0) - (b.line ?? 0)),
    );
  return ok(parsed.data.indexes.map((entry) => expectationOf(entry, parsed.data.schema, name)));
}

function expectationOf(entry: ExpectedIndexEntry, schema: string, manifest: string): Expectation {
  const { name, table, method, columns, include, predicate, unique, nullsNotDistinct } = entry;
  const { priority, phase, reason, expectedGain, queries, alternatives } = entry;
  return {
    name,
    schemaname: entry.schema ?? schema,
    relname: table,
    method,
    keys: columns.map(keyOf),
    include,
    ...(predicate === undefined ? {} : { predicate: onOneLine(predicate) }),
    isUnique: unique,
    nullsNotDistinct,
    priority,
    ...(phase === undefined ? {} : { phase }),
    ...(reason === undefined ? {} : { reason }),
    ...(expectedGain === undefined ? {} : { expectedGain }),
    queries,
    alternatives,
    manifest,
  };
}

/** Newlines of a YAML block outside of literals; a literal with a newline in it stays as it is. */
const onOneLine = (sql: string): string => (sql.includes("'") ? sql.trim() : sql.trim().replace(/\s+/g, ' '));

function keyOf(entry: ManifestKeyEntry): ExpectedKey {
  const { column, expression, order, nulls, opclass, collation } =
    typeof entry === 'string' ? shortKey(entry) : entry;
  const isDescending = order === 'desc';
  return {
    kind: expression === undefined ? 'column' : 'expression',
    text: column ?? onOneLine(expression ?? ''),
    isDescending,
    isNullsFirst: nulls === undefined ? isDescending : nulls === 'first',
    ...(opclass === undefined ? {} : { operatorClass: opclass }),
    ...(collation === undefined ? {} : { collation }),
  };
}

/** `created_at desc nulls last` */
function shortKey(text: string): Exclude<ManifestKeyEntry, string> {
  const match = /^(.*?)(?:\s+(asc|desc))?(?:\s+nulls\s+(first|last))?$/is.exec(text.trim());
  const order = match?.[2]?.toLowerCase();
  const nulls = match?.[3]?.toLowerCase();
  return {
    column: match?.[1] ?? text,
    ...(order === 'asc' || order === 'desc' ? { order } : {}),
    ...(nulls === 'first' || nulls === 'last' ? { nulls } : {}),
  };
}

type Note = (steps: readonly PropertyKey[], value: unknown, message: string, hint?: string) => void;

/** What the schema lets through and PostgreSQL would not. */
function meaninglessIn(
  entries: readonly (ExpectedIndexEntry | undefined)[],
  schema: string,
): readonly LocatedProblem[] {
  const problems: LocatedProblem[] = [];
  const note: Note = (steps, value, message, hint) => {
    problems.push({
      steps,
      path: formatPath(steps),
      message,
      ...(value === undefined ? {} : { value: showValue(value) }),
      ...(hint === undefined ? {} : { hint }),
    });
  };
  const names = new Map<string, number>();
  for (const [place, entry] of entries.entries()) {
    if (entry === undefined) continue;
    const steps = ['indexes', place];
    const name = `${entry.schema ?? schema}.${entry.name}`;
    const before = names.get(name);
    if (before !== undefined)
      note(
        [...steps, 'name'],
        entry.name,
        `indexes[${before}] has this name already`,
        'names must be unique in a schema',
      );
    names.set(name, before ?? place);
    if (Buffer.byteLength(entry.name) > 63)
      note([...steps, 'name'], entry.name, 'is longer than 63 bytes', 'PostgreSQL would cut it');
    noteKeys(entry, steps, note);
    noteMethod(entry, steps, note);
    if (entry.predicate !== undefined) noteExpression(entry.predicate, [...steps, 'predicate'], note);
  }
  noteGroups(entries, schema, note);
  return problems;
}

function noteKeys({ columns, include }: ExpectedIndexEntry, steps: readonly PropertyKey[], note: Note): void {
  const seen = new Set<string>();
  for (const [place, key] of columns.entries()) {
    const at = [...steps, 'columns', place];
    if (typeof key !== 'string' && (key.column === undefined) === (key.expression === undefined)) {
      note(at, undefined, 'has neither a column nor an expression, or both', 'give one of the two');
      continue;
    }
    if (typeof key !== 'string' && key.expression !== undefined)
      noteExpression(key.expression, [...at, 'expression'], note);
    if (typeof key === 'string' && /[()]/.test(key))
      note(at, key, 'is no column', 'an expression is written as a group: {expression: lower(email)}');
    const { text } = keyOf(key);
    if (seen.has(text))
      note(at, text, 'stands in the keys already', 'a column twice in an index does nothing');
    seen.add(text);
  }
  for (const [place, column] of include.entries()) {
    if (seen.has(column))
      note(
        [...steps, 'include', place],
        column,
        'stands in the index already',
        'what is a key need not be carried',
      );
    seen.add(column);
  }
}

const ordered = 'only B-trees are ordered; leave order and nulls out';

function noteMethod(entry: ExpectedIndexEntry, steps: readonly PropertyKey[], note: Note): void {
  const { method, columns, include, unique, nullsNotDistinct } = entry;
  if (nullsNotDistinct && !unique)
    note(
      [...steps, 'nullsNotDistinct'],
      true,
      'means nothing without unique',
      'say unique: true, or leave it out',
    );
  if (method === 'btree') return;
  if (unique) note([...steps, 'unique'], true, `cannot be kept by ${method}`, 'only B-trees can be unique');
  if (include.length > 0 && method !== 'gist' && method !== 'spgist')
    note([...steps, 'include'], undefined, `${method} indexes carry no columns`, 'btree, gist and spgist do');
  if (columns.length > 1 && (method === 'hash' || method === 'spgist'))
    note(
      [...steps, 'columns'],
      undefined,
      `${method} indexes have one key`,
      'make one index for each column',
    );
  for (const [place, key] of columns.entries()) {
    const { order, nulls } = typeof key === 'string' ? shortKey(key) : key;
    if (order !== undefined || nulls !== undefined)
      note([...steps, 'columns', place], key, `has an order, and ${method} has none`, ordered);
  }
}

function noteExpression(sql: string, steps: readonly PropertyKey[], note: Note): void {
  const read = sqlTokens(sql);
  if ('problem' in read) {
    note(steps, sql, read.problem, 'write one SQL expression and nothing else');
    return;
  }
  const { tokens } = read;
  if (tokens[0]?.text === 'where') note(steps, sql, 'begins with WHERE', 'leave the word out');
  if (isList(tokens)) note(steps, sql, 'is more than one expression', 'make each a key of its own');
  const last = tokens.at(-1);
  if (last?.kind === 'name' && (last.text === 'asc' || last.text === 'desc'))
    note(steps, sql, 'ends in a sort order', 'the order has a key of its own: order: desc');
  const found = whyNotImmutable(tokens);
  if (found === undefined) return;
  note(
    steps,
    sql,
    `${found.part} ${found.reason}: PostgreSQL takes only immutable expressions into an index`,
    found.reason === 'depends on the time of day'
      ? 'compare with a fixed moment and move it from time to time, partition by time, or leave the condition out'
      : 'compare with a constant, or leave it out',
  );
}

/** Whether there is a comma outside of all brackets. */
function isList(tokens: readonly SqlToken[]): boolean {
  let depth = 0;
  return tokens.some(({ kind, text }) => {
    if (kind !== 'mark') return false;
    if (text === '(' || text === '[') depth += 1;
    else if (text === ')' || text === ']') depth -= 1;
    return text === ',' && depth === 0;
  });
}

function noteGroups(entries: readonly (ExpectedIndexEntry | undefined)[], schema: string, note: Note): void {
  const groups = new Map<string, { readonly place: number; readonly at: number; readonly table: string }[]>();
  for (const [place, entry] of entries.entries()) {
    for (const [at, group] of (entry?.alternatives ?? []).entries()) {
      if (entry === undefined) continue;
      const members = groups.get(group) ?? [];
      members.push({ place, at, table: `${entry.schema ?? schema}.${entry.table}` });
      groups.set(group, members);
    }
  }
  for (const [group, members] of groups) {
    const [first, ...others] = members;
    if (first === undefined) continue;
    const steps = ['indexes', first.place, 'alternatives', first.at];
    // The other member may be the one that is malformed.
    if (others.length === 0 && !entries.includes(undefined))
      note(steps, group, 'is a group of one', 'name the group at its other members, too, or leave it out');
    for (const { place, at, table } of others)
      if (table !== first.table)
        note(
          ['indexes', place, 'alternatives', at],
          group,
          `has a member on ${first.table}, too`,
          'alternatives stand in for each other on one table',
        );
  }
}
