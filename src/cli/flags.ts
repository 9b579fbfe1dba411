import { parseArgs } from 'node:util';
import { redactUrl } from '../config/redact.ts';
import { didYouMean } from '../config/suggest.ts';
import { safeLine } from '../report/text.ts';

/** Something wrong on the command line, told so that it can be mended at once. */
export interface UsageProblem {
  readonly message: string;
  readonly hint?: string;
}

/** One flag of a command. */
export interface Flag {
  /** Without the dashes. */
  readonly name: string;
  readonly short?: string;
  /** What stands for its value in help; a flag without one is a switch. */
  readonly value?: string;
  readonly repeats?: boolean;
  readonly description: string;
  /** What holds without the flag, for help. */
  readonly preset?: string;
  /** Looks at one value; the message completes `--name …`. */
  readonly check?: (text: string) => UsageProblem | undefined;
  /** Not listed in help, for the many that have a place of their own. */
  readonly isHidden?: boolean;
}

/** A command line taken apart. Values are text; each was looked at by its flag's `check`. */
export interface ParsedFlags {
  readonly positionals: readonly string[];
  /** Positionals that are no value of a flag we do not know: naming the flag is enough, and the value may be a password. */
  readonly strays: readonly string[];
  readonly has: (name: string) => boolean;
  readonly value: (name: string) => string | undefined;
  readonly values: (name: string) => readonly string[];
  readonly problems: readonly UsageProblem[];
}

/** Takes `--flag=value`, `--flag value` and `--` apart and finds all problems, not only the first. */
export function parseFlags(argv: readonly string[], flags: readonly Flag[]): ParsedFlags {
  const byName = new Map(flags.map((flag) => [flag.name, flag]));
  const given = new Map<string, string[]>();
  const positionals: string[] = [];
  const strays: string[] = [];
  const problems: UsageProblem[] = [];
  const { tokens } = parseArgs({
    args: [...argv],
    // Not strict: Node.js would stop at the first problem.
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries(
      flags.map(({ name, short, value }) => [
        name,
        {
          type: value === undefined ? ('boolean' as const) : ('string' as const),
          ...(short === undefined ? {} : { short }),
        },
      ]),
    ),
  });
  for (const [place, token] of tokens.entries()) {
    const before = tokens[place - 1];
    const followsUnknown =
      before?.kind === 'option' && !byName.has(before.name) && before.inlineValue === undefined;
    if (token.kind === 'positional') {
      positionals.push(token.value);
      if (!followsUnknown) strays.push(token.value);
    }
    if (token.kind !== 'option') continue;
    const flag = byName.get(token.name);
    const text = flag === undefined ? unknownFlag(token.rawName, byName.keys()) : valueFor(flag, token);
    if (typeof text !== 'string') {
      problems.push(text);
      continue;
    }
    const known = given.get(token.name) ?? [];
    if (known.length > 0 && flag?.repeats !== true && !known.includes(text))
      problems.push({ message: `--${token.name} is given twice, with different values` });
    given.set(token.name, [...known, text]);
  }
  return {
    positionals,
    strays,
    has: (name) => (given.get(name) ?? []).includes('true'),
    value: (name) => given.get(name)?.at(-1),
    values: (name) => given.get(name) ?? [],
    problems,
  };
}

interface OptionToken {
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

/** The value of a flag, `true` for a switch; or what is wrong with it. */
function valueFor(flag: Flag, token: OptionToken): string | UsageProblem {
  if (flag.value === undefined) return switchValue(flag, token.value);
  const text = token.value;
  if (text === undefined) return missingValue(flag);
  // `--url --format json` forgot the address; one that does begin with a dash can be given with `=`.
  if (token.inlineValue !== true && /^-./.test(text)) return missingValue(flag, text);
  const problem = flag.check?.(text);
  return problem === undefined ? text : { ...problem, message: `--${flag.name} ${problem.message}` };
}

function switchValue({ name }: Flag, text: string | undefined): string | UsageProblem {
  if (text === undefined) return 'true';
  if (text === 'true' || text === 'false') return text;
  return { message: `--${name} is a switch and takes no value (found ${shown(text)})` };
}

const missingValue = ({ name, value }: Flag, found?: string): UsageProblem => ({
  message: `--${name} needs a value`,
  hint:
    found === undefined
      ? `--${name} ${value}`
      : `after it comes ${shown(found)}; if that is the value, write --${name}=${safeLine(found)}`,
});

function unknownFlag(rawName: string, known: Iterable<string>): UsageProblem {
  const hint = didYouMean(rawName.replace(/^-+/, ''), known)?.replace("'", "'--");
  return { message: `there is no flag ${safeLine(rawName)}`, ...(hint === undefined ? {} : { hint }) };
}

/** A value as it was typed, on one line, cut where it is long; of a connection string in the wrong place without its password. */
export function shown(text: string): string {
  const line = safeLine(redactUrl(text));
  return `'${line.length > 60 ? `${line.slice(0, 59)}…` : line}'`;
}
