import { filesBelow, readText } from './repository.ts';
import { type LogEntry, readLog } from './server-log.ts';

/** One statement that a program of ours sent, as the server logged it. */
export interface LoggedStatement {
  readonly pid: number;
  readonly text: string;
  /** What the log shows of its parameters, in order; null for NULL. */
  readonly values: readonly (string | null)[];
  /** Whether its transaction had an id then, or at any later time. */
  hasXid: boolean;
  /** Temporary files that were written until the next statement of the same process. */
  temporaryFiles: number;
  /** What it is: a file of queries/, or the words of a session. */
  readonly kind: StatementKind;
}

export type StatementKind =
  | { readonly kind: 'query'; readonly file: string }
  | { readonly kind: 'begin' | 'end' | 'pooler' | 'probe setting' | 'probe plan' | 'probe run' }
  | { readonly kind: 'unknown' };

/** What is said of one kind in the table. */
export function nameOf(kind: StatementKind): string {
  switch (kind.kind) {
    case 'query':
      return `\`${kind.file}\``;
    case 'begin':
      return 'begin read only, with local settings';
    case 'end':
      return 'rollback';
    case 'pooler':
      return 'whether a pooler answers';
    case 'probe setting':
      return 'local settings of a probe';
    case 'probe plan':
      return 'explain of a probe';
    case 'probe run':
      return 'explain (analyze) of a probe';
    case 'unknown':
      return 'unknown';
  }
}

/** The statements of one application in a server's log, in order. */
export async function statementsIn(file: string, application: string): Promise<readonly LoggedStatement[]> {
  return gather((await readLog(file)).filter((entry) => entry.application === application));
}

function gather(entries: readonly LogEntry[]): readonly LoggedStatement[] {
  const kindOf = kinds();
  const statements: LoggedStatement[] = [];
  const newest = new Map<number, LoggedStatement>();
  for (const { pid, xid, level, text } of entries) {
    const last = newest.get(pid);
    const sent =
      level === 'LOG' ? /^(?:statement|execute [^:]*): ([\s\S]*)$/.exec(text)?.[1]?.trim() : undefined;
    if (xid !== 0 && last !== undefined) last.hasXid = true;
    if (sent !== undefined) {
      const statement = {
        pid,
        text: sent,
        values: [],
        hasXid: xid !== 0,
        temporaryFiles: 0,
        kind: kindOf(sent),
      };
      statements.push(statement);
      newest.set(pid, statement);
    } else if (last !== undefined && text.startsWith('temporary file:')) {
      last.temporaryFiles += 1;
    } else if (last !== undefined && level === 'DETAIL' && /^parameters:/i.test(text)) {
      Object.assign(last, { values: parametersIn(text) });
    }
  }
  return statements;
}

const parametersIn = (text: string): readonly (string | null)[] =>
  [...text.matchAll(/\$\d+ = (?:(NULL)|'((?:[^']|'')*)')/g)].map(([, none, value = '']) =>
    none === undefined ? value.replaceAll("''", "'") : null,
  );

const begin =
  /^begin read only;\s+set local statement_timeout = \d+;\s+set local lock_timeout = \d+;(?:\s+set local \w+ = \w+;?)+$/;
const probeSetting =
  /^(?:set local \w+ (?:=|to) (?:"?\w+"?|default)|savepoint probe|rollback to savepoint probe)$/;

/** Knows the statements by the very text of the files; `{schema}` stands for a name of any schema. */
function kinds(): (text: string) => StatementKind {
  const files = filesBelow('queries').map((file) => ({
    file: file.slice('queries/'.length),
    text: readText(file).trim(),
  }));
  const exact = new Map(files.map(({ file, text }) => [text, file]));
  const inSchema = files
    .filter(({ text }) => text.includes('{schema}'))
    .map(({ file, text }) => ({
      file,
      pattern: new RegExp(`^${text.split('{schema}').map(escaped).join('(?:\\w+|"(?:[^"]|"")+")')}$`),
    }));
  return (text) => {
    if (begin.test(text)) return { kind: 'begin' };
    if (text === 'rollback') return { kind: 'end' };
    if (text === 'begin read only; select pg_catalog.pg_backend_pid(); rollback') return { kind: 'pooler' };
    if (probeSetting.test(text)) return { kind: 'probe setting' };
    if (text.startsWith('explain (verbose, format json) ')) return { kind: 'probe plan' };
    if (text.startsWith('explain (analyze, verbose, ')) return { kind: 'probe run' };
    const file = exact.get(text) ?? inSchema.find(({ pattern }) => pattern.test(text))?.file;
    return file === undefined ? { kind: 'unknown' } : { kind: 'query', file };
  };
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Statements that were sent outside of a transaction that began read-only with settings of its own. */
export function outsideTransactions(statements: readonly LoggedStatement[]): readonly string[] {
  const inside = new Set<number>();
  const outside: string[] = [];
  for (const { pid, kind, text } of statements) {
    if (kind.kind === 'begin') {
      if (inside.has(pid)) outside.push(`begin in a transaction of process ${pid}`);
      inside.add(pid);
    } else if (kind.kind === 'end') inside.delete(pid);
    else if (kind.kind !== 'pooler' && !inside.has(pid)) outside.push(text);
  }
  return outside;
}
