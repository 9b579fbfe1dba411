import { z } from 'zod';
import { type Finding, findingKinds, severities } from '../../../model/finding.ts';
import { err, ok, type Result } from '../../../model/result.ts';

/*
 * What a list of findings is asked for by. The address holds all of it, so that it can be kept, sent and linked to.
 */

export const sorts = ['benefit', 'severity', 'size', 'age'] as const;
export type Sort = (typeof sorts)[number];
export const states = ['open', 'muted', 'resolved', 'any'] as const;
export const origins = ['baseline', 'new'] as const;

const anyText = z.string().max(256, { error: 'is longer than any name' });
const severity = z.enum(severities);
const kind = z.enum(findingKinds);

export interface AskedFindings {
  readonly server: readonly string[];
  readonly datname: readonly string[];
  readonly schemaname: readonly string[];
  readonly relname: readonly string[];
  readonly kind: readonly string[];
  readonly severity: readonly string[];
  readonly origin: readonly string[];
  readonly state: (typeof states)[number];
  /** Part of a title or name, without regard to case. */
  readonly text: string;
  readonly sort: Sort;
  readonly isGrouped: boolean;
  readonly cursor: string | undefined;
  /** Whether anything but the order was chosen. */
  readonly isFiltered: boolean;
}

const repeatable = {
  server: anyText,
  datname: anyText,
  schemaname: anyText,
  relname: anyText,
  kind,
  severity,
  origin: z.enum(origins),
} as const;
const single = {
  state: z.enum(states),
  text: anyText,
  sort: z.enum(sorts),
  group: z.enum(['table', 'none']),
  cursor: z.string().max(4096),
} as const;
const valuesMax = 32;

/** Reads the query of a list; the error says what is wrong with it, for the reader. What is left empty was not asked for. */
export function readAsked(query: URLSearchParams): Result<AskedFindings, string> {
  const problems: string[] = [];
  const lists: Record<string, readonly string[]> = {};
  for (const [name, allowed] of Object.entries(repeatable)) {
    const values = query.getAll(name).filter((value) => value !== '');
    if (values.length > valuesMax) problems.push(`${name} may be given ${valuesMax} times at most`);
    problems.push(...values.slice(0, valuesMax).flatMap((value) => problemOf(name, allowed, value)));
    lists[name] = values;
  }
  const words: Record<string, string | undefined> = {};
  for (const [name, allowed] of Object.entries(single)) {
    const values = query.getAll(name).filter((value) => value !== '');
    if (values.length > 1) problems.push(`${name} may be given once`);
    problems.push(...values.slice(0, 1).flatMap((value) => problemOf(name, allowed, value)));
    words[name] = values[0];
  }
  const known = new Set([...Object.keys(repeatable), ...Object.keys(single)]);
  for (const name of new Set(query.keys()))
    if (!known.has(name)) problems.push(`nothing is called ${JSON.stringify(name.slice(0, 60))} here`);
  if (problems.length > 0) return err(problems.slice(0, 5).join('; '));
  const listOf = (name: keyof typeof repeatable): readonly string[] => lists[name] ?? [];
  return ok({
    server: listOf('server'),
    datname: listOf('datname'),
    schemaname: listOf('schemaname'),
    relname: listOf('relname'),
    kind: listOf('kind'),
    severity: listOf('severity'),
    origin: listOf('origin'),
    state: states.find((state) => state === words.state) ?? 'open',
    text: words.text ?? '',
    sort: sorts.find((sort) => sort === words.sort) ?? 'benefit',
    isGrouped: words.group === 'table',
    cursor: words.cursor,
    isFiltered:
      Object.values(lists).some((values) => values.length > 0) ||
      words.state !== undefined ||
      words.text !== undefined,
  });
}

function problemOf(name: string, allowed: z.ZodType, value: string): readonly string[] {
  const [issue] = allowed.safeParse(value).error?.issues ?? [];
  if (issue === undefined) return [];
  if (issue.code === 'invalid_value') return [`${name} must be one of ${issue.values.join(', ')}`];
  return [`${name} ${issue.message}`];
}

/** The query without what is left empty, which forms send; the address of one list is always the same. */
export const withoutEmpty = (query: URLSearchParams): URLSearchParams =>
  new URLSearchParams([...query].filter(([, value]) => value !== ''));

/** The same list with something else about it; `cursor` never survives, since it belongs to one list. */
export function changed(
  query: URLSearchParams,
  changes: Readonly<Record<string, string | undefined>>,
): URLSearchParams {
  const next = withoutEmpty(query);
  next.delete('cursor');
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) next.delete(name);
    else next.set(name, value);
  }
  return next;
}

/** Whether a finding is one of those that are asked for. */
export function admits(asked: AskedFindings): (finding: Finding) => boolean {
  const text = asked.text.toLowerCase();
  const isOneOf = (values: readonly string[], value: string): boolean =>
    values.length === 0 || values.includes(value);
  return (finding) =>
    (asked.state === 'any' || finding.state === asked.state) &&
    isOneOf(asked.severity, finding.severity) &&
    isOneOf(asked.kind, finding.kind) &&
    isOneOf(asked.origin, finding.origin) &&
    isOneOf(asked.server, finding.server) &&
    isOneOf(asked.datname, finding.datname) &&
    isOneOf(asked.schemaname, finding.schemaname) &&
    isOneOf(asked.relname, finding.relname) &&
    (text === '' || textOf(finding).includes(text));
}

const textOf = ({ id, kind, title, schemaname, relname, indexrelname }: Finding): string =>
  `${title}\n${schemaname}.${relname}.${indexrelname ?? ''}\n${kind}\n${id}`.toLowerCase();
