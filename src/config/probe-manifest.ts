import { namesIn, type ProbeSql, readProbeSql, withParameterTypes } from '../analysis/probe-sql.ts';
import type { Probe, ProbeValue, RelationName } from '../model/probe.ts';
import { err, ok, type Result } from '../model/result.ts';
import { type ParameterEntry, ProbeEntry, ProbesSchema } from './probe-schema.ts';
import { formatPath, type Problem, showValue } from './problems.ts';
import { type LocatedProblem, problemsOf } from './validation.ts';
import { parseYaml } from './yaml-file.ts';

/**
 * Reads a manifest of probes. Everything that can be told without a database is found here, all at once, each with its path, line
 * and a hint: what would write, parameters that do not fit, duplicate names.
 */
export function parseProbes(text: string, name: string): Result<readonly Probe[], readonly Problem[]> {
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
  const parsed = ProbesSchema.safeParse(content);
  // Entries that are well formed are looked at whatever is wrong with others: all problems are told at once.
  const listed = Array.isArray(content.probes) ? content.probes : [];
  const entries = listed.map((entry) => ProbeEntry.safeParse(entry).data);
  const schema = typeof content.schema === 'string' ? content.schema : 'public';
  const read = entries.map((entry, place) =>
    entry === undefined ? undefined : readEntry(entry, place, schema),
  );
  const found = [
    ...(parsed.success ? [] : problemsOf(ProbesSchema, content, parsed.error.issues)),
    ...read.flatMap((one) => one?.problems ?? []),
    ...repeatedNames(entries),
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
  return ok(read.flatMap((one) => (one?.probe === undefined ? [] : [{ ...one.probe, manifest: name }])));
}

interface ReadEntry {
  readonly probe: Omit<Probe, 'manifest'> | undefined;
  readonly problems: readonly LocatedProblem[];
}

type Note = (steps: readonly PropertyKey[], value: unknown, message: string, hint: string) => void;

function readEntry(entry: ProbeEntry, place: number, schema: string): ReadEntry {
  const problems: LocatedProblem[] = [];
  const note: Note = (inside, value, message, hint) => {
    const steps = ['probes', place, ...inside];
    problems.push({
      steps,
      path: formatPath(steps),
      message,
      ...(value === undefined ? {} : { value: showValue(value) }),
      hint,
    });
  };
  const sql = readProbeSql(entry.sql);
  if ('refusals' in sql) {
    for (const { message, hint } of sql.refusals) note(['sql'], entry.sql, message, hint);
    return { probe: undefined, problems };
  }
  const parameters = valuesOf(entry, sql.query, note);
  const table = tableOf(entry, sql.query, schema, note);
  const pageMs = pageOf(entry, note);
  if (problems.length > 0 || table === undefined) return { probe: undefined, problems };
  const { name, description, target, acceptPlan } = entry;
  const { tokens } = sql.query;
  const types = entry.parameters.map(({ type }) => type);
  const expected = typeof entry.expectIndex === 'string' ? [entry.expectIndex] : entry.expectIndex;
  return {
    problems,
    probe: {
      name,
      ...(description === undefined ? {} : { description }),
      sql: withParameterTypes(entry.sql, tokens, types),
      parameters,
      schemaname: schema,
      table,
      expectIndexes: expected.map((choice) => (typeof choice === 'string' ? [choice] : choice)),
      noSequentialScanOn: entry.noSequentialScanOn.map((one) => relationOf(one, schema)),
      ...(target === undefined ? {} : { targetMs: target.ms }),
      ...(pageMs === undefined ? {} : { pageMs }),
      schedule: entry.schedule,
      isAnalyzed: entry.analyze,
      ...(acceptPlan === undefined ? {} : { acceptPlan }),
      names: namesIn(tokens),
      functions: sql.query.functions,
    },
  };
}

function pageOf({ target, page, analyze }: ProbeEntry, note: Note): number | undefined {
  if (target !== undefined && !analyze)
    note(
      ['target'],
      undefined,
      'would never be judged: the probe is only planned, and a cost is no time',
      'say analyze: true, or leave the target out',
    );
  if (page === undefined || page === false) return undefined;
  if (target === undefined) {
    note(['page'], undefined, 'has no target beside it', 'say from when on it is slow: target: 200ms');
    return undefined;
  }
  if (page === true) return 2 * target.ms;
  if (page.ms <= target.ms)
    note(
      ['page'],
      undefined,
      'is not above the target',
      'a page is for much worse than slow: twice the target',
    );
  return page.ms;
}

function tableOf(
  { table }: ProbeEntry,
  { firstRelation }: ProbeSql,
  schema: string,
  note: Note,
): RelationName | undefined {
  if (table !== undefined) return relationOf(table, schema);
  if (firstRelation !== undefined)
    return { schemaname: firstRelation.schemaname ?? schema, relname: firstRelation.relname };
  note(['sql'], undefined, 'names no table after FROM', 'say which table findings belong to: table: orders');
  return undefined;
}

/** `schema.table` or `table`. Names that hold a dot cannot be written here. */
function relationOf(text: string, schema: string): RelationName {
  const dot = text.indexOf('.');
  return dot < 0
    ? { schemaname: schema, relname: text }
    : { schemaname: text.slice(0, dot), relname: text.slice(dot + 1) };
}

/** A type's name: words, a schema before it, brackets for an array behind it. What stands there goes into the SQL. */
const typePattern = /^[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)?(?: [a-z]+){0,3}(?:\[\])?$/;

function valuesOf(entry: ProbeEntry, query: ProbeSql, note: Note): readonly ProbeValue[] {
  const { parameters } = entry;
  if (query.parameters > parameters.length)
    note(
      ['parameters'],
      undefined,
      `has ${parameters.length} entries, and the query asks for $${query.parameters}`,
      'give a type and a value for each, in order',
    );
  for (const place of parameters.keys())
    if (!query.tokens.some(({ kind, text }) => kind === 'parameter' && text === `$${place + 1}`))
      note(
        ['parameters', place],
        undefined,
        `belongs to $${place + 1}, which the query does not have`,
        'leave it out',
      );
  return parameters.map((parameter, place) => sentValue(parameter, ['parameters', place], note));
}

function sentValue(parameter: ParameterEntry, steps: readonly PropertyKey[], note: Note): ProbeValue {
  const { type, value, ago } = parameter;
  if (!typePattern.test(type))
    note(
      [...steps, 'type'],
      type,
      'is no name of a type',
      'as in the catalogue, lower case, without length: numeric, text[], app.mood',
    );
  if ((value === undefined) === (ago === undefined))
    note(
      steps,
      undefined,
      'has neither a value nor ago, or both',
      'give one of the two; NULL is value: null',
    );
  if (ago !== undefined) {
    if (!/^(?:date|timestamp)/.test(type))
      note([...steps, 'ago'], undefined, `is no ${type}`, 'it is for date, timestamp and timestamptz');
    return { kind: 'ago', ms: ago.ms };
  }
  const wrong = value === undefined ? undefined : whyWrong(type, value);
  if (wrong !== undefined) note([...steps, 'value'], value, `is no ${type}`, wrong);
  return { kind: 'fixed', text: value === undefined ? null : textOf(type, value) };
}

type Value = NonNullable<ParameterEntry['value']> | null;

const uuid = /^[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}$/i;
const shapes: ReadonlyMap<string, readonly [RegExp, string]> = new Map<string, readonly [RegExp, string]>([
  ['uuid', [uuid, 'like 550e8400-e29b-41d4-a716-446655440000']],
  ...['smallint', 'integer', 'int', 'bigint', 'int2', 'int4', 'int8'].map(
    (type) => [type, [/^[+-]?\d+$/, 'a whole number']] as const,
  ),
  ...['numeric', 'real', 'double precision', 'float4', 'float8'].map(
    (type) => [type, [/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i, 'a number']] as const,
  ),
  ...['boolean', 'bool'].map((type) => [type, [/^(?:true|false)$/, 'true or false']] as const),
]);

/** How the value should look; undefined where it does, or where only the server knows. */
function whyWrong(type: string, value: Value): string | undefined {
  if (value === null) return undefined;
  const isJson = type === 'json' || type === 'jsonb';
  if (type.endsWith('[]')) {
    if (!Array.isArray(value)) return typeof value === 'string' ? undefined : 'an array is a list: [1, 2]';
    return value.map((member) => whyWrong(type.slice(0, -2), member)).find((wrong) => wrong !== undefined);
  }
  if (typeof value === 'object')
    return isJson ? undefined : 'only arrays are lists, and only JSON is a group';
  const [pattern, hint] = shapes.get(type) ?? [];
  return pattern === undefined || pattern.test(String(value)) ? undefined : hint;
}

/** The value in PostgreSQL's text form, as a driver would send it. */
function textOf(type: string, value: Value): string | null {
  if (value === null) return null;
  if ((type === 'json' || type === 'jsonb') && typeof value !== 'string') return JSON.stringify(value);
  if (Array.isArray(value)) return `{${value.map(elementText).join(',')}}`;
  return String(value);
}

const elementText = (member: string | number | boolean | null): string =>
  member === null ? 'NULL' : `"${String(member).replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;

function repeatedNames(entries: readonly (ProbeEntry | undefined)[]): readonly LocatedProblem[] {
  const seen = new Map<string, number>();
  return entries.flatMap((entry, place) => {
    if (entry === undefined) return [];
    const before = seen.get(entry.name);
    seen.set(entry.name, before ?? place);
    if (before === undefined) return [];
    const steps = ['probes', place, 'name'];
    return [
      {
        steps,
        path: formatPath(steps),
        value: showValue(entry.name),
        message: `probes[${before}] has this name already`,
        hint: 'names of probes must be unique in a database',
      },
    ];
  });
}
