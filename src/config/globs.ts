import picomatch from 'picomatch';

/** Names that are watched: those that match a pattern of `include` and none of `exclude`. */
export interface NameFilter {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/** Names are no paths: slashes, leading dots and newlines are letters like any other, on every system. */
const options = {
  dot: true,
  bash: true,
  windows: false,
  nonegate: true,
  strictBrackets: true,
  flags: 's',
} as const;

/** Why a pattern cannot be used, or `undefined`. */
export function globProblem(pattern: string): string | undefined {
  if (pattern === '') return 'is an empty pattern';
  if (pattern.startsWith('!')) return 'is a pattern that begins with !';
  try {
    picomatch(pattern, options);
    return undefined;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.replace(/ - use .*/, '') : String(cause);
    return `is not a pattern: ${why}`;
  }
}

/** A test for names, compiled once from a pattern; upper and lower case count, as in PostgreSQL's catalogue. */
export function matcherOf(pattern: string): (name: string) => boolean {
  const matches = picomatch(pattern, options);
  return (name) => name === pattern || matches(name);
}

/** A test for names, compiled once from a filter. */
export function compileFilter(filter: NameFilter): (name: string) => boolean {
  const include = filter.include.map(matcherOf);
  const exclude = filter.exclude.map(matcherOf);
  return (name) => include.some((matches) => matches(name)) && !exclude.some((matches) => matches(name));
}
