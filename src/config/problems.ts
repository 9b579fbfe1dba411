/** One thing wrong with the configuration, told so that it can be mended without reading our source. */
export interface Problem {
  /** Where: `servers[1].primary.url_file`; empty for the file as a whole. */
  readonly path: string;
  /** What stands there, already redacted; left out where there is nothing to show. */
  readonly value?: string;
  readonly message: string;
  readonly hint?: string;
  /** Where the value came from, if not from the file: `--http.listen`, `INDEXWARDEN_HTTP_LISTEN`. */
  readonly source?: string;
  /** Line in the configuration file, where known; the first is 1. */
  readonly line?: number;
}

/** The configuration cannot be used; every problem found, in the order of the file. The CLI exits with 2. */
export interface ConfigError {
  readonly kind: 'ConfigError';
  readonly file?: string;
  readonly problems: readonly Problem[];
}

/** All problems as a person reads them, one paragraph each; no trailing newline, no secrets. */
export function formatConfigError(error: ConfigError): string {
  const count = error.problems.length;
  const where = error.file === undefined ? 'the configuration' : error.file;
  const head = `${where}: ${count} ${count === 1 ? 'problem' : 'problems'}`;
  return [head, ...error.problems.map(formatProblem)].join('\n');
}

function formatProblem(problem: Problem): string {
  const at = [
    problem.path === '' ? undefined : problem.path,
    problem.source === undefined ? undefined : `(from ${problem.source})`,
    problem.line === undefined ? undefined : `(line ${problem.line})`,
  ].filter((part) => part !== undefined);
  const place = at.length === 0 ? '' : `${at.join(' ')}: `;
  const value = problem.value === undefined ? '' : `\n      found: ${problem.value}`;
  const hint = problem.hint === undefined ? '' : `\n      hint: ${problem.hint}`;
  return `  - ${place}${problem.message}${value}${hint}`;
}

/** `servers[1].primary.url`; keys that are not plain words are quoted: `detectors["a b"]`. */
export function formatPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[\w-]+$/.test(String(step))) text += text === '' ? String(step) : `.${String(step)}`;
    else text += `[${JSON.stringify(String(step))}]`;
  }
  return text;
}

/** A value on one line, cut at a length that a terminal bears. */
export function showValue(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
