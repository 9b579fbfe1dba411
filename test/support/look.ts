import pg from 'pg';
import { type CommandSettings, loadConfig } from '../../src/config/load.ts';
import { formatConfigError } from '../../src/config/problems.ts';
import { detectors } from '../../src/detectors/index.ts';
import type { Generation } from '../../src/findings/generation.ts';
import type { Finding, FindingKind } from '../../src/model/finding.ts';
import { checkOnce } from '../../src/watch/check.ts';
import { declarations } from '../../src/watch/declarations.ts';

/** Logs nothing. */
export const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export interface LookOptions extends Omit<CommandSettings, 'url' | 'urlFile'> {
  readonly only?: readonly FindingKind[];
  /** The configuration file's content, in place of `url`. */
  readonly document?: Readonly<Record<string, unknown>>;
}

/** One look at one database, as `indexwarden check` takes it. Judges usage by what there is unless told otherwise. */
export async function look(url: string, options: LookOptions = {}): Promise<Generation> {
  const { only = [], document, ...command } = options;
  const loaded = loadConfig({
    ...declarations,
    env: {},
    ...(document === undefined ? {} : { document }),
    command: { unusedAfter: '0d', ...(document === undefined ? { url } : {}), ...command },
  });
  if (!loaded.ok) throw new Error(formatConfigError(loaded.error));
  const generations = await checkOnce({
    config: loaded.value.config,
    detectors,
    only,
    docsBaseUrl: '/docs',
    log: quiet,
    signal: new AbortController().signal,
  });
  const [generation] = generations;
  if (generation === undefined) throw new Error('nothing was looked at');
  return generation;
}

/** `kind schema.name` of each finding, sorted; `name` is the index's or else the table's. */
export const summaries = (findings: readonly Finding[]): readonly string[] =>
  findings
    .map(({ kind, schemaname, indexrelname, relname }) => `${kind} ${schemaname}.${indexrelname ?? relname}`)
    .sort();

/** The findings of one kind about one schema, by index or table name. */
export const named = (
  generation: Generation,
  kind: FindingKind,
  schemaname: string,
): ReadonlyMap<string, Finding> =>
  new Map(
    generation.findings
      .filter((finding) => finding.kind === kind && finding.schemaname === schemaname)
      .map((finding) => [finding.indexrelname ?? finding.relname, finding]),
  );

/** Splits printed SQL into its statements, as psql does: at semicolons outside quotes and dollar quotes. */
export function statementsOf(sql: string): readonly string[] {
  const statements: string[] = [];
  let start = 0;
  const pattern = /'(?:[^']|'')*'|"(?:[^"]|"")*"|\$indexwarden\$[\s\S]*?\$indexwarden\$|--[^\n]*|;/g;
  for (const match of sql.matchAll(pattern)) {
    if (match[0] !== ';') continue;
    statements.push(sql.slice(start, match.index).trim());
    start = match.index + 1;
  }
  return [...statements, sql.slice(start).trim()].filter(
    (statement) => statement.replace(/--[^\n]*/g, '').trim() !== '',
  );
}

/** Runs printed SQL as it stands, in one connection, statement by statement. */
export async function runPrinted(
  url: string,
  ...scripts: readonly (string | null)[]
): Promise<readonly pg.QueryResult[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const results: pg.QueryResult[] = [];
    for (const script of scripts) {
      for (const statement of statementsOf(script ?? '')) results.push(await client.query(statement));
    }
    return results;
  } finally {
    await client.end();
  }
}
