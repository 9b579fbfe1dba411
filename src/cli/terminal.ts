/** The part of `process.stdout` that the command line needs. */
export interface TerminalStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Whether to colour what goes to a stream. FORCE_COLOR decides where it is set, as in Node.js (`0` and `false` are
 * off); then NO_COLOR (no-color.org: any non-empty value), a dumb terminal, and a stream that is none are off.
 */
export function hasColour(stream: TerminalStream, env: Env): boolean {
  const forced = env.FORCE_COLOR;
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false;
  return stream.isTTY === true && env.TERM !== 'dumb';
}

/** For files and pipes, which have no width. */
const widthOfNoTerminal = 100;
/** A terminal that does not say, and the bounds between which the layout reads well. */
const widthOfTerminal = 80;
const narrowest = 60;
const widest = 200;

/** Columns to lay text out for. */
export function widthOf(stream: TerminalStream): number {
  if (stream.isTTY !== true) return widthOfNoTerminal;
  const columns = stream.columns === undefined || stream.columns <= 0 ? widthOfTerminal : stream.columns;
  return Math.min(widest, Math.max(narrowest, columns));
}
