import type { CommandContext, Commands } from './commands.ts';
import type { ExitCode } from './exit-codes.ts';
import { type Flag, type ParsedFlags, shown, type UsageProblem } from './flags.ts';

/** A command as the command line knows it: its words, its flags, and what it does once they are in order. */
export interface CommandSpec {
  /** One word or two: `check`, `config example`. */
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What stands behind the name in the usage line. */
  readonly usage: string;
  /** Paragraphs below the usage line. */
  readonly about: readonly string[];
  readonly flags: readonly Flag[];
  readonly examples: readonly (readonly [command: string, what: string])[];
  /** What is wrong with flags taken together, and with positional arguments. */
  readonly problems: (parsed: ParsedFlags) => readonly UsageProblem[];
  readonly run: (parsed: ParsedFlags, context: CommandContext, commands: Commands) => Promise<ExitCode>;
}

/** For commands that take flags only. */
export const noPositionals = ({ strays }: ParsedFlags): readonly UsageProblem[] =>
  strays.length === 0
    ? []
    : [
        {
          message: `what does ${strays.map(shown).join(' ')} mean? Only flags are expected`,
          ...(strays.some((text) => /^postgres(?:ql)?:/i.test(text))
            ? { hint: 'a database is named with --url, or better with --url-file' }
            : {}),
        },
      ];
